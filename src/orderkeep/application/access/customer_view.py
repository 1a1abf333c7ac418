"""What a customer gets of an order: everything but internal notes. Staff get all of it, as it is stored."""

import json
from collections.abc import Iterable
from dataclasses import replace

from orderkeep.application.access.actor import Actor
from orderkeep.application.dtos import ChangeDTO, CommandResult, OrderDTO
from orderkeep.application.ports import SEPARATOR
from orderkeep.domain.value_objects import INTERNAL, Note

_MARK = b'"visibility":"internal"'
"""In the document of each order with an internal note. In a text, the quotes would be escaped."""

_ABOUT_NOTES = ("NoteAdded", "NoteEdited")


def visible_documents(documents: bytes, actor: Actor) -> bytes:
    """Return the documents of orders, joined by `SEPARATOR`, as the actor may see them."""
    if actor.sees_all or _MARK not in documents:
        return documents
    return SEPARATOR.join([_visible_document(each) for each in documents.split(SEPARATOR)])


def visible_order(order: OrderDTO, actor: Actor) -> OrderDTO:
    """Return the order as the actor may see it."""
    if actor.sees_all or not _has_internal(order.notes):
        return order
    return replace(order, notes=tuple([note for note in order.notes if note.visibility != INTERNAL]))


def visible_change(change: ChangeDTO, actor: Actor) -> ChangeDTO:
    """Return the change as the actor may see it: without events of internal notes."""
    order = visible_order(change.order, actor)
    if order is change.order:
        return change
    shown = {note.id for note in order.notes}
    events = [event for event in change.events if event.type not in _ABOUT_NOTES or event.data["note_id"] in shown]
    return replace(change, order=order, events=tuple(events))


def visible_result(result: CommandResult, actor: Actor) -> CommandResult:
    """Return the result of a command as the actor may see it."""
    if actor.sees_all or not _has_internal(result.source.notes):
        return result
    return replace(result, source=visible_order(result.order, actor), json=None)


def _has_internal(notes: Iterable[Note]) -> bool:
    return any(note.visibility == INTERNAL for note in notes)


def _visible_document(document: bytes) -> bytes:
    order = json.loads(document)
    order["notes"] = [note for note in order["notes"] if note["visibility"] != INTERNAL]
    return json.dumps(order, ensure_ascii=False, separators=(",", ":")).encode()
