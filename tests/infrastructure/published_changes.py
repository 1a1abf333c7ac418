"""Changes to publish: what a store gives after orders were placed and cancelled."""

from dataclasses import replace

from orderkeep.application.dtos import ChangeDTO, EventDTO
from orderkeep.application.ports import ChangeFeed
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, pending_order


async def changes_of(versions: str) -> list[ChangeDTO]:
    """Return changes by a text such as "A1 B1 A2": of orders A and B, as they were placed, confirmed and shipped."""
    return [await _change(*name) for name in versions.split()]


async def _change(letter: str, version: str) -> ChangeDTO:
    store = InMemoryOrderRepository()
    order = replace(pending_order(ord(letter)), id=letter)
    order.events = pending_order().events
    await store.save(order)
    for step in ("confirm", "ship", "deliver")[: int(version) - 1]:
        getattr(order, step)(at=SINCE)
        await store.save(order)
    return (await feed_of(store))[-1]


async def feed_of(store: ChangeFeed) -> list[ChangeDTO]:
    """Return all changes of the store, in commit order."""
    return list((await store.read_changes(0, 10_000)).changes)


def with_events(change: ChangeDTO, *events: str) -> ChangeDTO:
    """Return the change as if these had happened in it."""
    return replace(change, events=tuple(EventDTO(event) for event in events))
