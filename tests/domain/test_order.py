"""What an order is made of, and what it remembers."""

import pkgutil
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from importlib import import_module
from types import ModuleType

import pytest

import orderkeep.application
import orderkeep.domain
from orderkeep.domain.attribution import Attribution, RememberedKey
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import (
    InvalidAmount,
    InvalidInput,
    InvalidTime,
    UnexpectedCancellation,
    UnknownCurrency,
    UnknownStatus,
)
from orderkeep.domain.lifecycle import DetailsChanged, OrderCancelled, OrderImported, OrderPlaced, OrderStatus
from orderkeep.domain.limits import MAX_REMEMBERED_KEYS
from orderkeep.domain.value_objects import Cancellation, Money

AT = datetime(2026, 5, 6, 7, 8, 9, 10, UTC)
EUR_99 = Money(9_900, "EUR")


AGGREGATE = {"Order", "OrderState", "PaymentCommands", "ReturnCommands", "ShipmentCommands"}


@pytest.mark.parametrize(
    "package, mutable",
    [
        (orderkeep.domain, AGGREGATE | {"OrderLine"}),  # lines are fast instead: an order may have 500
        (
            orderkeep.application,
            {"ImportReport", "VerifyReport", "ComparisonReport", "Diagnosis", "_Known", "_Counted", "_Group", "_Batch"}
            | {"_Moving"},
        ),
    ],
    ids=["domain", "application"],
)
def test_dataclasses_are_immutable_without_need(package: ModuleType, mutable: set[str]) -> None:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    values = {value for module in found for value in vars(import_module(module.name)).values() if type(value) is type}
    kinds = {kind for kind in values if is_dataclass(kind) and kind.__module__.startswith(package.__name__)}
    kinds = {kind for kind in kinds if not kind.__module__.endswith((".dtos", ".get_statistics"))}  # fast instead
    made = {kind: next(each for each in kind.__mro__ if "__dataclass_params__" in vars(each)) for kind in kinds}
    assert {kind.__name__ for kind in kinds if not vars(made[kind])["__dataclass_params__"].frozen} == mutable


def test_orders_are_equal_by_their_content_and_not_by_what_a_save_keeps_beside_it() -> None:
    one, other = (Order("1", "user-42", EUR_99, "pending", AT) for _ in range(2))
    other.set_attribution(Attribution("staff:anna", "key-1", "print-1"))
    other.events, other.last_hash, other.recorded_at = [OrderPlaced()], "seal-1", AT + timedelta(hours=1)
    assert one == other
    other.version = 1
    assert one != other


@pytest.mark.parametrize("total", [99.0, 99, "99.00", Decimal(99), EUR_99])
def test_takes_the_articles_five_fields_in_their_order(total: float | str | Decimal | Money) -> None:
    order = Order("1", "user-42", total, "pending", AT)  # type: ignore[arg-type]  # as the article writes it
    assert (order.id, order.user_id, order.total, order.status, order.created_at) == (
        "1",
        "user-42",
        EUR_99,
        "pending",
        AT,
    )
    assert order.currency == "EUR"
    assert (order.shipping, order.discount, order.tax) == (Money(0, "EUR"),) * 3
    assert (order.version, order.events, order.updated_at) == (0, [], AT)
    assert order.status is OrderStatus.PENDING


def test_takes_the_currency_of_its_total_or_the_one_that_is_said() -> None:
    assert Order("1", "user-42", Money(99, "JPY"), "pending", AT).shipping == Money(0, "JPY")
    order = Order("1", "user-42", 1.234, "pending", AT, "KWD", shipping="0.5")  # type: ignore[arg-type]
    assert (order.total, order.shipping) == (Money(1_234, "KWD"), Money(500, "KWD"))


def test_rejects_what_is_no_amount_no_status_and_no_currency() -> None:
    with pytest.raises(InvalidAmount):
        Order("1", "user-42", 99.999, "pending", AT)  # type: ignore[arg-type]
    with pytest.raises(UnknownStatus, match="must be one of pending, processing, partially_shipped, "):
        Order("1", "user-42", EUR_99, "lost", AT)
    with pytest.raises(UnknownCurrency):
        Order("1", "user-42", EUR_99, "pending", AT, "euro")


def test_takes_a_naive_time_for_utc_and_brings_any_other_to_it() -> None:
    naive = datetime(2026, 5, 6, 7, 8, 9, 10)  # noqa: DTZ001
    in_athens = datetime(2026, 5, 6, 10, 8, 9, 10, timezone(timedelta(hours=3)))
    for moment in (naive, in_athens):
        order = Order("1", "user-42", EUR_99, "pending", moment)
        assert (order.created_at, order.created_at.tzinfo) == (AT, UTC)
        order.confirm(at=moment + timedelta(days=1))
        assert (order.updated_at, order.updated_at.tzinfo) == (AT + timedelta(days=1), UTC)


@pytest.mark.parametrize("hours, year", [(-1, 9999), (1, 1)])
def test_rejects_a_time_outside_the_range_of_utc(hours: int, year: int) -> None:
    edge = (datetime.max if hours < 0 else datetime.min).replace(tzinfo=timezone(timedelta(hours=hours)))  # noqa: DTZ901
    assert edge.year == year
    with pytest.raises(InvalidTime, match=r"years 1 to 9999 \(UTC\)") as rejected:
        Order("1", "user-42", EUR_99, "pending", edge)
    assert rejected.value.field == "created_at"
    with pytest.raises(InvalidTime) as rejected:
        Order("1", "user-42", EUR_99, "pending", AT, updated_at=edge)
    assert rejected.value.field == "updated_at"
    with pytest.raises(InvalidTime) as rejected:
        Order("1", "user-42", EUR_99, "pending", AT).confirm(at=edge)
    assert rejected.value.field == ""


def test_is_placed_pending_with_an_event() -> None:
    order = Order.place("order-1", "user-42", EUR_99, at=AT, external_ref="web-1", tags=("gift",))
    assert (order.status, order.version, order.events) == ("pending", 0, [OrderPlaced()])
    assert (order.external_ref, order.tags) == ("web-1", ("gift",))


@pytest.mark.parametrize(
    "given", ["\tcafe-1 ", "\u200bcafe-1\ufeff", "\u00a0cafe-1"], ids=["space", "zero width", "no-break"]
)
def test_external_reference_is_stored_without_what_surrounds_it(given: str) -> None:
    assert Order.place("order-1", "user-42", EUR_99, at=AT, external_ref=given).external_ref == "cafe-1"
    order = Order.place("order-1", "user-42", EUR_99, at=AT)
    order.edit({"external_ref": given}, at=AT)
    assert order.external_ref == "cafe-1"
    order.edit({"external_ref": "cafe-1 "}, at=AT)
    assert order.events == [OrderPlaced(), DetailsChanged()]


def test_external_reference_is_stored_in_the_form_nfc() -> None:
    assert Order.place("order-1", "user-42", EUR_99, at=AT, external_ref="cafe\u0301-1").external_ref == "caf\u00e9-1"


def test_imported_order_keeps_its_status() -> None:
    order = Order.imported("order-1", "user-42", EUR_99, "shipped", AT, updated_at=AT + timedelta(days=3))
    assert (order.status, order.created_at, order.updated_at) == ("shipped", AT, AT + timedelta(days=3))
    assert order.events == [OrderImported("shipped")]


def test_is_imported_with_a_cancellation_only_where_it_is_cancelled() -> None:
    given = Cancellation("too slow", "by phone", AT)
    order = Order.imported("order-1", "user-42", EUR_99, "cancelled", AT, cancellation=given)
    assert order.cancellation == given
    with pytest.raises(UnexpectedCancellation, match="must be omitted unless the order is cancelled") as refused:
        Order.imported("order-1", "user-42", EUR_99, "shipped", AT, cancellation=given)
    assert refused.value.field == "cancellation"


def test_is_not_imported_with_a_cancellation_out_of_bounds() -> None:
    given = Cancellation("r" * 101, None, AT)
    with pytest.raises(InvalidInput) as refused:
        Order.imported("order-1", "user-42", EUR_99, "cancelled", AT, cancellation=given)
    assert refused.value.code == "text_too_long"


def test_keeps_events_until_it_is_saved() -> None:
    order = Order.place("order-1", "user-42", EUR_99, at=AT)
    order.cancel("too slow", at=AT)
    assert order.events == [OrderPlaced(), OrderCancelled("too slow")]
    order.mark_saved("seal-1")
    assert (order.version, order.last_hash, order.events) == (1, "seal-1", [])
    recorded_later = Order("order-2", "user-42", EUR_99, "shipped", AT, recorded_at=AT + timedelta(days=1))
    recorded_later.mark_saved("seal-2")
    assert recorded_later.recorded_at is None


def test_remembers_the_key_that_it_is_changed_with_and_the_version_that_makes() -> None:
    order = Order.place("order-1", "user-42", EUR_99, at=AT)
    order.set_attribution(Attribution("staff:anna", "key-1", "print-1"))
    assert order.idempotency_keys == {"key-1": RememberedKey(1, "print-1")}
    order.mark_saved("seal-1")
    assert order.attribution == Attribution()
    order.set_attribution(Attribution("staff:anna"))
    assert list(order.idempotency_keys) == ["key-1"]
    assert order.attribution == Attribution("staff:anna")
    order.set_attribution(Attribution("staff:anna", "key-2"))
    assert order.idempotency_keys["key-2"] == RememberedKey(2, "")


def test_forgets_the_oldest_keys_but_never_the_one_it_was_placed_with() -> None:
    order = Order.place("order-1", "user-42", EUR_99, at=AT)
    keys = [f"key-{number}" for number in range(MAX_REMEMBERED_KEYS + 2)]
    for key in keys:
        order.set_attribution(Attribution("staff:anna", key, f"print of {key}"))
        order.mark_saved(f"seal after {key}")
    assert list(order.idempotency_keys) == [keys[0], *keys[3:]]
    assert order.idempotency_keys[keys[-1]] == RememberedKey(len(keys), f"print of {keys[-1]}")
