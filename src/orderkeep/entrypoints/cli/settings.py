"""The service's settings, from options and the environment; read only by the commands that need them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import click
from pydantic import SecretBytes, SecretStr, ValidationError

from orderkeep.config import Settings

HIDDEN = "***"
_SECRET_PARAMETER = re.compile(r"([?&][^=&#]*(?:password|secret|token|key)[^=&#]*=)[^&#]+", re.IGNORECASE)

_PASSWORD_OF_ENDPOINT = re.compile(
    r"([?&][^=&#]*=[a-z]+(?::|%3A)(?://|%2F%2F)[^/?&#@]*?(?::|%3A))[^/?&#@]+(?:@|%40)", re.IGNORECASE
)


def load_settings(**options: Any) -> Settings:
    """Return the settings; options that are None are as the environment says. Raises `click.UsageError`."""
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        name = str(wrong["loc"][0])
        where = f"--{name}" if name in given else variable_of(name)
        raise click.UsageError(f"{where} cannot be used: {_rule(wrong['msg'])}.") from None


def _rule(message: str) -> str:
    """Return what pydantic says, as the end of a sentence. Names in it, such as RS256, stay as they are."""
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"{Settings.model_config['env_prefix']}{name}".upper()


def shown(value: object) -> str | int | bool:
    """Return a setting's value as it may be shown: without secrets, and without the passwords in URLs."""
    if isinstance(value, SecretStr | SecretBytes):
        return HIDDEN
    if isinstance(value, bool | int):
        return value
    text = str(value)
    if "://" not in text:
        return text
    try:
        password = urlsplit(text).password
    except ValueError:
        return HIDDEN
    if password:
        text = text.replace(f":{password}@", f":{HIDDEN}@", 1)
    text = _PASSWORD_OF_ENDPOINT.sub(rf"\1{HIDDEN}@", text)
    return _SECRET_PARAMETER.sub(rf"\1{HIDDEN}", text)
