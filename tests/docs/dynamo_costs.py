"""What each use case costs on DynamoDB, from the items it reads and writes and Amazon's rules for capacity units.

A write unit is 1 KB written, a read unit 4 KB read; each item is rounded up, a query as a whole. A transaction writes
twice. An eventually consistent read costs half. An index takes a unit for each entry added, and for each removed.
(DynamoDB Local's own figures omit the second write of transactions.)
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Any

from orderkeep.application.records import Record
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.entities import Order
from orderkeep.domain.personal_data import SALT_BYTES, Address, Customer, PersonalData
from orderkeep.infrastructure.dynamo_repo import fence
from orderkeep.infrastructure.dynamo_repo.client import Action, settings_item
from orderkeep.infrastructure.dynamo_repo.feed import append_to_log, leave_inbox
from orderkeep.infrastructure.dynamo_repo.items import (
    INDEXES,
    TABLE_KEYS,
    Item,
    change_key,
    head_key,
    personal_key,
    record_key,
)
from orderkeep.infrastructure.dynamo_repo.records import put_record
from orderkeep.infrastructure.dynamo_repo.saves import actions_of
from orderkeep.infrastructure.dynamo_repo.setup import DEFAULT_SHARDS
from orderkeep.infrastructure.serialization import commit_of, mark_saved
from orderkeep.testing.orders import SINCE, place_command

PAGE = 50
ID = "0198f2a1-7c3e-7b54-9d21-5f0c6a8e4b17"


@dataclass(frozen=True)
class Units:
    """Capacity units."""

    read: Fraction = Fraction(0)
    write: Fraction = Fraction(0)

    def __add__(self, other: "Units") -> "Units":
        return Units(self.read + other.read, self.write + other.write)


def size_of(item: Item) -> int:
    """Return the size that is billed: names and values, in UTF-8."""
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def read_of(sizes: Iterable[int], *, consistent: bool) -> Units:
    """Return what reading these sizes costs, each that of an item or of a whole query."""
    units = sum(max(ceil(size / 4096), 1) for size in sizes)
    return Units(read=Fraction(units) if consistent else Fraction(units, 2))


def write_of(before: Item | None, after: Item) -> Units:
    """Return what writing an item in a transaction costs, with its index entries."""
    larger = max(size_of(before or {}), size_of(after))
    return Units(write=Fraction(2 * ceil(larger / 1024) + _index_writes(before or {}, after)))


CHECK = Units(write=Fraction(2))
"""A condition on an item of at most 1 KB, or on one that does not exist, in a transaction: as if it was written."""


class PretendedTable:
    """Items after the store's own transactions, and what these cost."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}

    def transact(self, actions: Iterable[Action]) -> Units:
        units = Units()
        for operation, action in actions:
            if operation == "ConditionCheck":
                units += CHECK
                continue
            key = action["Item"] if operation == "Put" else action["Key"]
            place = key["pk"]["S"], key["sk"]["S"]
            before = self.items.get(place)
            after = action["Item"] if operation == "Put" else {**(before or key), **_assigned(action)}
            for name in _removed(action):
                after.pop(name, None)
            self.items[place] = after
            units += write_of(before, after)
        return units

    def at(self, key: Item) -> Item:
        return self.items[key["pk"]["S"], key["sk"]["S"]]


def an_order() -> Order:
    """Return the order that the costs are computed for: two lines, an `external_ref`, two tags."""
    command = replace(place_command(), user_id="user-42-of-the-shop", external_ref="web-7781-2026")
    return command.to_order(ID, SINCE)


def personal_order() -> Order:
    """Return the same order without tags, with a customer and an address."""
    order = an_order()
    order.tags = ()
    address = Address("Ada Lovelace", None, "12 St James's Square", None, "London", None, "SW1Y 4JH", "GB")
    order.add_personal_data(PersonalData(Customer("Ada Lovelace", "ada@example.com"), address), b"0" * SALT_BYTES)
    return order


def costs() -> list[tuple[str, Units]]:
    """Return each use case and its units."""
    table, order = PretendedTable(), an_order()
    found = [
        ("place an order without tags", _save(PretendedTable(), _untagged(), "placing")),
        ("place an order with two tags", _save(table, order, "placing")),
    ]
    head = size_of(table.at(head_key(ID)))
    get = read_of([head], consistent=True)
    found.append(("get an order", get))
    personal = PretendedTable()
    found.append(("place an order with personal data", _save(personal, personal_order(), "placing")))
    sizes = [size_of(personal.at(key)) for key in (head_key(ID), personal_key(ID))]
    found.append(("get an order with personal data", read_of(sizes, consistent=True)))
    order.confirm(at=SINCE)
    found.append(("confirm, ship, deliver or cancel it", get + _save(table, order, "confirming")))
    change = size_of(table.at(change_key(ID, 2)))
    found.append(("replay a repeated key", get + read_of([change], consistent=True)))
    found.append(("read its history of four changes", get + read_of([4 * change], consistent=True)))
    for words, index, shards in (
        ("list 50 orders of a user", "by_user", 1),
        ("list 50 orders of all", "by_time", DEFAULT_SHARDS),
    ):
        entry = size_of({name: table.at(head_key(ID))[name] for name in {*TABLE_KEYS, *INDEXES[index]}})
        each = PAGE + 1 if shards == 1 else max(2 * PAGE // shards, 8) + 1
        queries = read_of([each * entry] * shards, consistent=False)
        found.append((words, queries + read_of([head] * PAGE, consistent=False)))
    settings = settings_item(DEFAULT_SHARDS)
    checked = PretendedTable().transact([("Put", {"Item": settings}), fence.check()])
    found.append(("check the store for `/readyz`", read_of([size_of(settings)], consistent=True) + checked))
    searches = read_of([0], consistent=True) + read_of([0] * (1 + DEFAULT_SHARDS), consistent=False)
    found.append(("search and find one order", searches + read_of([head], consistent=False)))
    found += _feed_costs(table, change)
    return found


def table_rows() -> list[tuple[str, ...]]:
    """Return the costs as a table."""
    rows = [(words, _text(units.write), _text(units.read)) for words, units in costs()]
    return [("operation", "write units", "read units"), *rows]


def _feed_costs(table: PretendedTable, change: int) -> list[tuple[str, Units]]:
    actions = [*append_to_log(1, [(ID, 2)] * 98), leave_inbox((ID, 2), 2)]
    moved = PretendedTable()
    moved.items = dict(table.items)
    log = moved.transact(actions[:2])
    each = moved.transact(actions[2:])
    polling = read_of([0, 0], consistent=True) + read_of([0] * DEFAULT_SHARDS, consistent=False)
    record = Record(
        "webhook-progress", "0198f2a17c3e7b549d215f0c6a8e4b17", json.dumps({"after": 1, "until": "x" * 500})
    )
    written = moved.transact([put_record(record, "0" * 32), fence.check()])
    return [
        ("assign a change its position in the feed (once)", Units(write=each.write + log.write / 98)),
        ("read 100 changes from the feed", read_of([change] * 100 + [6 * 1024], consistent=True)),
        ("poll the feed when nothing is new", polling),
        ("write a record of up to 1 KB", written),
        (
            "read a record of up to 4 KB",
            read_of([size_of(moved.at(record_key(record.kind, record.id)))], consistent=True),
        ),
    ]


def _save(table: PretendedTable, order: Order, key: str) -> Units:
    order.set_attribution(
        Attribution("customer:user-42-of-the-shop", f"{key:0<32}", "f" * 32, "4bf92f3577b34da6a3ce929d")
    )
    commit = commit_of(order)
    units = table.transact([*actions_of(commit, "0" * 32, "0" * 18, DEFAULT_SHARDS), fence.check()])
    mark_saved([order], [commit])
    return units


def _untagged() -> Order:
    order = an_order()
    order.tags = ()
    return order


def _assigned(action: dict[str, Any]) -> Item:
    expression = action["UpdateExpression"]
    if not expression.startswith("SET "):
        return {}
    pairs = (pair.split(" = ") for pair in expression.removeprefix("SET ").partition(" REMOVE ")[0].split(", "))
    names, values = action["ExpressionAttributeNames"], action["ExpressionAttributeValues"]
    return {names[name]: values[value] for name, value in pairs}


def _removed(action: dict[str, Any]) -> list[str]:
    removed = action.get("UpdateExpression", "").partition("REMOVE ")[2]
    return removed.split(", ") if removed else []


def _index_writes(before: Item, after: Item) -> int:
    units = 0
    for keys in INDEXES.values():
        old, new = _entry(before, keys), _entry(after, keys)
        if old != new:
            units += sum(ceil(size_of(entry) / 1024) for entry in (old, new) if entry)
    return units


def _entry(item: Item, keys: tuple[str, str]) -> Item:
    return {name: item[name] for name in {*TABLE_KEYS, *keys}} if set(keys) <= item.keys() else {}


def _size_of_value(value: dict[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "B":
        return len(base64.b64decode(content))
    assert kind == "N", kind
    return (len(content.lstrip("-")) + 1) // 2 + 1


def _text(units: Fraction) -> str:
    return f"{float(units):.1f}".removesuffix(".0")
