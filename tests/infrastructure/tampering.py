"""Ways to tamper with a durable store, drawn from what it contains: every column of every table, every attribute of
every kind of item. A new column or table adds its own ways.

The content of a store is a `State`: the rows of each table. A way alters a copy of it, which is then loaded.
"""

import asyncio
import base64
import copy
import json
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from orderkeep.application.dtos import LABEL, email_label
from orderkeep.application.ports import OrderStore
from orderkeep.application.use_cases.create_checkpoint import CreateCheckpointUseCase
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.payments import Payment
from orderkeep.domain.value_objects import Hold, Money
from orderkeep.infrastructure.checkpoint_files import Ed25519CheckpointFiles
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.serialization import ChangeRecord, hash_of, tags_in
from orderkeep.testing.orders import SINCE, small_order
from orderkeep.testing.personal_data import personal_data, salt_of
from tests.docs.pages import CHECKOUT

Row = dict[str, Any]
State = dict[str, list[Row]]
Way = Callable[[State], object]
Ways = Iterator[tuple[str, Way]]

CHANGES = 8
"""How many changes `save_orders` makes."""

LEAST = 60
"""How many ways there are at least in each store, besides those that the database itself rejects."""

PAGE = CHECKOUT / "docs" / "explanation" / "guarantees.md"


async def save_orders(store: OrderStore) -> None:
    """Save four orders and their changes; the last change is one of `order-1`, and the newest order is `order-4`. The
    tags of `order-2` change, `order-1` gets its reference later, and both `order-2` and `order-4` have labels. The
    orders `order-3` and `order-4` have personal data.
    """
    first, second, third, fourth = (small_order(f"order-{number}") for number in (1, 2, 3, 4))
    for number, order in enumerate((first, second, third, fourth), start=1):
        order.user_id, order.total = f"user-{number}", Money(9_900 + number, "EUR")
        order.set_attribution(
            Attribution(f"staff:{number}", f"placing-{number}", f"print-{number}", f"request-{number}")
        )
    first.tags, second.tags = ("express", "fragile"), ("later",)
    fourth.hold = Hold("address", None, None, SINCE)
    third.external_ref, third.tags = "web-3", ("gift",)
    third.add_personal_data(personal_data(3), salt_of(3))
    fourth.add_personal_data(personal_data(4), salt_of(4))
    await store.save(first)
    await store.save(second, third)
    for hours, act in enumerate((first.confirm, second.confirm, first.ship), start=1):
        act(at=SINCE + timedelta(hours=hours))
        order = second if act == second.confirm else first
        if order is second:
            order.record_payment(Payment("pay-2", "captured", 5_000, "card", SINCE), at=SINCE)
            order.tags = ("sooner",)
        first.external_ref = "web-1"
        order.set_attribution(Attribution("staff:anna", f"key-{hours}", f"print-of-{hours}"))
        await store.save(order)
    await store.save(fourth)
    first.deliver(at=SINCE + timedelta(hours=4))
    await store.save(first)


@dataclass
class Findings:
    """The names of the ways, by how they are found. `rejected` are those that the database itself rejects."""

    by_verify: list[str] = field(default_factory=list)
    by_checkpoint: list[str] = field(default_factory=list)
    not_at_all: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    without_effect: list[str] = field(default_factory=list)


async def try_ways(
    ways: Ways,
    state: State,
    load: Callable[[State], Awaitable[State | None]],
    opened: Callable[[], OrderStore],
    file: bytes,
) -> Findings:
    """Load the state of each way and verify it: without the checkpoint, and if that finds nothing, with it. `load`
    returns the state as loaded, or None if the database rejects it.
    """
    found = Findings()
    for name, way in ways:
        tampered = copy.deepcopy(state)
        way(tampered)
        loaded = await load(tampered)
        if loaded is None:
            found.rejected.append(name)
        elif _content(loaded) == _content(state):
            found.without_effect.append(name)
        elif await _problems(opened):
            found.by_verify.append(name)
        elif await _problems(opened, file):
            found.by_checkpoint.append(name)
        else:
            found.not_at_all.append(name)
    return found


def _content(state: State) -> dict[str, list[str]]:
    return {table: sorted(map(repr, rows)) for table, rows in state.items()}


async def checkpoint_of(store: OrderStore) -> bytes:
    """Return the file of a checkpoint of all changes, which the store contains from now on as well. On PostgreSQL, the
    transactions of other tests hold back the newest changes for a while.
    """
    while True:
        made = await CreateCheckpointUseCase(store, Ed25519CheckpointFiles(), InMemoryDocumentStore()).execute()
        if made.checkpoint.changes == CHANGES:
            return made.file
        await asyncio.sleep(0.01)


async def _problems(opened: Callable[[], OrderStore], file: bytes | None = None) -> list[str]:
    store = opened()
    try:
        verify = VerifyOrdersUseCase(store, files=Ed25519CheckpointFiles())
        return [problem.message for problem in (await verify.execute(checkpoint_file=file)).problems]
    finally:
        await store.close()


def on_the_page(names: list[str]) -> list[str]:
    """Return the ways as the page on guarantees lists them: those of a column as one."""
    return sorted({name.partition(":")[0] for name in names})


def listed_on_the_page(store: str) -> list[str]:
    """Return the ways that the page on guarantees lists as found with a checkpoint only."""
    lines = PAGE.read_text(encoding="utf-8").partition("## What `verify` finds")[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    column = rows[0].index(store)
    return sorted(row[0].strip("`") for row in rows[2:] if row[column] == "checkpoint")


def drawn_ways(state: State) -> Ways:
    """Yield the ways of each table and column."""
    for table, rows in state.items():
        if not rows:
            continue
        for column in dict.fromkeys(name for row in rows for name in row):
            yield from _ways_of_column(table, column)
        for where, index in (("first", 0), ("last", -1)):
            yield f"{table}: {where} row deleted", partial(_delete, table, index)
            yield f"{table}: {where} row added again with other numbers", partial(_add_with_other_numbers, table, index)
            for key in rows[index]:
                yield f"{table}: {where} row added again with another {key}", partial(_add_again, table, index, key)
        yield f"{table}: all rows deleted", partial(_delete, table, slice(None))


def _ways_of_column(table: str, column: str) -> Ways:
    def on_row(name: str, index: int, change: Callable[[list[Row], Row], object]) -> tuple[str, Way]:
        def way(state: State) -> object:
            rows = [row for row in state[table] if column in row]
            return change(rows, rows[index])

        return f"{table}.{column}: {name} in the {'first' if index == 0 else 'last'} row", way

    for index in (0, -1):
        yield on_row("altered", index, lambda _, row: row.update({column: altered(row[column])}))
        yield on_row("emptied", index, lambda _, row: row.update({column: emptied(row[column])}))
        yield on_row("removed", index, lambda _, row: row.update({column: None}))
        yield on_row("copied", index, lambda rows, row: row.update({column: _other(rows, row, column)}))
        yield on_row("swapped", index, lambda rows, row: _swap(rows, row, column))


def _delete(table: str, index: int | slice, state: State) -> None:
    del state[table][index]


def _add_again(table: str, index: int, key: str, state: State) -> None:
    row = state[table][index]
    state[table].append({**row, key: altered(row[key])})


def _add_with_other_numbers(table: str, index: int, state: State) -> None:
    row = state[table][index]
    state[table].append({**row, **{name: value + 1_000 for name, value in row.items() if isinstance(value, int)}})


def _other(rows: list[Row], row: Row, column: str) -> Any:
    return next((other[column] for other in rows if other[column] != row[column]), row[column])


def _swap(rows: list[Row], row: Row, column: str) -> None:
    other = next((other for other in rows if other[column] != row[column]), row)
    row[column], other[column] = other[column], row[column]


def altered(value: Any) -> Any:
    """Return another value of the same type; of JSON, the same value in other bytes."""
    match value:
        case None:
            return 1
        case int():
            return value + 1
        case datetime():
            return value + timedelta(microseconds=1)
        case str() if value[:1] in "{[" and value:
            return f"{value[0]} {value[1:]}"
        case str():
            return value + "x"
        case {"S": text}:
            return {"S": altered(text) if not text.isdigit() else f"{int(text) + 1:0{len(text)}}"}
        case {"N": digits}:
            return {"N": str(int(digits) + 1)}
        case {"B": packed}:
            return {"B": base64.b64encode(zlib.compress(b" " + zlib.decompress(base64.b64decode(packed)))).decode()}
    raise TypeError(value)


def emptied(value: Any) -> Any:
    """Return the empty value of the same type."""
    match value:
        case datetime():
            return SINCE - timedelta(days=9_999)
        case str() if value[:1] in "{[" and value:
            return "{}"
        case str():
            return ""
        case {"S": text}:
            return {"S": emptied(text)}
        case {"N": _} | {"B": _}:
            return {"N": "0"}
    return 0


# Ways by hand, of the tables of both SQL stores. `feed` are the columns of a position.


def ways_in_sql(feed: tuple[str, ...]) -> Ways:
    """Yield ways that alter several rows, or the inside of a document."""
    yield from _rows_beside_changes()
    yield from _feed_and_losses(feed)
    yield "an order's whole history rewritten", lambda state: _rewrite(state, "order-1", 0)
    yield "an order's last change rewritten", lambda state: _rewrite(state, "order-1", 3)
    yield "an order's changes moved to another ID", _rename


def _rows_beside_changes() -> Ways:
    yield "a name twice in a row's document", _in_head("document", "{", '{"total":1,')
    yield "an unknown field in a row's document", _in_head("document", "{", '{"discount_code":"x",')
    yield "the total in a row's document", _in_head("document", "9901", "1")
    yield "the version of a remembered key", _in_head("requests", '"version":2', '"version":3')
    yield "the fingerprint of a remembered key", _in_head("requests", "print-of-1", "print-of-2")
    yield "a remembered key added", _in_head("requests", "{", '{"mine":{"version":1,"fingerprint":"f"},')
    yield "a reference added", lambda state: _head(state, "order-2").update(external_ref="web-2")
    yield "a reference removed", lambda state: _head(state, "order-1").update(external_ref=None)
    yield "a tag added", _add_tag(tag="mine")
    yield "a tag of another user added", _add_tag(tag="mine", user_id="user-9")
    yield "a tag of an unknown order added", _add_tag(order_id="order-9")
    yield "a removed tag added again", _add_tag(tag="later", order_id="order-2", user_id="user-2")
    yield "a label added", _add_tag(tag=f"{LABEL}void_due")
    yield "a label of another order added", _add_tag(tag=f"{LABEL}on_hold", order_id="order-3", user_id="user-3")
    yield "a label removed", lambda state: state["order_tags"].remove(_label(state))
    yield "the label of an e-mail address removed", lambda state: state["order_tags"].remove(_email_label(state))
    yield "the label of an e-mail address added", _add_tag(tag=email_label("a@example.com"))
    yield "personal data of two orders swapped", _swap_personal_data
    yield "personal data erased without a change", _erase
    yield "a label made a tag", lambda state: _label(state).update(tag=_label(state)["tag"].removeprefix(LABEL))


def _feed_and_losses(feed: tuple[str, ...]) -> Ways:
    one, same_order, other_order = ("order-1", 1), ("order-1", 2), ("order-2", 2)
    yield "feed positions of two changes of an order swapped", _swap_positions(feed, one, same_order)
    yield "feed positions of two orders' changes swapped", _swap_positions(feed, same_order, other_order)
    yield "the newest change removed, its order's row set back", lambda state: _roll_back(state, "order-1")
    yield "an older order's last change removed, its row set back", lambda state: _roll_back(state, "order-2")
    yield "a whole order removed", _remove("order-4")
    yield "one of two orders of a commit removed", _remove("order-2")
    yield "all orders removed", _remove("order-1", "order-2", "order-3", "order-4")


def _head(state: State, order_id: str) -> Row:
    return next(row for row in state["orders"] if row["id"] == order_id)


def _history(state: State, order_id: str) -> list[Row]:
    return sorted((row for row in state["changes"] if row["order_id"] == order_id), key=lambda row: int(row["version"]))


def _in_head(column: str, old: str, new: str) -> Way:
    def way(state: State) -> None:
        row = _head(state, "order-1")
        assert old in row[column]
        row[column] = row[column].replace(old, new, 1)

    return way


def _add_tag(**values: str) -> Way:
    return lambda state: state["order_tags"].append({**state["order_tags"][0], **values})


def _label(state: State) -> Row:
    return next(row for row in state["order_tags"] if row["tag"] == f"{LABEL}payment_status:partially_paid")


def _email_label(state: State) -> Row:
    return next(row for row in state["order_tags"] if row["tag"] == personal_label(3))


def personal_label(number: int) -> str:
    """Return the label of the e-mail address in the personal data with that number."""
    return email_label(personal_data(number).email or "")


def _swap_personal_data(state: State) -> None:
    one, other = state["personal_data"]
    one["order_id"], other["order_id"] = other["order_id"], one["order_id"]


def _erase(state: State) -> None:
    state["order_tags"].remove(_email_label(state))
    state["personal_data"] = [row for row in state["personal_data"] if row["order_id"] != "order-3"]


def _swap_positions(feed: tuple[str, ...], *refs: tuple[str, int]) -> Way:
    def way(state: State) -> None:
        one, other = (_history(state, order_id)[version - 1] for order_id, version in refs)
        for name in feed:
            one[name], other[name] = other[name], one[name]

    return way


def _roll_back(state: State, order_id: str) -> None:
    """Remove the last change of an order, and make its row and its tags those of the change before."""
    *remaining, removed = _history(state, order_id)
    tags = [row for row in state["order_tags"] if row["order_id"] == order_id]
    state["order_tags"] = [row for row in state["order_tags"] if row not in tags]
    state["order_tags"] += [{**tags[0], "tag": tag} for tag in tags_in(remaining[-1]["document"].encode())]
    state["changes"].remove(removed)
    last = remaining[-1]
    keys = {
        row["key"]: {"version": row["version"], "fingerprint": row["fingerprint"]} for row in remaining if row["key"]
    }
    _head(state, order_id).update(
        version=last["version"],
        status=json.loads(last["document"])["status"],
        document=last["document"],
        requests=json.dumps(keys, separators=(",", ":")),
        seal=last["hash"],
    )


def _remove(*order_ids: str) -> Way:
    def way(state: State) -> None:
        tables = ("order_tags", "changes", "personal_data")
        for table, column in (("orders", "id"), *((table, "order_id") for table in tables)):
            state[table] = [row for row in state[table] if row[column] not in order_ids]

    return way


def _rewrite(state: State, order_id: str, after_version: int) -> None:
    """Alter the later changes of an order, and recompute all hashes."""
    for row in _history(state, order_id)[after_version:]:
        row["actor"] = "staff:mallory"
    _rehash(state, order_id)


def _rehash(state: State, order_id: str) -> None:
    previous = ""
    for row in _history(state, order_id):
        row["previous_hash"] = previous
        row["hash"] = previous = hash_of(_record(row))
    _head(state, order_id)["seal"] = previous


def as_in_schema_2(state: State) -> None:
    """Make the changes those of a version that stored neither the fingerprint nor the schema in them."""
    for head in state["orders"]:
        for row in _history(state, head["id"]):
            row.update(schema=None, fingerprint=None)
        _rehash(state, head["id"])


def _rename(state: State) -> None:
    for row in _history(state, "order-3"):
        row["order_id"] = "order-9"


def _record(row: Row) -> ChangeRecord:
    values = {name: row[name] for name in (f.name for f in fields(ChangeRecord))}
    values |= {name: values[name].encode() for name in ("events", "document")}
    if isinstance(values["at"], int):
        values["at"] = datetime.fromisoformat("1970-01-01T00:00:00Z") + timedelta(microseconds=values["at"])
    return ChangeRecord(**values)
