"""Every exception has a public code and title, and a message that says what to do."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from orderkeep.application.errors import Contention, IdempotencyKeyReused, NotAuthenticated, TooManyRequests
from orderkeep.application.strict_json import InvalidJSON
from orderkeep.application.use_cases.create_checkpoint import InvalidCheckpoint
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import (
    ConcurrentUpdate,
    CurrencyMismatch,
    DocumentNotFound,
    InvalidInput,
    InvalidOrder,
    OrderNotFound,
    RecordedDifferently,
    ServiceUnavailable,
    StoreUnusable,
    TotalMismatch,
    UnknownCurrency,
    VersionMismatch,
    VersionNotFound,
)
from orderkeep.domain.lifecycle import CommandRejected, TooManyDocuments
from orderkeep.domain.payments import RefundExceedsPayments
from orderkeep.domain.policies import PaymentRequired
from tests.domain.exception_classes import exception_classes

SHARED = {
    "InvalidInput",
    "NoOrderMatches",
    "OtherWebhookVersion",
    "ServiceUnavailable",
    "AuthenticationUnavailable",
    "RequestTimedOut",
}
"""Classes with the code of another class, which clients know."""


CLASSES = {found.__name__: found for found in exception_classes()}


def test_every_class_has_its_own_code() -> None:
    codes = [found.code for name, found in CLASSES.items() if name not in SHARED]
    assert len(set(codes)) == len(codes)
    for name, found in CLASSES.items():
        if name not in SHARED:
            assert found.code == re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def test_errors_of_readers_have_the_codes_that_clients_know() -> None:
    assert (InvalidJSON.code, InvalidCheckpoint.code) == ("malformed_json", "invalid_checkpoint")


def test_classes_that_share_a_code_keep_the_code_that_clients_know() -> None:
    assert InvalidInput.code == InvalidOrder.code == "invalid_order"
    assert CLASSES["NoOrderMatches"].code == "order_not_found"
    assert CLASSES["OtherWebhookVersion"].code == "version_mismatch"
    for name in SHARED - {"InvalidInput", "NoOrderMatches", "OtherWebhookVersion"}:
        assert issubclass(CLASSES[name], ServiceUnavailable)
        assert CLASSES[name].code == "store_unavailable"


def test_every_class_defines_a_title_that_is_the_same_for_one_code() -> None:
    titles: dict[str, set[str]] = {}
    for found in CLASSES.values():
        assert "title" in vars(found), found
        assert re.fullmatch(r"[A-Z][\w 'ID]{3,40}", found.title), found.title
        titles.setdefault(found.code, set()).add(found.title)
    assert {code: each for code, each in titles.items() if len(each) > 1} == {}


def test_every_class_has_its_own_docstring() -> None:
    docs = [found.__doc__ for found in CLASSES.values()]
    assert all(docs)
    assert len(set(docs)) == len(docs)


def test_order_not_found_does_not_repeat_the_id() -> None:
    assert str(OrderNotFound("order-1")) == "Order not found"
    assert OrderNotFound("order-1").order_id == "order-1"
    error = VersionNotFound("order-1", "the order has no version 7")
    assert (str(error), error.order_id) == ("the order has no version 7", "order-1")
    missing = DocumentNotFound("order-1")
    assert (str(missing), missing.order_id) == ("the order has no document with this ID", "order-1")


def test_conflict_says_what_to_do() -> None:
    assert str(ConcurrentUpdate("order-1")) == "the order was changed by another writer: read it again and retry"
    assert ConcurrentUpdate("order-1").order_id == "order-1"
    assert str(VersionMismatch(1, 3)) == "the order is at version 3, not 1: read it and retry"
    assert "use a new key" in str(IdempotencyKeyReused())
    assert "send Authorization: Bearer with an API key or an access token" in str(NotAuthenticated())
    assert str(Contention(12)).endswith("12 times in a row: send the request again")
    assert str(TooManyRequests(3)) == "rate limit exceeded: retry after 3 s"
    assert TooManyRequests(3).retry_after == 3


def test_total_mismatch_contains_its_numbers_for_programs() -> None:
    error = TotalMismatch(9_900, 9_000, "EUR")
    assert (error.field, error.facts) == ("total", {"expected": 9_900, "given": 9_000, "difference": -900})
    assert str(error) == (
        "must equal lines + shipping + tax - discount: expected 9900, got 9000, difference -900 (minor units of EUR)"
    )
    assert (InvalidInput("as a whole").field, InvalidInput("as a whole").facts) == ("", {})


def test_rejected_currency_and_command_name_field_and_status() -> None:
    assert UnknownCurrency().field == CurrencyMismatch("EUR", "USD").field == "currency"
    assert TooManyDocuments("shipped", 100).status == "shipped"


def test_a_subclass_keeps_the_code_and_title_that_it_does_not_declare() -> None:
    class DiskFull(StoreUnusable):
        """A failure of a store of one's own."""

    assert (DiskFull.code, DiskFull.title) == (StoreUnusable.code, StoreUnusable.title)


def test_no_message_repeats_a_rejected_value() -> None:
    secret = "\x00secret-4711"
    with pytest.raises(InvalidOrder) as refused:
        Order(secret, secret, 99.0, secret, datetime(2026, 5, 6, tzinfo=UTC))  # type: ignore[arg-type]
    assert "4711" not in str(refused.value)


@pytest.mark.parametrize(
    "error",
    [
        PaymentRequired("pending", "confirm", "paid", 700, 2_500, "EUR"),
        PaymentRequired("processing", "ship", "authorized", -3, 9_900, "JPY"),
        RefundExceedsPayments("shipped", 1_000, 75, "EUR"),
        RefundExceedsPayments("shipped", 1_000, -1, "EUR"),
        RecordedDifferently("refund", 5, 7, "KWD"),
    ],
    ids=str,
)
def test_an_error_with_amounts_can_be_built_from_its_facts(error: Any) -> None:
    status = {"status": error.status} if isinstance(error, CommandRejected) else {}
    again = type(error)(**error.facts, **status)
    assert (str(again), again.facts) == (str(error), error.facts)
    assert again.worded(str) == str(error).replace(f" (minor units of {error.facts['currency']})", "")
