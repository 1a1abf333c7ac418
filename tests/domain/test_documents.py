"""The files that an order refers to."""

from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import DocumentAttached, TooManyDocuments
from orderkeep.domain.limits import MAX_DOCUMENTS
from orderkeep.domain.value_objects import Document, Money

PLACED = datetime(2026, 5, 6, 7, 8, 9, 10, UTC)
LATER = PLACED + timedelta(hours=3)


def order_at(version: int) -> Order:
    return Order("order-1", "user-7", Money(9_900, "EUR"), "pending", PLACED, version=version)


def receipt(number: int, order: Order) -> Document:
    return Document(f"{number:064x}", "receipt", "text/html", 4_321, order.content_version, order.version + 1, LATER)


def attach(order: Order, number: int) -> Document:
    document = receipt(number, order)
    order.attach(document, at=LATER)
    order.mark_saved("seal")
    return document


def test_refers_to_a_document_and_says_so() -> None:
    order = order_at(3)
    document = receipt(1, order)
    order.attach(document, at=LATER)
    assert order.documents == (document,)
    assert order.events == [DocumentAttached(document.id, "receipt", "text/html")]
    assert order.updated_at == LATER
    assert order.status == "pending"


def test_document_of_a_slow_clock_does_not_move_the_order_back() -> None:
    order = order_at(3)
    attach(order, 1)
    order.attach(receipt(2, order), at=LATER - timedelta(seconds=1))
    assert order.updated_at == LATER


def test_keeps_documents_in_the_order_they_came() -> None:
    order = order_at(3)
    first, second = attach(order, 1), attach(order, 2)
    assert order.documents == (first, second)


def test_knows_the_version_that_last_changed_more_than_its_documents() -> None:
    order = order_at(3)
    assert order.content_version == 3
    attach(order, 1)
    attach(order, 2)
    assert (order.version, order.content_version) == (5, 3)
    order.cancel(at=LATER)
    order.mark_saved("seal")
    assert order.content_version == 6
    attach(order, 3)
    assert (order.version, order.content_version) == (7, 6)


def test_rejects_one_document_more_than_it_may_have_and_stays_as_it_was() -> None:
    order = order_at(3)
    for number in range(MAX_DOCUMENTS):
        attach(order, number)
    before = (order.documents, order.updated_at)
    with pytest.raises(TooManyDocuments, match=r"^the order already has 100 documents, the maximum$"):
        order.attach(receipt(999, order), at=LATER + timedelta(days=1))
    assert (order.documents, order.updated_at) == before
    assert order.events == []
