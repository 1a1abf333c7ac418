"""The settings: environment variables that start with SAMPLE_SERVICE_, all of them optional."""

import os
import re  # with: webhooks
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit  # with: webhooks

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "SAMPLE_SERVICE_"
_SECRET = re.compile("whsec_([A-Za-z0-9+/]{4}){8,21}([A-Za-z0-9+/]{2}[A-Za-z0-9+/=]=)?")  # with: webhooks


class InvalidSettings(ValueError):
    """A setting has an invalid value; the message names the variable and the rule."""


class Settings(BaseSettings):
    """All settings. `SAMPLE_SERVICE_STORE` sets `store`, and so on; arguments override the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, hide_input_in_errors=True)

    store: str = Field("sqlite:///sample_service.db", description="URL of the store.")
    host: str = Field("127.0.0.1", description="Address to listen on.")  # with: http
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 selects a free one.")  # with: http

    # with: webhooks:
    webhook_url: str = Field("", description="URL that changes are sent to. Without it, they are kept.")
    webhook_secret: str = Field("", repr=False, validate_default=True, description="Secret that signs them.")

    @field_validator("webhook_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = urlsplit(value)
        is_web = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if value and not (is_web and value.isascii() and value.isprintable() and " " not in value):
            raise ValueError("must be a URL such as https://example.com/webhooks")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _check_secret(cls, value: str, about: ValidationInfo) -> str:
        secrets = value.split()
        if not all(map(_SECRET.fullmatch, secrets)) or (about.data.get("webhook_url") and not secrets):
            raise ValueError("must be whsec_ and 24 to 64 bytes in Base64, or several of them with spaces between")
        return value

    # end
    @field_validator("*", mode="before")
    @classmethod
    def _check_not_empty(cls, value: Any, about: ValidationInfo) -> Any:
        if value == "" and about.field_name and cls.model_fields[about.field_name].default != "":
            raise ValueError("is set but empty: set it to a value, or unset it")
        return value


def load_settings() -> Settings:
    """Return the settings from the environment. Raises `InvalidSettings`."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        rule = str(first["msg"]).removeprefix("Value error, ")
        raise InvalidSettings(f"{PREFIX}{str(first['loc'][0]).upper()}: {rule}") from None


def unknown_variables() -> Iterator[str]:
    """Yield a warning for each variable that begins with SAMPLE_SERVICE_ and is no setting."""
    known = {*map(str.upper, Settings.model_fields)}
    for variable in sorted(os.environ):
        name = variable.upper().removeprefix(PREFIX)
        if variable.upper().startswith(PREFIX) and name not in known and not name.startswith("TEST_"):
            nearest = [f"did you mean {PREFIX}{each}?" for each in get_close_matches(name, known, n=1)]
            yield f"{variable} is not a setting: {(*nearest, f'known are {sorted(known)}')[0]}"
