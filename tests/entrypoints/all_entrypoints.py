"""Every entrypoint behind one call: a use case by its name, and its result or the code of its error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from click.testing import CliRunner

from orderkeep.bootstrap import UseCases, bootstrap, bootstrap_from_settings
from orderkeep.config import Settings
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.cli.main import cli
from orderkeep.entrypoints.cli.session import Session
from tests.entrypoints.lambda_calls import KINDS, Answered, Event, Request
from tests.entrypoints.lambda_containers import call as call_lambda
from tests.entrypoints.lambda_containers import container
from tests.entrypoints.served import serving

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One call of a use case, as the scenario has it."""

    use_case: str
    input: Json
    key: str | None = None
    version: int | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of it: an answer, or the code of a refusal, what it says, and the places of the single faults."""

    answer: Any = None
    code: str | None = None
    says: str = ""
    places: list[str] = field(default_factory=list)


Ask = Callable[[Call], Outcome]

ROUTES = {
    "place_order": ("POST", "/orders"),
    "get_order": ("GET", "/orders/{order_id}"),
    "get_order_at": ("GET", "/orders/{order_id}"),
    "get_order_history": ("GET", "/orders/{order_id}/history"),
    "list_orders": ("GET", "/orders"),
    "confirm_order": ("POST", "/orders/{order_id}/confirm"),
    "ship_order": ("POST", "/orders/{order_id}/ship"),
    "deliver_order": ("POST", "/orders/{order_id}/deliver"),
    "cancel_order": ("POST", "/orders/{order_id}/cancel"),
    "issue_receipt": ("POST", "/orders/{order_id}/documents/receipt"),
    "list_documents": ("GET", "/orders/{order_id}/documents"),
    "list_events": ("GET", "/events"),
}

COMMANDS = {
    "get_order": "get",
    "get_order_at": "get",
    "get_order_history": "history",
    "list_orders": "list",
    "confirm_order": "confirm",
    "ship_order": "ship",
    "deliver_order": "deliver",
    "cancel_order": "cancel",
    "issue_receipt": "receipt",
    "list_documents": "documents",
    "list_events": "events",
}

OPTIONS = {"user_id": "user", "created_from": "from", "created_to": "to", "external_ref": "external-ref"}


@contextmanager
def http(store: str, documents: str, patch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """The app, called as a server calls it."""
    with asyncio.Runner() as runner:
        use_cases = runner.run(_opened(store, documents))
        app = create_app(Settings(auth=""), use_cases)

        async def send(request: Request) -> httpx.Response:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                headers = list(request.headers)
                return await client.request(request.method, request.target, headers=headers, content=request.body)

        def ask(call: Call) -> Outcome:
            answered = runner.run(send(_request(call)))
            return _of_http(answered.status_code, answered.json())

        try:
            yield ask
        finally:
            runner.run(_closed(use_cases))


@contextmanager
def on_lambda(
    event_of: Callable[[Request], Event], store: str, documents: str, patch: pytest.MonkeyPatch
) -> Iterator[Ask]:
    """The Lambda handler, called with events of one kind."""

    def ask(call: Call) -> Outcome:
        answered: Answered = call_lambda(module, event_of(_request(call)))
        return _of_http(answered.status, answered.json())

    with container(patch, ORDERKEEP_STORE=store, ORDERKEEP_DOCUMENTS=documents) as module:
        yield ask


@contextmanager
def command_line(store: str, documents: str, patch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """The command line, which opens the store anew for each call but where it is in memory."""
    patch.setenv("ORDERKEEP_DOCUMENTS", documents)
    patch.setenv("ORDERKEEP_ACTOR", "cli")
    kept = bootstrap(store, documents_url=documents) if store == "memory://" else None

    yield _by_command(["--store", store], kept)


def _by_command(options: list[str], kept: UseCases | None = None) -> Ask:
    def ask(call: Call) -> Outcome:
        session = Session() if kept is None else Session(open=lambda url, access: _that_stays_open(kept))
        arguments, stdin = _arguments(call)
        given = ["--json", *options, *arguments]
        result = CliRunner().invoke(cli, given, input=stdin, obj=session, prog_name="orderkeep")
        if result.exit_code == 0:
            return Outcome(json.loads(result.stdout))
        assert result.stdout == ""
        said = json.loads(result.stderr)
        return Outcome(None, said["code"], said["detail"], _places(said))

    return ask


@contextmanager
def remote_command_line(store: str, documents: str, patch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """The command line on a server, which authenticates its key unless the store is in the server's own memory."""
    auth = "" if store == "memory://" else "keys"
    patch.delenv("ORDERKEEP_STORE", raising=False)
    with serving(store=store, documents=documents, auth=auth, rate_limit=0, rate_limit_per_address=0) as (client, _):
        patch.setenv("ORDERKEEP_REMOTE", str(client.base_url))
        if auth:
            patch.setenv("ORDERKEEP_API_KEY", asyncio.run(_new_key(store)))
        yield _by_command([])


Entrypoint = Callable[[str, str, pytest.MonkeyPatch], AbstractContextManager[Ask]]

ENTRYPOINTS: dict[str, Entrypoint] = {
    "http": http,
    **{f"lambda-{kind}": partial(on_lambda, event_of) for kind, event_of in KINDS.items()},
    "cli": command_line,
    "cli-remote": remote_command_line,
}


def _request(call: Call) -> Request:
    method, path = ROUTES[call.use_case]
    given = dict(call.input)
    if "{order_id}" in path:
        path = path.format(order_id=quote(given.pop("order_id"), safe=""))
    query = {"dry_run": "true"} if call.dry_run else {}
    headers = [("Idempotency-Key", call.key)] if call.key else []
    headers += [("If-Match", f'"{call.version}"')] if call.version else []
    if method == "GET":
        query |= given
        given = {}
    target = f"{path}?{urlencode(query)}" if query else path
    if not given:
        return Request(method, target, tuple(headers))
    headers.append(("Content-Type", "application/json"))
    return Request(method, target, tuple(headers), json.dumps(given).encode())


def _of_http(status: int, body: Any) -> Outcome:
    if status < 400:
        return Outcome(body)
    return Outcome(None, body["code"], body["detail"], _places(body))


def _places(said: Json) -> list[str]:
    return sorted(error["pointer"] for error in said.get("errors", ()) if "pointer" in error)


def _arguments(call: Call) -> tuple[list[str], str | None]:
    conditions = ["--key", call.key] if call.key else []
    conditions += ["--expected-version", str(call.version)] if call.version else []
    conditions += ["--dry-run"] if call.dry_run else []
    if call.use_case == "place_order":
        return ["place", "--data", "-", *conditions], json.dumps(call.input)
    given = dict(call.input)
    named = [given.pop("order_id")] if "order_id" in given else []
    options = [part for name, value in given.items() for part in (f"--{OPTIONS.get(name, name)}", str(value))]
    return [COMMANDS[call.use_case], *named, *options, *conditions], None


async def _new_key(store: str) -> str:
    use_cases = bootstrap(store)
    try:
        return (await use_cases.create_api_key.execute("tests", scopes=["admin"])).key
    finally:
        await use_cases.close()


async def _opened(store: str, documents: str) -> UseCases:
    return bootstrap_from_settings(Settings(store=store, documents=documents))


async def _closed(use_cases: UseCases) -> None:
    await use_cases.close()


def _that_stays_open(use_cases: UseCases) -> UseCases:
    async def close() -> None:
        return None

    return replace(use_cases, close=close)
