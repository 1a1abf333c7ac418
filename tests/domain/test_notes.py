"""Notes: for staff, or for the customer too."""

import pytest

from orderkeep.domain.lifecycle import NoteAdded, NoteEdited
from orderkeep.domain.value_objects import Note
from tests.domain.orders import LATER, NOW, order_of, rejected


def test_notes_are_numbered_and_keep_their_visibility() -> None:
    order = order_of(1)
    order.add_note("packed twice", "internal", at=NOW)
    order.add_note("on its way", "customer", at=LATER)
    assert order.notes == (Note("n1", "packed twice", "internal", NOW), Note("n2", "on its way", "customer", LATER))
    assert (order.events, order.updated_at) == ([NoteAdded("n1"), NoteAdded("n2")], LATER)


def test_an_edit_changes_the_text_and_the_same_text_changes_nothing() -> None:
    order = order_of(1)
    order.add_note("packed", "internal", at=NOW)
    order.add_note("on its way", "customer", at=NOW)
    order.events.clear()
    order.edit_note("n2", "on its way", at=LATER)
    assert (order.events, order.updated_at) == ([], NOW)
    order.edit_note("n2", "delayed", at=LATER)
    assert order.notes == (Note("n1", "packed", "internal", NOW), Note("n2", "delayed", "customer", NOW, LATER))
    assert (order.events, order.updated_at) == ([NoteEdited("n2")], LATER)


def test_an_unknown_note_is_not_edited() -> None:
    order = order_of(1)
    order.add_note("packed", "internal", at=NOW)
    with rejected(order, "note_not_found", "the order has no note with this ID, only n1"):
        order.edit_note("n2", "unpacked", at=NOW)


@pytest.mark.parametrize(
    "text, code, message",
    [
        ("t" * 1_001, "text_too_long", "must have at most 1000 characters"),
        (" \n", "text_missing", "must not be empty or blank"),
        ("a\0", "text_not_printable", "must not contain control characters"),
    ],
)
def test_the_text_of_a_note_keeps_its_limits(text: str, code: str, message: str) -> None:
    order = order_of(1)
    with rejected(order, code, message, "text"):
        order.add_note(text, "internal", at=NOW)
    order.add_note("t" * 999 + "\n", "internal", at=NOW)
    with rejected(order, code, message, "text"):
        order.edit_note("n1", text, at=NOW)


def test_an_order_has_at_most_50_notes() -> None:
    order = order_of(1)
    for number in range(50):
        order.add_note(f"note {number}", "internal", at=NOW)
    with rejected(order, "too_many_records", "the order already has 50 notes, the maximum"):
        order.add_note("one more", "internal", at=NOW)
    order.edit_note("n50", "changed", at=NOW)
