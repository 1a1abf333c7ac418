"""What a receipt says: the whole order, amounts that add up as they are printed, and nothing that breaks out."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.application.receipts import Fact, ReceiptContent, ReceiptLine, receipt_of
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import Payment
from orderkeep.domain.personal_data import Address, Customer, PersonalData, PersonalRecord
from orderkeep.testing.orders import cancelled_order, pending_order, place_command

PENDING = OrderDTO.of(pending_order(), version=1)
CANCELLED = OrderDTO.of(cancelled_order(), version=3)

amounts = st.integers(0, 10**9)
lines = st.builds(
    lambda quantity, unit_price, share, tax: LineDTO(
        "A-1", "Lamp", quantity, unit_price, quantity * unit_price * share // 100, tax
    ),
    st.integers(1, 10**5),
    amounts,
    st.integers(0, 100),
    amounts,
)


def number(printed: str) -> Decimal:
    return Decimal(printed.replace("\N{MINUS SIGN}", "-"))


def test_says_what_the_order_is_what_it_costs_and_who_sold_it() -> None:
    assert receipt_of(CANCELLED, "Lamps Ltd.\nLeeds") == ReceiptContent(
        title="Receipt",
        seller=("Lamps Ltd.", "Leeds"),
        facts=(
            Fact("Order", "order-1"),
            Fact("Reference", "web-1"),
            Fact("Customer", "user-1"),
            Fact("Placed", "2026-02-03 04:05:07 UTC"),
            Fact("Status", "cancelled"),
            Fact("Version", "3, of 2026-02-08 04:05:07 UTC"),
            Fact("Cancelled", "2026-02-05 04:05:07 UTC"),
            Fact("Reason", "changed mind"),
            Fact("Note", "Called on Monday.\nWas polite."),
        ),
        caption="All amounts in CHF",
        lines=(
            ReceiptLine("Lamp", "A-1", "3", "47.51", "\N{MINUS SIGN}2.11", "9.97", "150.39"),
            ReceiptLine("Shade, linen", "B-1", "7", "23.01", "\N{MINUS SIGN}1.07", "0.53", "160.53"),
        ),
        sums=(
            Fact("Subtotal", "310.92"),
            Fact("Shipping", "5.03"),
            Fact("Discount", "\N{MINUS SIGN}1.01"),
            Fact("Tax", "0.61"),
        ),
        total=Fact("Total CHF", "315.55"),
        settlement=(),
    )


def test_says_nothing_of_what_is_not_there() -> None:
    content = receipt_of(replace(PENDING, external_ref=None))
    assert [fact.label for fact in content.facts] == ["Order", "Customer", "Placed", "Status", "Version"]
    assert content.seller == ()


def test_keeps_metadata_and_tags_to_the_shop() -> None:
    assert receipt_of(PENDING) == receipt_of(replace(PENDING, metadata={}, tags=()))


@pytest.mark.parametrize(
    "currency,unit_price,none", [("JPY", "4751", "0"), ("EUR", "47.51", "0.00"), ("KWD", "4.751", "0.000")]
)
def test_prints_as_many_decimals_as_the_currency_has(currency: str, unit_price: str, none: str) -> None:
    content = receipt_of(replace(PENDING, currency=currency, shipping=0))
    assert (content.lines[0].unit_price, content.sums[1].text) == (unit_price, none)
    assert (content.caption, content.total.label) == (f"All amounts in {currency}", f"Total {currency}")


@given(st.lists(lines, max_size=20), amounts, amounts, st.integers(0, 100), st.sampled_from(["JPY", "EUR", "KWD"]))
def test_what_is_printed_adds_up(bought: list[LineDTO], shipping: int, tax: int, share: int, currency: str) -> None:
    goods = sum(line.quantity * line.unit_price - line.discount + line.tax for line in bought)
    discount = (goods + shipping + tax) * share // 100
    total = goods + shipping + tax - discount
    order = replace(
        PENDING, lines=tuple(bought), shipping=shipping, tax=tax, discount=discount, total=total, currency=currency
    )
    content = receipt_of(order)
    assert sum(number(fact.text) for fact in content.sums) == number(content.total.text)
    assert number(content.total.text) == Decimal(total).scaleb({"JPY": 0, "EUR": -2, "KWD": -3}[currency])
    assert sum(number(line.amount) for line in content.lines) == number(content.sums[0].text)
    for line in content.lines:
        parts = number(line.quantity) * number(line.unit_price) + number(line.discount) + number(line.tax)
        assert parts == number(line.amount)


def test_without_lines_the_subtotal_is_what_the_other_parts_leave_of_the_total() -> None:
    content = receipt_of(replace(PENDING, lines=(), total=9_900, shipping=503, discount=101, tax=61))
    assert content.lines == ()
    assert content.sums[0] == Fact("Subtotal", "94.37")
    assert receipt_of(replace(PENDING, lines=(), total=100)).sums[0] == Fact("Subtotal", "\N{MINUS SIGN}3.63")


def test_prints_a_subtotal_past_the_bound_of_a_single_amount() -> None:
    bought = (LineDTO("A-1", "Yacht", 1, 10**15 - 1), LineDTO("B-2", "Rope", 1, 5))
    command = place_command(lines=bought, total=6, discount=10**15 - 2, shipping=0, tax=0)
    content = receipt_of(OrderDTO.of(command.to_order("order-9", PENDING.created_at)))
    assert (content.sums[0].text, content.total.text) == ("10000000000000.04", "0.06")


def test_times_are_in_utc_wherever_they_were_taken() -> None:
    tokyo = datetime(2026, 3, 1, 8, 30, 59, 999_999, timezone(timedelta(hours=9)))
    assert Fact("Placed", "2026-02-28 23:30:59 UTC") in receipt_of(replace(PENDING, created_at=tokyo)).facts
    early = datetime(7, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert Fact("Placed", "0007-01-02 03:04:05 UTC") in receipt_of(replace(PENDING, created_at=early)).facts


@pytest.mark.parametrize(
    "seller", ["Lamps Ltd.\nLeeds", "Lamps Ltd.\r\nLeeds\r\n", r"Lamps Ltd.\nLeeds", "\n Lamps Ltd. \n\nLeeds"]
)
def test_the_sellers_lines_may_be_broken_by_a_shell_or_by_a_file(seller: str) -> None:
    assert receipt_of(PENDING, seller).seller == ("Lamps Ltd.", "Leeds")


def test_printable_ascii_stays() -> None:
    ascii_ = "".join(map(chr, range(32, 127)))
    assert receipt_of(PENDING, ascii_).seller == (ascii_.strip(),)


def test_what_cannot_be_printed_is_replaced_and_the_rest_stays() -> None:
    odd = LineDTO("A\x00-1", "a\ud800b\u2028c\x1b[31m\uffff\U0010fffe<b>\u202e\u00a0d", 1, 1)
    line = receipt_of(replace(PENDING, lines=(odd,))).lines[0]
    assert (line.sku, line.name) == ("A\ufffd-1", "a\ufffdb\ufffdc\ufffd[31m\ufffd\ufffd<b>\u202e\u00a0d")


@given(st.text(min_size=1))
def test_every_text_can_be_written_as_utf_8_and_holds_no_control_character(text: str) -> None:
    order = replace(PENDING, lines=(LineDTO(text, text, 1, 1),), user_id=text)
    content = receipt_of(order, text)
    for printed in (content.lines[0].name, content.lines[0].sku, content.facts[2].text, *content.seller):
        assert printed.encode()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", printed)


def test_shows_what_was_cancelled_paid_and_refunded_since() -> None:
    order, at = pending_order(), datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    order.record_payment(Payment("pay-1", "authorized", 31_555, "card", at), at=at)
    order.record_payment(Payment("pay-1", "captured", 31_555, "card", at), at=at)
    order.record_payment(Payment("pay-2", "captured", 100, None, at + timedelta(days=1)), at=at + timedelta(days=1))
    order.cancel_lines([LineQuantity("l1", 3)], at=at)
    for reference, outcome in (("refund-1", "succeeded"), ("refund-2", "failed")):
        order.add_refund(reference, 4_000, at=at)
        order.close_refund(reference, outcome, at=at + timedelta(days=2))
    content = receipt_of(OrderDTO.of(order, 8))
    assert content.total == Fact("Total CHF", "315.55")
    assert content.settlement == (
        Fact("Cancelled", "\N{MINUS SIGN}150.20"),
        Fact("New total CHF", "165.35"),
        Fact("Paid by card on 2026-05-06", "315.55"),
        Fact("Paid on 2026-05-07", "1.00"),
        Fact("Refunded on 2026-05-08", "\N{MINUS SIGN}40.00"),
    )


def test_a_cancelled_order_has_no_new_total() -> None:
    assert receipt_of(CANCELLED).settlement == ()


HOME = Address("Ada Lovelace", None, "12 St James's Square", "2nd\x1b floor", "London", None, "SW1Y 4JH", "GB")
OFFICE = Address(company="Engines Ltd.", city="Leeds", region="Yorkshire")


@pytest.mark.parametrize(
    "data, expected",
    [
        (PersonalData(Customer("Ada Lovelace", "ada@example.com", "1234")), {"Name": "Ada Lovelace"}),
        (
            PersonalData(None, HOME),
            {"Ship to": "Ada Lovelace\n12 St James's Square\n2nd\ufffd floor\nSW1Y 4JH London\nGB"},
        ),
        (
            PersonalData(Customer("Ada Lovelace"), HOME, OFFICE),
            {"Name": "Ada Lovelace", "Bill to": "Engines Ltd.\nLeeds\nYorkshire"},
        ),
        (PersonalData(Customer(email="ada@example.com")), {}),
    ],
)
def test_contains_the_name_and_one_address_and_a_code(data: PersonalData, expected: dict[str, str]) -> None:
    record = PersonalRecord(data, b"0123456789abcdef")
    plain, facts = (
        {fact.label: fact.text for fact in receipt_of(PENDING, personal=each).facts} for each in (None, record)
    )
    assert facts == {**plain, **expected, "Code": record.receipt_code}
