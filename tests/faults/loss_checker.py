"""Compare the responses that clients received with what a store contains."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from orderkeep.bootstrap import UseCases, bootstrap
from tests.faults.keyed_writers import Acknowledged


@dataclass(frozen=True)
class KeptChange:
    """A change in the history of an order: the version it made, and the order as it became."""

    version: int
    order: dict[str, Any]


@dataclass(frozen=True)
class KeptOrder:
    """An order as it is read, and its history, oldest change first."""

    order: dict[str, Any]
    changes: list[KeptChange]


async def read_kept(store: str) -> tuple[list[KeptOrder], list[str]]:
    """Return all that a store keeps, and what `verify` finds wrong with it."""
    use_cases = bootstrap(store)
    try:
        kept = [await _kept(use_cases, json.loads(document)) async for document in use_cases.export_orders.execute()]
        report = await use_cases.verify_orders.execute()
        return kept, [f"{problem.order_id}: {problem.message}" for problem in report.problems]
    finally:
        await use_cases.close()


def complaints(acknowledged: list[Acknowledged], kept: list[KeptOrder]) -> Iterator[str]:
    """Yield what does not fit: between the answers and the orders, and inside the orders."""
    by_id = {found.order["id"]: found for found in kept}
    for told in acknowledged:
        if told.status != told.expected:
            yield f"{told.reference}: {told.command} was answered {told.status}, not {told.expected}: {told.answer}"
        if told.accepted:
            yield from _acknowledged_but_lost(told, by_id.get(told.answer["id"]))
    yield from _one_order_per_key(acknowledged, kept)
    accepted = Counter(told.reference for told in acknowledged if told.accepted)
    for found in kept:
        yield from _half_there(found)
        effects, answers = len(found.changes), accepted[found.order["external_ref"]]
        if effects != answers:
            yield f"{found.order['external_ref']}: {effects} changes for {answers} requests that were accepted"


def _acknowledged_but_lost(told: Acknowledged, found: KeptOrder | None) -> Iterator[str]:
    if found is None:
        yield f"{told.reference}: the order was acknowledged and is missing"
        return
    change = next((change for change in found.changes if change.version == told.answer["version"]), None)
    if change is None:
        yield f"{told.reference}: {told.command} was acknowledged and is missing"
    elif change.order != told.answer:
        yield f"{told.reference}: {told.command} was acknowledged, and something else was kept"
    if told.command == "cancel" and found.order["status"] != "cancelled":
        yield f"{told.reference}: the cancel was acknowledged, and the order is {found.order['status']}"


def _one_order_per_key(acknowledged: list[Acknowledged], kept: list[KeptOrder]) -> Iterator[str]:
    asked = {told.reference for told in acknowledged}
    for reference, count in Counter(found.order["external_ref"] for found in kept).items():
        if count > 1:
            yield f"{reference}: {count} orders for one key"
        if reference not in asked:
            yield f"{reference}: an order that nobody was told of"


def _half_there(found: KeptOrder) -> Iterator[str]:
    versions = [change.version for change in found.changes]
    if versions != list(range(1, len(versions) + 1)):
        yield f"{found.order['external_ref']}: its history has the versions {versions}"
    if not found.changes or found.changes[-1].order != found.order:
        yield f"{found.order['external_ref']}: the order differs from its last change"


async def _kept(use_cases: UseCases, order: dict[str, Any]) -> KeptOrder:
    page = await use_cases.get_order_history.execute(order["id"], limit=200)
    changes = [KeptChange(change.version, json.loads(msgspec.json.encode(change.order))) for change in page.changes]
    return KeptOrder(order, changes)
