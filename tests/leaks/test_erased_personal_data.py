"""Personal data is nowhere but in its record, its label and its receipts, and after an erasure nowhere at all.

Each value is unique, and looked for in every byte that a store and its documents consist of.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import random
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import email_label
from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.export_to_document import OrderFormat
from orderkeep.application.use_cases.import_orders import ImportRow
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.domain.personal_data import Address, Customer, PersonalData
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.cloud_events import cloud_events
from orderkeep.infrastructure.dynamo_repo.client import OrdersTable
from orderkeep.infrastructure.filesystem_documents import FolderDocumentStore
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from orderkeep.testing.orders import place_command
from orderkeep.testing.stores import read_feed
from tests.receipts import PlainReceipts
from tests.servers.dynamodb import REGION, Server
from tests.servers.schemas import look
from tests.test_import_orders import kept_elsewhere

STAFF = Actor(ActorKind.STAFF, "anna", frozenset({Scope.ADMIN}))
EVERY_TABLE = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"

Contents = Callable[[], Awaitable[str]]
"""Returns all that a store consists of, as text."""


def canary(mark: str) -> PersonalData:
    """Return personal data in which every value contains the mark."""
    names = ("name", "company", "line1", "line2", "city", "region")
    address = Address(**{name: f"{mark} {name}" for name in names}, postal_code=mark)
    return PersonalData(Customer(f"{mark} name", f"{mark}@example.com", f"{mark} 030"), address, address)


def in_sqlite(path: Path) -> Contents:
    async def contents() -> str:
        return "".join(file.read_bytes().decode("latin-1") for file in sorted(path.parent.glob("orders.db*")))

    return contents


def in_postgres(url: str) -> Contents:
    async def contents() -> str:
        tables = [name for (name,) in await look(url, EVERY_TABLE)]
        return repr([await look(url, f"SELECT * FROM {table}") for table in tables])

    return contents


def in_dynamodb(name: str, server: Server) -> Contents:
    def plain(value: dict[str, Any]) -> str:
        return zlib.decompress(base64.b64decode(value["B"])).decode() if "B" in value else str(value)

    async def contents() -> str:
        table = OrdersTable(name, Endpoint.of("dynamodb", REGION, server.endpoint))
        found: list[dict[str, Any]] = []
        for index in ({}, {"IndexName": "by_label"}, {"IndexName": "by_user_label"}):
            found += (await table.call("Scan", index))["Items"]
        await table.close()
        return repr([{key: plain(value) for key, value in item.items()} for item in found])

    return contents


@pytest.fixture(params=["sqlite", "postgres", "dynamodb"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Contents]:
    """The URL of an empty store, and what returns its contents."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/orders.db", in_sqlite(tmp_path / "orders.db")
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        return url, in_postgres(url)
    server: Server = request.getfixturevalue("dynamodb")
    name = asyncio.run(server.new_table())
    return server.url_of(name), in_dynamodb(name, server)


async def use_and_provoke(do: UseCases, marks: list[str]) -> list[str]:
    """Do all that can be done with personal data, with a value of its own each time; return what was said of it."""
    said: list[str] = []

    async def rejected(call: Awaitable[object]) -> None:
        try:
            await call
        except OrderkeepError as error:
            said.append(f"{error!r} {vars(error)}")
        else:
            raise AssertionError(call)

    placed, edited, wrong, imported, other = marks
    key = CommandContext(actor=STAFF, key="the-key")
    order_id = (await do.place_order.execute(place_command(personal=canary(placed)), key)).order_id
    await rejected(do.place_order.execute(place_command(personal=canary(wrong)), key))
    await rejected(do.place_order.execute(place_command(personal=PersonalData(Customer(email=wrong)))))
    await do.issue_receipt.execute(order_id)
    await do.edit_order.execute(order_id, {"customer": {"email": f"{edited}@example.com"}})
    await rejected(do.edit_order.execute(order_id, {"billing_address": {"country": wrong}}))
    await rejected(do.edit_order.execute(order_id, {"billing_address": {"city": f"{wrong}\n"}}))
    for command in (do.confirm_order, do.ship_order, do.deliver_order):
        await command.execute(order_id, CommandContext(actor=STAFF))
    await do.issue_receipt.execute(order_id)
    for email in (placed, edited):
        await do.list_orders.execute(OrderFilter(tag=email_label(f"{email}@example.com")))
    row = ImportRow(1, kept_elsewhere(1, user_id="user-1"), personal=canary(imported))
    await do.import_orders.execute([row])
    again = await do.import_orders.execute([ImportRow(2, row.order, personal=canary(other))])
    said += [repr(problem) for problem in again.problems]
    await do.export_to_document.execute(OrderFormat("application/jsonl", b"", lambda json: json))
    said.append(repr(await do.verify_orders.execute(read_documents=True)))
    return said


async def test_erased_values_are_nowhere(
    opened: tuple[str, Contents], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url, contents = opened
    store = open_store(url)
    files = tmp_path / "documents"
    do = build_use_cases(store, FolderDocumentStore(files), {"html": PlainReceipts()})
    marks = [f"c4n4ry{random.getrandbits(56):014x}" for _ in range(5)]
    said = await use_and_provoke(do, marks)
    kept = await do.place_order.execute(place_command(user_id="user-2", personal=canary("r3m41ns")))

    changes = await read_feed(store)
    said += [repr(changes), *(event.to_json().decode() for change in changes for event in cloud_events(change))]
    said += [repr(await do.get_order_history.execute(kept.order_id)), caplog.text]
    assert [mark for mark in marks if any(mark in text for text in said)] == []
    before = await contents() + "".join(file.read_text() for file in files.rglob("*.html"))
    placed, edited, _, imported, _ = marks
    assert [mark for mark in marks if mark in before] == [placed, edited, imported], "the first in its receipt"
    exported = "".join(file.read_text() for file in files.rglob("*.jsonl"))
    assert exported.count('"personal_data":"') == 2
    assert "c4n4ry" not in exported

    erasure = await do.erase_personal_data.execute(user_id="user-1")
    assert (erasure.orders, erasure.erased) == (2, 2)
    after = await contents()
    assert "c4n4ry" not in after
    assert "r3m41ns" in after, "what is not erased stays"
    assert "c4n4ry" not in "".join(file.read_text() for file in files.rglob("*") if file.is_file())
    assert "c4n4ry" not in caplog.text
    assert (await do.verify_orders.execute(read_documents=True)).problems == []
    await do.close()


async def test_no_free_page_of_the_file_keeps_what_was_erased(tmp_path: Path) -> None:
    """Rows are added, changed and erased in a random order, so that pages are split, merged and freed."""
    path = tmp_path / "orders.db"
    store = SqliteOrderRepository(path)
    do = build_use_cases(store)
    choose = random.Random(1)
    marks: dict[str, str] = {}
    erased: list[str] = []
    for number in range(400):
        mark = f"c4n4ry{choose.getrandbits(56):014x}"
        command = place_command(number, personal=canary(mark), tags=(f"{choose.random()}",))
        marks[(await do.place_order.execute(command)).order_id] = mark
        if number % 3 == 0:
            order_id = choose.choice([*marks])
            erased.append(marks[order_id])
            marks[order_id] = f"c4n4ry{choose.getrandbits(56):014x}"
            email = f"{marks[order_id]}@example.com"
            await do.edit_order.execute(
                order_id,
                {
                    "customer": {"name": None, "email": email, "phone": None},
                    "shipping_address": None,
                    "billing_address": None,
                },
            )
        if number % 2:
            order_id = choose.choice([*marks])
            erased.append(marks.pop(order_id))
            order = await store.get_by_id(order_id)
            assert order is not None
            order.erase_personal_data(at=order.updated_at)
            await store.save(order)
    await store.purge()

    content = await in_sqlite(path)()
    assert len(erased) > 300
    assert [mark for mark in erased if mark in content] == []
    assert all(mark in content for mark in marks.values())
    await store.close()
    with suppress(FileNotFoundError):
        assert not path.with_name("orders.db-wal").read_bytes()


def test_canary_is_in_every_field() -> None:
    data = json.loads(canary("c4n4ry").json)
    values = [value for part in data.values() for value in part.values() if value is not None]
    assert len(values) == 3 + 7 + 7
    assert all("c4n4ry" in value for value in values)
