"""Every limit of an order: a value at the limit is accepted, one beyond it is rejected with its own code and field."""

import copy
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from orderkeep.domain import exceptions as errors
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.lines import OrderLine
from orderkeep.domain.value_objects import Money

AT = datetime(2026, 5, 6, 7, 8, 9, 10, UTC)
MAX = 10**15


def euros(minor: int) -> Money:
    return Money(minor, "EUR")


def line(**changes: Any) -> OrderLine:
    values: dict[str, Any] = {
        "sku": "A1",
        "name": "Lamp",
        "quantity": 2,
        "unit_price": euros(4_750),
        "discount": euros(0),
    }
    return OrderLine(**values | {"tax": euros(0)} | changes)


def place(**changes: Any) -> Order:
    """Place an order; where it has lines, with the total that they add up to."""
    lines = changes.get("lines", ())
    total = changes.pop("total", euros(min(int(sum(one.quantity * one.unit_price.minor for one in lines)), MAX - 1)))
    values = {"id": "order-1", "user_id": "user-42", "total": total} | changes
    return Order.place(values.pop("id"), values.pop("user_id"), values.pop("total"), at=AT, **values)


class Bound(NamedTuple):
    """A bound: what is taken, what is not, and how that is said."""

    field: str
    taken: dict[str, Any]
    refused: dict[str, Any]
    error: type[InvalidInput]
    code: str


def text(name: str, longest: int) -> Bound:
    return Bound(name, {name: "é" * longest}, {name: "é" * (longest + 1)}, errors.TextTooLong, "text_too_long")


def of_line(field: str, taken: Any, refused: Any, error: type[InvalidInput], code: str) -> Bound:
    lines = {"lines": (line(), line(**{field: taken}))}, {"lines": (line(), line(**{field: refused}))}
    return Bound(f"lines/1/{field}", *lines, error, code)


ASCII = "".join(map(chr, range(32, 127)))
LONG_KEY, LONG_VALUE = "k" * 40, "v" * 500
TAGS = tuple(f"tag-{n}" for n in range(20))
PAIRS = {f"key-{n}": f"value-{n}" for n in range(50)}
LONG_TAG = "t" * 50
FREE = line(unit_price=euros(0))

BOUNDS = [
    Bound("id", {"id": "i" * 64}, {"id": "i" * 65}, errors.TextTooLong, "text_too_long"),
    Bound("id", {"id": "7.a_B:-"}, {"id": "a/b"}, errors.InvalidId, "invalid_id"),
    Bound("id", {"id": "a-"}, {"id": "-a"}, errors.InvalidId, "invalid_id"),
    Bound("id", {"id": "e1"}, {"id": "é1"}, errors.InvalidId, "invalid_id"),
    Bound("id", {"id": "a"}, {"id": ""}, errors.TextMissing, "text_missing"),
    text("user_id", 128),
    Bound("user_id", {"user_id": " a"}, {"user_id": " \u3000"}, errors.TextMissing, "text_missing"),
    Bound("user_id", {"user_id": f"a{ASCII}"}, {"user_id": "a\nb"}, errors.TextNotPrintable, "text_not_printable"),
    Bound("user_id", {"user_id": "\ue000"}, {"user_id": "\ud800"}, errors.TextNotPrintable, "text_not_printable"),
    text("external_ref", 128),
    Bound("external_ref", {"external_ref": None}, {"external_ref": ""}, errors.TextMissing, "text_missing"),
    Bound("total", {"total": euros(MAX - 1)}, {"total": euros(-1)}, errors.AmountOutOfRange, "amount_out_of_range"),
    Bound("total", {}, {"total": euros(1), "currency": "USD"}, errors.CurrencyMismatch, "currency_mismatch"),
    *(
        Bound(field, {field: euros(0)}, {field: euros(-1)}, errors.AmountOutOfRange, "amount_out_of_range")
        for field in ("shipping", "discount", "tax")
    ),
    *(
        Bound(
            field,
            {"total": euros(1), field: euros(1)},
            {"total": euros(1), field: Money(1, "USD")},
            errors.CurrencyMismatch,
            "currency_mismatch",
        )
        for field in ("shipping", "discount", "tax")
    ),
    Bound("total", {}, {"total": Money.zero("EUR"), "currency": "USD"}, errors.CurrencyMismatch, "currency_mismatch"),
    *(
        Bound(
            field,
            {"total": Money(1, "USD"), "currency": "USD", field: Money.zero("USD")},
            {"total": Money(1, "USD"), "currency": "USD", field: Money.zero("EUR")},
            errors.CurrencyMismatch,
            "currency_mismatch",
        )
        for field in ("shipping", "discount", "tax")
    ),
    Bound("tags", {"tags": TAGS}, {"tags": (*TAGS, "one more")}, errors.TooManyTags, "too_many_tags"),
    Bound("tags/1", {"tags": ("a", LONG_TAG)}, {"tags": ("a", LONG_TAG + "t")}, errors.TextTooLong, "text_too_long"),
    Bound("tags/2", {"tags": ("a", "b", "A")}, {"tags": ("a", "b", "a")}, errors.DuplicateTag, "duplicate_tag"),
    Bound("tags/0", {"tags": ("-",)}, {"tags": ("",)}, errors.TextMissing, "text_missing"),
    Bound(
        "metadata",
        {"metadata": PAIRS},
        {"metadata": PAIRS | {"k": "v"}},
        errors.TooManyMetadataKeys,
        "too_many_metadata_keys",
    ),
    Bound(
        "metadata",
        {"metadata": {LONG_KEY: "v"}},
        {"metadata": {LONG_KEY + "k": "v"}},
        errors.TextTooLong,
        "text_too_long",
    ),
    Bound("metadata", {"metadata": {" k": ""}}, {"metadata": {" ": "v"}}, errors.TextMissing, "text_missing"),
    Bound(
        "metadata/k",
        {"metadata": {"k": " " * 500}},
        {"metadata": {"k": " " * 501}},
        errors.TextTooLong,
        "text_too_long",
    ),
    Bound(
        "metadata/k",
        {"metadata": {"k": LONG_VALUE}},
        {"metadata": {"k": LONG_VALUE + "v"}},
        errors.TextTooLong,
        "text_too_long",
    ),
    Bound(
        "metadata/k",
        {"metadata": {"k": "a\n\tb"}},
        {"metadata": {"k": "a\x00b"}},
        errors.TextNotPrintable,
        "text_not_printable",
    ),
    Bound("lines", {"lines": (FREE,) * 500}, {"lines": (FREE,) * 501}, errors.TooManyLines, "too_many_lines"),
    of_line("sku", "s" * 64, "s" * 65, errors.TextTooLong, "text_too_long"),
    of_line("name", "n" * 200, "n" * 201, errors.TextTooLong, "text_too_long"),
    of_line("name", "n", None, errors.TextMissing, "text_missing"),
    of_line("name", "a b", "a\u2028b", errors.TextNotPrintable, "text_not_printable"),
    of_line("quantity", 1, 0, errors.QuantityOutOfRange, "quantity_out_of_range"),
    of_line("quantity", 1_000_000, 1_000_001, errors.QuantityOutOfRange, "quantity_out_of_range"),
    of_line("quantity", 7, 7.0, errors.QuantityOutOfRange, "quantity_out_of_range"),
    of_line("quantity", 1, True, errors.QuantityOutOfRange, "quantity_out_of_range"),
    of_line("unit_price", euros(0), euros(-1), errors.AmountOutOfRange, "amount_out_of_range"),
    of_line("unit_price", euros(MAX // 2 - 4_751), euros(MAX // 2), errors.AmountOutOfRange, "amount_out_of_range"),
    of_line("unit_price", euros(1), Money(1, "USD"), errors.CurrencyMismatch, "currency_mismatch"),
    of_line("discount", euros(0), euros(-1), errors.AmountOutOfRange, "amount_out_of_range"),
    of_line("discount", euros(0), euros(9_501), errors.DiscountExceedsLine, "discount_exceeds_line"),
    of_line("tax", euros(0), euros(-1), errors.AmountOutOfRange, "amount_out_of_range"),
]
CANCELLATION_BOUNDS = [
    Bound("reason", {"reason": "r" * 100}, {"reason": "r" * 101}, errors.TextTooLong, "text_too_long"),
    Bound("reason", {"reason": None}, {"reason": " "}, errors.TextMissing, "text_missing"),
    Bound("reason", {"reason": ASCII}, {"reason": "a\nb"}, errors.TextNotPrintable, "text_not_printable"),
    Bound("note", {"note": "n" * 1_000}, {"note": "n" * 1_001}, errors.TextTooLong, "text_too_long"),
    Bound("note", {"note": "n\n" * 500}, {"note": "n\n" * 500 + "n"}, errors.TextTooLong, "text_too_long"),
    Bound("note", {"note": None}, {"note": ""}, errors.TextMissing, "text_missing"),
    Bound("note", {"note": f"\r\n\t{ASCII}"}, {"note": "a\x1bb"}, errors.TextNotPrintable, "text_not_printable"),
]


def named(bound: Bound) -> str:
    return f"{bound.field}-{bound.code}-{list(bound.refused.values())!r:.40}-{len(repr(bound.refused))}"


@pytest.mark.parametrize("bound", BOUNDS, ids=named)
def test_takes_an_order_at_the_bound_and_none_past_it(bound: Bound) -> None:
    place(**bound.taken)
    with pytest.raises(InvalidInput) as refused:
        place(**bound.refused)
    assert (type(refused.value), refused.value.code, refused.value.field) == (bound.error, bound.code, bound.field)
    assert not str(refused.value).startswith(bound.field)  # the field is shown in front of it


@pytest.mark.parametrize("bound", CANCELLATION_BOUNDS, ids=named)
def test_takes_a_cancellation_at_the_bound_and_none_past_it(bound: Bound) -> None:
    place().cancel(**bound.taken, at=AT)
    order = place()
    before = copy.deepcopy(vars(order))
    with pytest.raises(InvalidInput) as refused:
        order.cancel(**bound.refused, at=AT)
    assert (type(refused.value), refused.value.code, refused.value.field) == (bound.error, bound.code, bound.field)
    assert vars(order) == before


WIDE = (line(sku="s", name="\U0001f69a" * 200, unit_price=euros(0)),) * 449
REST = 360_000 - 449 * 801 - len("user-42" + "s")
LARGEST = (*WIDE, line(sku="s", name="é" * (REST // 2) + "e" * (REST % 2), unit_price=euros(0)))
"""With the user's ID, 360,000 bytes of text in UTF-8."""


@pytest.mark.parametrize(
    "one_more",
    [
        {"user_id": "user-420"},
        {"external_ref": "r"},
        {"tags": ("t",)},
        {"metadata": {"k": ""}},
        {"lines": (*LARGEST[:-1], line(sku="ss", name=LARGEST[-1].name, unit_price=euros(0)))},
        {"lines": (*LARGEST[:-1], line(sku="s", name=f"{LARGEST[-1].name}n", unit_price=euros(0)))},
    ],
    ids=["user_id", "external_ref", "tag", "metadata", "sku", "name"],
)
def test_all_texts_of_an_order_are_limited_together(one_more: dict[str, Any]) -> None:
    place(lines=LARGEST)
    with pytest.raises(errors.OrderTooLarge, match="exceed 360000 bytes of text in UTF-8") as rejected:
        place(**{"lines": LARGEST} | one_more)
    assert (rejected.value.field, rejected.value.facts) == ("lines", {"limit": 360_000})


def test_value_of_metadata_counts_for_the_size_of_an_order() -> None:
    shorter = line(sku="s", name=LARGEST[-1].name[:-1], unit_price=euros(0))
    place(lines=(*WIDE, shorter), metadata={"k": ""})
    with pytest.raises(errors.OrderTooLarge):
        place(lines=(*WIDE, shorter), metadata={"k": "vv"})


def test_rejects_an_amount_past_the_bound_before_there_is_an_order() -> None:
    with pytest.raises(errors.AmountOutOfRange):
        euros(MAX)


def test_takes_a_discount_of_the_whole_line() -> None:
    free = line(discount=euros(9_500))
    assert place(total=euros(0), lines=(free,)).lines[0].total == euros(0)


def test_counts_tax_into_the_bound_of_a_line() -> None:
    dear = line(unit_price=euros(MAX // 2 - 1), tax=euros(2))
    with pytest.raises(errors.AmountOutOfRange, match="quantity times unit_price") as rejected:
        place(total=euros(0), lines=(dear,))
    assert rejected.value.field == "lines/0/unit_price"


def test_line_tax_that_makes_the_line_too_large_is_reported_on_the_tax() -> None:
    taxed = line(tax=euros(MAX - 1))
    with pytest.raises(errors.AmountOutOfRange, match="quantity times unit_price") as rejected:
        place(total=euros(0), lines=(taxed,))
    assert rejected.value.field == "lines/0/tax"


def test_line_at_the_maximum_amount_is_accepted() -> None:
    dear = line(quantity=1, unit_price=euros(MAX - 2), tax=euros(1))
    assert place(total=euros(MAX - 1), lines=(dear,)).total == euros(MAX - 1)


BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize("control", BIDI)
def test_text_that_changes_its_direction_is_rejected(control: str) -> None:
    for changes, field in (
        ({"user_id": f"gpj.{control}exe"}, "user_id"),
        ({"lines": (line(name=f"{control}Lamp"),)}, "lines/0/name"),
        ({"metadata": {"note": f"a\n{control}"}}, "metadata/note"),
    ):
        with pytest.raises(errors.TextNotPrintable) as refused:
            place(**changes)
        assert refused.value.field == field


@pytest.mark.parametrize(
    "invisible",
    [
        *("\u200b", "\u3164", "\u2800", "\ufeff", "\u00ad", "\u2060 \u200d", "\ufe0f", "\u00a0"),
        *("\ufff9", "\uffff", "\U000e0041", "\U000e0101"),
    ],
)
def test_text_without_a_visible_character_is_rejected(invisible: str) -> None:
    with pytest.raises(errors.TextMissing):
        place(lines=(line(name=invisible),))
    assert place(lines=(line(name=f"{invisible}x{invisible}"),))
    assert place(metadata={"note": invisible})


def test_text_may_join_characters() -> None:
    assert place(user_id="👩\u200d🚀", lines=(line(name="\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),))


@pytest.mark.parametrize("code", ["DEM", "ITL", "HRK"])
def test_withdrawn_currency_is_for_imported_orders_only(code: str) -> None:
    with pytest.raises(errors.UnknownCurrency):
        place(total=Money(1, code))
    imported = Order.imported("order-1", "anna", Money.of("19.00" if code != "ITL" else "19", code), "shipped", AT)
    assert imported.total.minor == (19 if code == "ITL" else 1900)
