"""Personal data that was erased is in no table, file, document, event or response; and until then in no log, metric,
error, event or history. The canaries are in personal data only, and may be nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.documents import open_documents, receipt_renderers
from orderkeep.bootstrap.stores import open_store
from orderkeep.config import Settings
from orderkeep.entrypoints.api.app import create_app
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.cloud_events import cloud_events
from orderkeep.infrastructure.dynamo_repo.client import OrdersTable
from tests.entrypoints.cli_calls import run
from tests.leaks.canaries import ADDRESS_FIELDS, VALUE
from tests.leaks.listening import Leak, hold, hold_answer, listening
from tests.servers.schemas import look

STAFF = Actor(ActorKind.STAFF, "anna", EVERY_SCOPE)
EMAIL = f"Jane.{VALUE}@Example.com"
PERSON = {
    "customer": {"name": f"Jane {VALUE}", "email": EMAIL, "phone": f"+49 30 {VALUE}"},
    "shipping_address": {name: f"{name} {VALUE}" for name in ADDRESS_FIELDS},
    "billing_address": {name: f"{VALUE} {name}" for name in ADDRESS_FIELDS},
}
ORDER = {"user_id": "user-42", "currency": "EUR", "total": 9900, "external_ref": "web-1", **PERSON}
BAD = [{"customer": {"email": VALUE}}, {"customer": {"name": VALUE * 50}}, {"billing_address": {"country": VALUE}}]
FORMS = (VALUE, VALUE.encode().hex(), base64.b64encode(VALUE.encode()).decode()[:8])


async def contents_of(store_url: str, folder: Path) -> str:
    """Return all that a durable store contains, as text; of SQLite, each byte of its files."""
    if store_url.startswith("sqlite"):
        return files_in(folder, "orders.db*")
    if store_url.startswith("postgres"):
        tables = await look(store_url, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        rows = [await look(store_url, f'SELECT t::text FROM "{name}" t') for (name,) in tables]
        return json.dumps(rows, default=str)
    name, _, endpoint = store_url.removeprefix("dynamodb://").partition("?")
    options = dict(each.split("=", 1) for each in endpoint.split("&"))
    table = OrdersTable(name, Endpoint.of("dynamodb", options.get("region"), options.get("endpoint")))
    try:
        items = (await table.call("Scan", {"ConsistentRead": True}))["Items"]
    finally:
        await table.close()
    return json.dumps([*_texts_in(items)])


def _texts_in(value: Any) -> Iterator[str]:
    """Yield all texts, also compressed ones."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts_in(each)
    else:
        yield str(value)
        try:
            yield zlib.decompress(base64.b64decode(str(value)), 47).decode("latin-1")
        except (ValueError, zlib.error):
            return


def files_in(folder: Path, names: str = "*") -> str:
    return "".join(file.read_bytes().decode("latin-1") for file in folder.rglob(names) if file.is_file())


@pytest.mark.parametrize("store_url", ["sqlite", "postgres", "dynamodb"], indirect=True)
def test_erased_personal_data_is_nowhere(store_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    documents = tmp_path / "documents"

    async def ask_and_erase() -> None:
        store: OrderStore = open_store(store_url)
        use_cases = build_use_cases(store, open_documents(f"folder:///{documents}"), receipt_renderers("Lamps"))
        app = create_app(
            Settings(auth="authorizer", access_log=True, rate_limit=0, rate_limit_per_address=0),
            use_cases,
            caller_of=lambda _: STAFF,
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

            async def ask(method: str, path: str, body: Any = None) -> httpx.Response:
                answer = await client.request(method, path, json=body)
                hold_answer(f"{method} {path}", answer.status_code, answer.headers, answer.content)
                return answer

            async def nothing_but_the_order_has_it(order_id: str) -> None:
                changes = (await store.read_changes(0, 100)).changes
                hold("the feed", msgspec.json.encode(changes).decode(), *FORMS)
                events = [event for change in changes for event in cloud_events(change)]
                hold("the events", repr(events), *FORMS)
                hold("the history", (await ask("GET", f"/orders/{order_id}/history")).text, *FORMS)
                hold("the metrics", (await ask("GET", "/metrics")).text, *FORMS)

            for bad in BAD:
                assert (await ask("POST", "/orders", {**ORDER, **bad})).status_code == 422
            order_id = (await ask("POST", "/orders", ORDER)).json()["id"]
            path = f"/orders/{order_id}"
            for bad in BAD:
                assert (await ask("PATCH", path, bad)).status_code == 422
            assert (await ask("POST", f"{path}/documents/receipt")).status_code == 201
            changed = {"customer": {"name": f"{VALUE} Roe", "email": f"roe.{VALUE}@example.com"}}
            assert (await ask("PATCH", path, changed)).status_code == 200
            for command in ("confirm", "documents/receipt", "ship", "deliver", "ship"):
                await ask("POST", f"{path}/{command}")
            for seen in (path, "/orders?external_ref=web-1", f"{path}/actions"):
                await ask("GET", seen)
            await nothing_but_the_order_has_it(order_id)
            with pytest.raises(Leak):
                hold("the store", await contents_of(store_url, tmp_path), *FORMS)
            with pytest.raises(Leak):
                hold("the documents", files_in(documents), *FORMS)

            erased = await ask("POST", "/erasures", {"orders": [order_id]})
            assert erased.json() == {"orders": 1, "erased": 1}
            hold("the store", await contents_of(store_url, tmp_path), *FORMS)
            hold("the documents", files_in(documents), *FORMS)
            await nothing_but_the_order_has_it(order_id)
            for seen in (path, "/orders", *(f"{path}?version={version}" for version in range(1, 7))):
                hold(seen, (await ask("GET", seen)).text, *FORMS)
            assert (await use_cases.verify_orders.execute(read_documents=True)).problems == []
        await use_cases.close()

    with listening():
        asyncio.run(ask_and_erase())
    hold("what was printed", "".join(capfd.readouterr()))
    hold("the documents", files_in(documents), *FORMS)
    if store_url.startswith("sqlite"):
        hold("the file", asyncio.run(contents_of(store_url, tmp_path)), *FORMS)


def test_erase_on_the_command_line_leaves_no_byte(tmp_path: Path) -> None:
    """Until then, the data is in the output of commands that show the order, and never on stderr."""

    def call(*args: str, code: int = 0) -> str:
        done = run("--store", f"sqlite:///{tmp_path}/orders.db", *args, cwd=tmp_path)
        hold(f"{args[0]}: stderr", done.stderr.decode(), *FORMS)
        assert done.returncode == code, done.stderr
        return done.stdout.decode()

    new = ("place", "--user", "user-42", "--total", "1", "--currency", "EUR", "--external-ref", "web-1")
    person = ("--customer-name", f"Jane {VALUE}", "--email", EMAIL, "--ship-to", f"line1={VALUE} Street 12")
    for wrong in (("--email", VALUE), ("--ship-to", f"country={VALUE}"), ("--customer-name", VALUE * 50)):
        call(*new, *wrong, code=5)
    assert VALUE in call(*new, *person)
    assert VALUE in call("get", "web-1")
    assert VALUE in call("export-person", "--user", "user-42")
    assert VALUE in call("receipt", "web-1", "-o", "-")
    hold("history", call("history", "web-1", "--json"), *FORMS)
    call("confirm", "web-1")
    call("export", "--to-documents")
    assert VALUE in files_in(tmp_path / "documents"), "the receipt"

    call("erase", "web-1", "--yes")
    for command in ("get", "history", "documents"):
        hold(command, call(command, "web-1", "--json"), *FORMS)
    for arguments in (["export"], ["export-person", "--user", "user-42"], ["verify", "--documents"]):
        hold(arguments[0], call(*arguments), *FORMS)
    hold("a file", files_in(tmp_path), *FORMS)
