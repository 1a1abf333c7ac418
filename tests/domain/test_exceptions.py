"""What is refused is one tree, which its module's docstring shows as it is."""

import inspect
import re
from datetime import UTC, datetime

import pytest
from orderkeep.application.errors import Contention, IdempotencyKeyReused

from orderkeep.domain import exceptions
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import (
    ConcurrentUpdate,
    InvalidOrder,
    OrderkeepError,
    OrderNotFound,
    VersionMismatch,
    VersionNotFound,
)

CLASSES = {
    name: found
    for name, found in vars(exceptions).items()
    if inspect.isclass(found) and issubclass(found, OrderkeepError)
}


def tree_in_docstring() -> dict[str, str]:
    """Return each class of the drawn tree with the class it hangs from."""
    parents, path = {}, ["OrderkeepError"]
    for line in (exceptions.__doc__ or "").splitlines():
        if drawn := re.match(r"([│ ]*)[├└]── (\w+)", line):
            depth = len(drawn[1]) // 4 + 1
            path[depth:] = [drawn[2]]
            parents[drawn[2]] = path[depth - 1]
    return parents


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    real = {name: found.__mro__[1].__name__ for name, found in CLASSES.items() if found is not OrderkeepError}
    assert tree_in_docstring() == real
    assert list(tree_in_docstring()) == list(real), "drawn in another order than defined"


def test_every_code_is_its_own_and_says_its_class() -> None:
    codes = [found.code for found in CLASSES.values()]
    assert len(set(codes)) == len(codes)
    for name, found in CLASSES.items():
        assert found.code == re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def test_every_class_says_when_it_is_raised() -> None:
    docs = [found.__doc__ for found in CLASSES.values()]
    assert all(docs)
    assert len(set(docs)) == len(docs)


def test_an_order_that_is_not_there_is_told_like_one_that_is_not_ones_own() -> None:
    assert str(OrderNotFound("order-1")) == "Order not found"
    assert OrderNotFound("order-1").order_id == "order-1"
    error = VersionNotFound("order-1", "the order has no version 7")
    assert (str(error), error.order_id) == ("the order has no version 7", "order-1")


def test_a_conflict_says_what_to_do_or_what_happened() -> None:
    assert str(ConcurrentUpdate("order-1")) == "the order was changed by another writer: read it again and retry"
    assert ConcurrentUpdate("order-1").order_id == "order-1"
    assert str(VersionMismatch(1, 3)) == "the order is at version 3, not 1: read it and retry"
    assert "use a new key" in str(IdempotencyKeyReused())
    assert str(Contention(12)).endswith("12 times in a row: send the request again")


def test_no_refusal_repeats_what_was_refused() -> None:
    secret = "\x00secret-4711"
    with pytest.raises(InvalidOrder) as refused:
        Order(secret, secret, 99.0, secret, datetime(2026, 5, 6, tzinfo=UTC))  # type: ignore[arg-type]
    assert "4711" not in str(refused.value)
