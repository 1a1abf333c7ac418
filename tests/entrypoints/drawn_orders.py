"""Any order that there can be, with texts that files are tempted to take for something else."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import CommandRejected, OrderStatus
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import Payment
from orderkeep.domain.personal_data import Address, Customer, PersonalData
from orderkeep.domain.shipments import Tracking
from orderkeep.domain.value_objects import Cancellation, Document, is_visible

NASTY = st.sampled_from(
    ["=1+1", "+1", "-1", "@x", "'", "''=", "'a", '"', 'a"b', "a,b", "a;b", "ß", "日本", "😀", " x "]
)
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CHARACTERS = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters=BIDI)
TEXTS = NASTY | st.text(CHARACTERS, min_size=1, max_size=12).filter(is_visible)
BROKEN_TEXTS = TEXTS | st.sampled_from(["a\nb", "=a\r\nb", "\t=1", "\r", "one\ttwo\n"]).filter(is_visible)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
AMOUNTS = st.integers(0, 10**9)


@st.composite
def lines(draw: st.DrawFn) -> LineDTO:
    quantity, price = draw(st.integers(1, 1000)), draw(AMOUNTS)
    discount = draw(st.integers(0, quantity * price))
    return LineDTO(draw(TEXTS), draw(TEXTS), quantity, price, discount, draw(AMOUNTS))


EMAILS = st.sampled_from(["jo@example.com", "=1@x", "-a@b", "'@'", "ä@ö"])


def people() -> st.SearchStrategy[PersonalData]:
    """Draw any personal data that there can be."""
    name, short = st.none() | TEXTS, st.none() | st.sampled_from(["LS1 4AB", "-1", "'", "8001"])
    customers = st.builds(Customer, name, st.none() | EMAILS, name)
    countries = st.sampled_from([None, "DE", "GB"])
    addresses = st.builds(Address, name, name, name, name, name, name, short, countries)
    return st.builds(PersonalData, st.none() | customers, st.none() | addresses, st.none() | addresses)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    digest = draw(st.from_regex(r"[0-9a-f]{64}", fullmatch=True))
    media_type = draw(st.sampled_from(["text/html", "application/pdf"]))
    return Document(digest, "receipt", media_type, draw(st.integers(0, 10**9)), 1, 2, draw(INSTANTS))


def _ship_one(order: Order, text: str, at: datetime) -> None:
    lines = [LineQuantity(line.id, 1) for line in order.lines[:1]]
    order.add_shipment(lines, Tracking(text, text, "https://track.example/1?a=b"), at=at)


def _return_all(order: Order, text: str, at: datetime) -> None:
    order.deliver(at=at)
    order.request_return((), text, at=at)
    order.receive_return("r1", note=text, at=at)


def _pay_and_refund(order: Order, text: str, at: datetime) -> None:
    order.record_payment(Payment(text, "captured", 700, text, at), at=at)
    order.add_refund(text, 300, text, at=at)
    order.close_refund(text, "succeeded", at=at)


PARTS: list[Callable[[Order, str, datetime], None]] = [
    lambda order, text, at: order.cancel_lines([LineQuantity(line.id, 1) for line in order.lines[:1]], text, at=at),
    lambda order, text, at: order.put_on_hold(text, text, datetime(2200, 1, 1, tzinfo=UTC), at=at),
    lambda order, text, at: order.add_note(text, "internal", at=at),
    _ship_one,
    _return_all,
    _pay_and_refund,
]


@st.composite
def orders(draw: st.DrawFn) -> OrderDTO:
    """Draw any order that there can be."""
    kept = tuple(draw(st.lists(lines(), max_size=4)))
    status = draw(st.sampled_from([status for status in OrderStatus if status != OrderStatus.PARTIALLY_SHIPPED]))
    shipping, tax, created_at = draw(AMOUNTS), draw(AMOUNTS), draw(INSTANTS)
    goods = sum(line.quantity * line.unit_price - line.discount + line.tax for line in kept)
    discount = draw(st.integers(0, goods + shipping + tax))
    total = goods + shipping + tax - discount + (0 if kept else draw(AMOUNTS))
    cancellation = Cancellation(draw(st.none() | TEXTS), draw(st.none() | BROKEN_TEXTS), draw(INSTANTS))
    order = OrderDTO(
        id=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:\-]{0,20}", fullmatch=True)),
        user_id=draw(TEXTS),
        total=total,
        currency=draw(st.sampled_from(["EUR", "JPY", "KWD"])),
        status=status.value,
        created_at=created_at,
        updated_at=created_at + draw(st.timedeltas(timedelta(0), timedelta(days=9))),
        lines=kept,
        shipping=shipping,
        discount=discount,
        tax=tax,
        external_ref=draw(st.none() | TEXTS),
        tags=tuple(draw(st.lists(TEXTS, max_size=3, unique=True))),
        metadata=draw(st.dictionaries(TEXTS, st.just("") | BROKEN_TEXTS, max_size=3)),
        cancellation=cancellation if status is OrderStatus.CANCELLED else None,
        documents=tuple(draw(st.lists(documents(), max_size=2))),
        version=draw(st.integers(1, 9)),
    ).to_order()
    for live in draw(st.lists(st.sampled_from(PARTS), max_size=4, unique=True)):
        with suppress(CommandRejected):
            live(order, draw(TEXTS), draw(INSTANTS))
    return OrderDTO.of(order)
