"""Notes: added and edited by staff. No internal note reaches a customer, whatever the customer reads or does."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import EventDTO, OrderDTO
from orderkeep.application.use_cases.add_note import AddNoteUseCase
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.edit_note import EditNoteUseCase
from orderkeep.application.use_cases.get_order import GetOrderUseCase
from orderkeep.application.use_cases.get_order_at import GetOrderAtUseCase
from orderkeep.application.use_cases.get_order_history import GetOrderHistoryUseCase
from orderkeep.application.use_cases.list_orders import ListOrdersUseCase
from orderkeep.domain.exceptions import InvalidInput, NoteNotFound, TextMissing
from orderkeep.domain.value_objects import Note
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import pending_order, small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
SECRET, PUBLIC = "Suspect: zebra.", 'Wrap it, "visibility":"internal" is quoted.'
OWNER = Actor(ActorKind.CUSTOMER, pending_order().user_id)
STAFF = Actor(ActorKind.STAFF, "anna", EVERY_SCOPE)


async def test_adds_an_internal_note_by_default() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    result = await AddNoteUseCase(repo, clock=lambda: NOON).execute("order-1", SECRET)
    assert result.events == (EventDTO("NoteAdded", {"note_id": "n1"}),)
    assert result.order.notes == (Note("n1", SECRET, "internal", NOON),)


async def test_edits_the_text_and_keeps_the_earlier_one_in_the_history() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    await AddNoteUseCase(repo, clock=lambda: NOON).execute("order-1", PUBLIC, visibility="customer")
    edit = EditNoteUseCase(repo, clock=lambda: LATER)
    result = await edit.execute("order-1", "n1", "Do not wrap it.")
    assert result.events == (EventDTO("NoteEdited", {"note_id": "n1"}),)
    assert result.order.notes == (Note("n1", "Do not wrap it.", "customer", NOON, LATER),)
    again = await edit.execute("order-1", "n1", "Do not wrap it.")
    assert (again.events, again.unchanged) == ((), True)
    texts = [[note.text for note in change.order.notes] for change in await repo.list_changes("order-1", 0, 10)]
    assert texts == [[], [PUBLIC], ["Do not wrap it."]]


async def test_rejects_an_unknown_note_and_invalid_values() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    with pytest.raises(NoteNotFound, match="has no note"):
        await EditNoteUseCase(repo).execute("order-1", "n1", "text")
    with pytest.raises(InvalidInput, match=r"^must be internal or customer$") as caught:
        await AddNoteUseCase(repo).execute("order-1", "text", visibility="public")
    assert caught.value.field == "visibility"
    with pytest.raises(TextMissing):
        await AddNoteUseCase(repo).execute("order-1", " ")


@pytest.fixture
async def repo() -> InMemoryOrderRepository:
    """A store with an order with both kinds of notes, and one without notes."""
    tricky = {"visibility": "internal", "channel": "Zürich"}
    repo = InMemoryOrderRepository([pending_order(metadata=tricky), pending_order(2, user_id=OWNER.id)])
    add = AddNoteUseCase(repo, clock=lambda: NOON)
    await add.execute("order-1", SECRET)
    await add.execute("order-1", PUBLIC, visibility="customer")
    await EditNoteUseCase(repo, clock=lambda: NOON).execute("order-1", "n1", f"{SECRET} Again.")
    return repo


async def _cancelled(repo: InMemoryOrderRepository, actor: Actor) -> OrderDTO:
    return (await CancelOrderUseCase(repo, repo).execute("order-1", CommandContext(actor=actor))).order


async def _sent_after_cancel(repo: InMemoryOrderRepository, actor: Actor) -> bytes | None:
    return (await CancelOrderUseCase(repo, repo).execute("order-1", CommandContext(actor=actor))).json


async def _foreseen(repo: InMemoryOrderRepository, actor: Actor) -> OrderDTO:
    return (await CancelOrderUseCase(repo, repo).execute("order-1", CommandContext(actor=actor, dry_run=True))).order


async def _replayed(repo: InMemoryOrderRepository, actor: Actor) -> OrderDTO:
    context = CommandContext(actor=actor, key="key-1")
    await CancelOrderUseCase(repo, repo).execute("order-1", context)
    return (await CancelOrderUseCase(repo, repo).execute("order-1", context)).order


async def _history(repo: InMemoryOrderRepository, actor: Actor) -> Any:
    return (await GetOrderHistoryUseCase(repo, repo).execute("order-1", actor=actor)).changes


READS: dict[str, Callable[[InMemoryOrderRepository, Actor], Awaitable[Any]]] = {
    "get": lambda repo, actor: GetOrderUseCase(repo).execute("order-1", actor),
    "list": lambda repo, actor: ListOrdersUseCase(repo).execute(actor=actor),
    "get at version": lambda repo, actor: GetOrderAtUseCase(repo, repo).execute("order-1", 4, actor),
    "get at time": lambda repo, actor: GetOrderAtUseCase(repo, repo).execute("order-1", LATER, actor),
    "history": _history,
    "command": _cancelled,
    "bytes of a command": _sent_after_cancel,
    "dry run": _foreseen,
    "replay": _replayed,
}


@pytest.mark.parametrize("name", READS)
async def test_customers_get_no_internal_note(name: str, repo: InMemoryOrderRepository) -> None:
    seen = repr(await READS[name](repo, OWNER))
    assert "zebra" not in seen
    assert ("Wrap it" in seen) == (name != "bytes of a command")


@pytest.mark.parametrize("name", READS)
async def test_staff_get_all_notes(name: str, repo: InMemoryOrderRepository) -> None:
    seen = repr(await READS[name](repo, STAFF))
    assert "zebra" in seen
    assert "Wrap it" in seen


async def test_customers_get_the_rest_of_the_order_unchanged(repo: InMemoryOrderRepository) -> None:
    stored = json.loads((await GetOrderUseCase(repo).execute("order-1", STAFF)).json)
    del stored["notes"][0]
    document = (await GetOrderUseCase(repo).execute("order-1", OWNER)).json
    assert json.loads(document) == stored
    assert "Zürich".encode() in document
    newest, oldest = (await ListOrdersUseCase(repo).execute(actor=OWNER)).orders
    assert oldest == document
    assert newest == (await GetOrderUseCase(repo).execute("order-2", STAFF)).json
    at_version = await GetOrderAtUseCase(repo, repo).execute("order-1", 4, OWNER)
    assert at_version == (await _history(repo, OWNER))[-1].order


async def test_customers_see_no_event_of_an_internal_note(repo: InMemoryOrderRepository) -> None:
    events = [change.events for change in await _history(repo, OWNER)]
    assert events == [(EventDTO("OrderPlaced"),), (), (EventDTO("NoteAdded", {"note_id": "n2"}),), ()]


async def test_a_result_without_internal_notes_is_sent_as_it_was_committed() -> None:
    repo = InMemoryOrderRepository([pending_order()])
    await AddNoteUseCase(repo).execute("order-1", PUBLIC, visibility="customer")
    result = await CancelOrderUseCase(repo, repo).execute("order-1", CommandContext(actor=OWNER))
    stored = (await GetOrderUseCase(repo).execute("order-1", STAFF)).json
    assert result.json == stored
    assert result.order.notes[0].text == PUBLIC
