"""What does the same as a form, for a shell: a request with curl, and an `orderkeep` command. Both contain no key: they
read it from the environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial, reduce
from inspect import signature
from shlex import quote
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote as percent_encoded
from uuid import uuid4

import click
import msgspec

from orderkeep.application.change_order import SYSTEM_CONTEXT
from orderkeep.domain.value_objects import in_major_units
from orderkeep.entrypoints.cli.commands import COMMANDS

if TYPE_CHECKING:
    from orderkeep.bootstrap import UseCases
    from orderkeep.entrypoints.console.action_forms import Action
    from orderkeep.entrypoints.console.fields import Order
    from orderkeep.entrypoints.console.pages import Page

KEY = "ORDERKEEP_API_KEY"
"""The variable with the key, which also `orderkeep --remote` reads."""

EDIT = "PATCH /orders/{order_id}"
NEXT = " \\\n  "
"""Between the parts of a request: on the next line."""

_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Equivalents:
    """The texts to copy. `command` is empty if no command can do it."""

    curl: str
    command: str


class _Call(Exception):
    """What an action calls."""

    def __init__(self, use_case: str, arguments: Mapping[str, Any]) -> None:
        super().__init__(use_case)
        self.use_case, self.arguments = use_case, dict(arguments)


class _Recorder:
    """Use cases that raise what they are called with instead of doing anything."""

    def __init__(self, use_cases: UseCases) -> None:
        self._use_cases = use_cases

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(execute=partial(self._record, name))

    async def _record(self, name: str, *positional: Any, **named: Any) -> None:
        execute: Callable[..., Any] = getattr(self._use_cases, name).execute
        arguments = signature(execute).bind(*positional, **named).arguments
        raise _Call(name, {key: value for key, value in arguments.items() if key not in ("order_id", "context")})


async def equivalents_of(page: Page, action: Action, order: Order, values: Mapping[str, Any]) -> Equivalents | None:
    """Return what does the same as an action with these values, if the order is still at this version; None if the
    values change nothing.
    """
    try:
        await action.run(cast("UseCases", _Recorder(page.use_cases)), order, SYSTEM_CONTEXT, values)
    except _Call as made:
        call = made
    if call.arguments.get("changes") == {}:
        return None
    names = [
        name for name, row in COMMANDS.items()
        if row.use_case == call.use_case and row.fixed.items() <= call.arguments.items()
    ]  # fmt: skip
    command = "".join(names)
    fixed = COMMANDS[command].fixed if command else {}
    given = {name: value for name, value in call.arguments.items() if name not in fixed and value is not None}
    request = COMMANDS[command].request if command else EDIT
    options = _options(command, given, order["currency"]) if command else _edit_options(given["changes"], order)
    return Equivalents(
        _curl(page, request, order, given),
        "" if options is None else _command(page, command or "edit", order["version"], order["id"], *options),
    )


def of_reading(page: Page, order_id: str, version: int | None) -> Equivalents:
    """Return what shows an order as it is, or at a version."""
    query, options = ("", []) if version is None else (f"?version={version}", [f"--version {version}"])
    url = _url(page, f"/orders/{percent_encoded(order_id, safe='')}{query}")
    return Equivalents(NEXT.join([f"curl {quote(url)}", *_key(page)]), _command(page, "get", None, order_id, options))


def _url(page: Page, path: str) -> str:
    return str(page.request.base_url).rstrip("/") + path


def _key(page: Page) -> list[str]:
    return [] if page.is_local else [f'-H "Authorization: Bearer ${KEY}"']


def _curl(page: Page, request: str, order: Order, given: Mapping[str, Any]) -> str:
    method, _, template = request.partition(" ")
    body = dict(given) | {"order_id": order["id"]}
    path = _PARAMETER.sub(lambda found: percent_encoded(str(body.pop(found[1])), safe=""), template)
    body |= body.pop("changes", {})
    body = {name: value for name, value in body.items() if value not in ((), [])}
    parts = [
        f"curl -X {method} {quote(_url(page, path))}",
        *_key(page),
        f"-H 'Idempotency-Key: {uuid4()}' -H 'If-Match: \"{order['version']}\"'",
    ]
    if body:
        text = json.dumps(msgspec.to_builtins(body), ensure_ascii=False)
        parts.append(f"-H 'Content-Type: application/json' -d {quote(text)}")
    return NEXT.join(parts)


def _command(page: Page, name: str, version: int | None, order_id: str, options: list[str], *arguments: str) -> str:
    conditions = [] if version is None else [f"--expected-version {version}"]
    arguments = (order_id, *arguments)
    end = ["--"] if any(each.startswith("-") for each in arguments) else []
    remote = f"--remote {quote(_url(page, ''))}"
    return " ".join(["orderkeep", name, remote, *conditions, *options, *end, *map(quote, arguments)])


def _options(command: str, given: Mapping[str, Any], currency: str) -> tuple[list[str], *tuple[str, ...]]:
    """Return the options of a command, and its arguments after the order's ID."""
    values = dict(given) | given.get("changes", {})
    options, arguments = list[str](), list[str]()
    for parameter in _parameters(command):
        value = values.get(parameter.name or "")
        if isinstance(parameter, click.Argument):
            arguments.append(str(value))
        elif parameter.name == "everything":
            options += [] if values["lines"] else ["--all"]
        elif value is not None:
            texts = _texts(value, currency) if isinstance(value, (tuple, list)) else [_text(value, currency)]
            options += [f"{parameter.opts[0]} {quote(text)}" for text in texts]
    return options, *arguments


def _parameters(command: str) -> list[click.Parameter]:
    """Return the parameters that a row of `COMMANDS` declares."""

    def nothing() -> None: ...

    decorated = reduce(lambda function, option: option(function), COMMANDS[command].options, nothing)
    found: list[click.Parameter] = getattr(decorated, "__click_params__", [])
    return found


def _texts(values: Any, currency: str) -> Iterator[str]:
    for each in values:
        yield f"{each.line}={each.quantity}" if hasattr(each, "line") else _text(each, currency)


def _text(value: Any, currency: str) -> str:
    if isinstance(value, int):  # an amount
        return str(in_major_units(value, currency))
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def _edit_options(changes: Mapping[str, Any], order: Order) -> tuple[list[str]] | None:
    """Return the options of `orderkeep edit`; None if it has none for these changes."""
    options = [f"--tag {quote(tag)}" for tag in changes.get("tags", ()) if tag not in order["tags"]]
    if "tags" in changes:
        options += [f"--untag {quote(tag)}" for tag in order["tags"] if tag not in changes["tags"]]
    given = [("--external-ref", changes["external_ref"])] if "external_ref" in changes else []
    names = {"name": "--customer-name", "email": "--email", "phone": "--phone"}
    given += [(names[name], text) for name, text in changes.get("customer", {}).items()]
    for name, text in changes.get("shipping_address", {}).items():
        given.append(("--ship-to", text and f"{name}={text}"))
    if any(text is None for _, text in given) or not (options or given):
        return None
    return ([*options, *(f"{name} {quote(text)}" for name, text in given)],)
