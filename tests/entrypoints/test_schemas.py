"""What may come in, through any entrypoint: read whole, refused whole, in the domain's words."""

import dataclasses
import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from orderkeep.application.dtos import LineDTO, OrderDTO, PlaceOrder
from orderkeep.application.strict_json import read_json
from orderkeep.domain import limits
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.payments import Payment, Refund
from orderkeep.domain.personal_data import PARTS, Address, Customer, PersonalData, merged, personal_data_of
from orderkeep.domain.returns import Return
from orderkeep.domain.shipments import Shipment
from orderkeep.domain.value_objects import EXPONENTS, Cancellation, Hold, Note, check_text
from orderkeep.entrypoints import import_records
from orderkeep.entrypoints.field_errors import InvalidFields
from orderkeep.entrypoints.import_records import ImportedLine, ImportedOrder
from orderkeep.entrypoints.schemas import (
    ANY_LINES,
    ONE_LINE,
    SOME_LINES,
    AddressBody,
    Body,
    CancelBody,
    CustomerBody,
    EditOrderBody,
    LineBody,
    PlaceOrderBody,
    ReceiptBody,
    not_null,
    parse,
    parse_json,
    read_place_order,
)
from tests.entrypoints.http_calls import ORDER, PLAIN

IMPORTED = {
    **ORDER,
    "id": "old-1",
    "status": "cancelled",
    "created_at": "1996-07-04T02:00:00+02:00",
    "updated_at": "1996-07-16T08:30:00.25Z",
    "cancellation": {"reason": "fraud", "note": "Two\nlines", "at": "1996-07-16T08:30:00Z"},
    "version": 7,
}


def read_cancel(data: object) -> CancelBody:
    return parse(CancelBody, data)


def read_imported_order(data: object) -> OrderDTO:
    return parse(ImportedOrder, data).to_order()


def codes(read: Any, data: object) -> dict[str, str]:
    with pytest.raises(InvalidFields) as caught:
        read(data)
    return {error.pointer or "": error.code for error in caught.value.errors}


def assert_is_order(order: PlaceOrder | OrderDTO) -> None:
    shown = json.loads(msgspec.json.encode(order))
    lines = [{name: line[name] for name in given} for line, given in zip(shown["lines"], ORDER["lines"], strict=True)]
    expected = {name: value for name, value in ORDER.items() if name not in PARTS}
    assert expected.items() <= {**shown, "lines": lines}.items()


def test_every_field_arrives() -> None:
    names = {field.name for field in dataclasses.fields(PlaceOrder)} - {"personal"}
    assert ORDER.keys() == names | set(PARTS), "add it to ORDER in http_calls.py"
    order = read_place_order(ORDER)
    assert_is_order(order)
    assert order.personal is not None
    assert dataclasses.asdict(order.personal) == {part: ORDER[part] for part in PARTS}
    assert order.lines[1] == LineDTO("B2", "Bulb", 3, 110, 7, 11)


def test_what_is_not_given_is_as_the_command_has_it() -> None:
    assert read_place_order(PLAIN) == PlaceOrder(user_id="user-7", total=9_900, currency="USD")


@pytest.mark.parametrize(
    "model", [PlaceOrderBody, LineBody, CancelBody, ReceiptBody, CustomerBody, AddressBody, ImportedOrder]
)
def test_schema_of_an_optional_field_has_null_and_no_default(model: type[Body]) -> None:
    """Generators make a field that has a default required, and some send null for what is not given."""
    schema = model.model_json_schema()
    for name, described in schema["properties"].items():
        assert "default" not in described, name
        assert ({"type": "null"} in described.get("anyOf", [])) == (name not in schema.get("required", [])), name


def test_personal_data_without_a_value_is_absent() -> None:
    empty: tuple[dict[str, Any], ...] = ({"customer": {}}, {"customer": {"name": None}, "billing_address": {}})
    for given in empty:
        assert read_place_order({**PLAIN, **given}) == read_place_order(PLAIN)


TEXTS_OF_A_PERSON = (
    [
        {"customer": {"email": text}}
        for text in (
            "a@b",
            "jo@example.com",
            "a b@c",
            "a@b@c",
            "@b",
            "a@",
            "a",
            "",
            "a\n@b",
            "ä@ö",
            "a@\u202eb",
            "a\xa0@b",
        )
    ]
    + [{"shipping_address": {"country": text}} for text in ("DE", "de", "XX", "DEU", "D", "", "ZR", "U\u0053")]
    + [
        {part: {name: "x" * length}}
        for part, kind in (("customer", Customer), ("billing_address", Address))
        for name in (field.name for field in dataclasses.fields(kind))
        for length in (20, 21, 50, 51, 100, 101, 200, 201)
        if name not in ("email", "country")
    ]
    + [{"customer": {"email": f"{'x' * length}@b"}} for length in (252, 253)]
)


@pytest.mark.parametrize("given", TEXTS_OF_A_PERSON, ids=str)
def test_schema_and_domain_accept_the_same_personal_data(given: dict[str, Any]) -> None:
    [(part, values)] = given.items()
    kind: Any = Customer if part == "customer" else Address
    data = PersonalData(**{part: kind(**values)})
    expected = {}
    try:
        data.check()
    except InvalidInput as error:
        expected = {f"/{error.field}": error.code}
    assert (codes(read_place_order, {**PLAIN, **given}) if expected else {}) == {
        place: "invalid_country" if place.endswith("/country") else code for place, code in expected.items()
    }
    if not expected:
        assert read_place_order({**PLAIN, **given}).personal == data


def test_edit_is_a_merge_patch_of_each_part() -> None:
    before = read_place_order(ORDER).personal
    patch = {"customer": {"phone": None}, "shipping_address": None, "billing_address": {"city": "Bern"}}
    changes = parse(EditOrderBody, patch).changes()
    assert changes == patch
    after = merged(before, {part: changes[part] for part in PARTS})  # type: ignore[literal-required]
    customer = {**ORDER["customer"], "phone": None}
    billing = {**ORDER["billing_address"], "city": "Bern"}
    assert after == personal_data_of(Customer(**customer), None, Address(**billing))


def test_null_is_what_absence_is() -> None:
    line = {name: value for name, value in ORDER["lines"][0].items() if name not in ("discount", "tax")}
    nulls = dict.fromkeys(ORDER.keys() - PLAIN.keys())
    assert read_place_order({**PLAIN, **nulls}) == read_place_order(PLAIN)
    lines = [{**line, "discount": None, "tax": None}]
    assert read_place_order({**PLAIN, "lines": lines}) == read_place_order({**PLAIN, "lines": [line]})
    imported = {**PLAIN, "status": "shipped", "created_at": "1996-07-04T00:00:00Z"}
    absent = dict.fromkeys(ImportedOrder.model_fields.keys() - imported.keys())
    assert read_imported_order({**imported, **absent}) == read_imported_order(imported)


def test_integer_with_one_decimal_zero_is_an_integer() -> None:
    """Programs whose only numbers are floats write them so."""
    text = json.dumps({**ORDER, "lines": [], "total": 0}).replace('"total": 0', '"total": 9900.0')
    order = parse_json(PlaceOrderBody, text.encode()).to_command()
    assert (order.total, type(order.total)) == (9900, int)
    assert read_place_order(read_json(text.encode())) == order


@pytest.mark.parametrize("number", ["99.00", "99.50", "99.5", "9900.00", "9.9e1", "99E2", "990000e-2", "0.00"])
def test_number_with_decimal_places_or_exponent_is_no_amount(number: str) -> None:
    """99.00 is an amount in major units: as an integer, it would be 0.99."""
    text = json.dumps({**ORDER, "total": 0, "shipping": 490.0}).replace('"total": 0', f'"total": {number}').encode()
    for read in (lambda: parse_json(PlaceOrderBody, text), lambda: read_place_order(read_json(text))):
        with pytest.raises(InvalidFields) as raised:
            read()
        message = "must be a whole number of minor units, without decimal places: 9900 for 99.00"
        assert [each.as_dict() for each in raised.value.errors] == [
            {"pointer": "/total", "code": "wrong_type", "message": message}
        ]


@pytest.mark.parametrize("number", ["2.00", "2e0"])
def test_number_with_decimal_places_is_no_quantity(number: str) -> None:
    text = json.dumps({**ORDER["lines"][0], "quantity": 0}).replace('"quantity": 0', f'"quantity": {number}').encode()
    with pytest.raises(InvalidFields, match=r"^/quantity must be a whole number, without decimal places$"):
        parse_json(LineBody, text)


@pytest.mark.parametrize("value", [9900.5, "9900", "9900.0", True, [9900.0], None])
def test_rejects_what_is_no_integer(value: object) -> None:
    assert codes(read_place_order, {**PLAIN, "total": value}) == {"/total": "wrong_type"}
    assert codes(read_place_order, {**PLAIN, "total": value, "tax": 1.0}) == {"/total": "wrong_type"}


def test_number_is_no_text() -> None:
    assert codes(read_place_order, {**PLAIN, "metadata": {"a": 1.0}, "tax": 2.0}) == {"/metadata/a": "wrong_type"}


def test_an_imported_order_keeps_all_but_its_version() -> None:
    order = read_imported_order(IMPORTED)
    assert (order.id, order.status, order.version) == ("old-1", "cancelled", 1)
    assert order.created_at == datetime(1996, 7, 4, tzinfo=UTC)
    assert order.updated_at == datetime(1996, 7, 16, 8, 30, 0, 250_000, tzinfo=UTC)
    assert order.cancellation == Cancellation("fraud", "Two\nlines", datetime(1996, 7, 16, 8, 30, tzinfo=UTC))
    assert_is_order(order)


def test_an_imported_order_needs_neither_an_id_nor_a_last_change() -> None:
    order = read_imported_order({**PLAIN, "status": "shipped", "created_at": "1996-07-04T00:00:00Z"})
    assert (order.id, order.updated_at) == ("", order.created_at)


def test_response_can_be_imported() -> None:
    order = OrderDTO.of(read_imported_order(IMPORTED).to_order(), 1)
    assert OrderDTO.of(read_imported_order(json.loads(msgspec.json.encode(order))).to_order(), 1) == order


def test_an_imported_order_is_checked_as_one_placed() -> None:
    wrong = {
        **IMPORTED,
        "status": "lost",
        "created_at": "1996-07-04",
        "cancellation": {"at": 7},
        "id": "",
        "total": "1",
    }
    assert codes(read_imported_order, wrong) == {
        "/status": "unknown_status",
        "/created_at": "invalid_time",
        "/cancellation/at": "wrong_type",
        "/id": "text_missing",
        "/total": "wrong_type",
    }


def test_a_reason_and_a_note_may_be_left_out() -> None:
    assert read_cancel({}) == CancelBody(reason=None, note=None)
    assert codes(read_cancel, {"reason": "two\nlines", "note": ""}) == {
        "/reason": "text_not_printable",
        "/note": "text_missing",
    }


@pytest.mark.parametrize("data", [None, [], "{}", 7, True, [ORDER]])
def test_rejects_what_is_no_object(data: object) -> None:
    for read in (read_place_order, read_imported_order, read_cancel):
        assert codes(read, data) == {"": "wrong_type"}


@pytest.mark.parametrize(
    "value, code",
    [
        (0, "quantity_out_of_range"),
        (1_000_001, "quantity_out_of_range"),
        (10**40, "quantity_out_of_range"),
        (-1, "quantity_out_of_range"),
        (2.5, "wrong_type"),
        (1e300, "quantity_out_of_range"),
        ("2", "wrong_type"),
        (True, "wrong_type"),
        (None, "wrong_type"),
    ],
)
def test_rejects_absurd_quantities(value: object, code: str) -> None:
    line = {**ORDER["lines"][0], "quantity": value}
    assert codes(read_place_order, {**ORDER, "lines": [ORDER["lines"][1], line]}) == {"/lines/1/quantity": code}


@pytest.mark.parametrize("name", ["user_id", "external_ref"])
@pytest.mark.parametrize(
    "text, code",
    [
        ("", "text_missing"),
        (" \u00a0", "text_missing"),
        ("x" * 129, "text_too_long"),
        ("a\nb", "text_not_printable"),
        ("a\u2028b", "text_not_printable"),
        ("a\x9fb", "text_not_printable"),
        ("a\ud800b", "text_not_printable"),
    ],
)
def test_rejects_texts_that_cannot_be_shown(name: str, text: str, code: str) -> None:
    assert codes(read_place_order, {**PLAIN, name: text}) == {f"/{name}": code}


def test_each_bound_is_the_domains() -> None:
    at_bound = {
        "user_id": "u" * limits.MAX_USER_ID_LENGTH,
        "total": limits.MAX_MINOR_UNITS - 1,
        "external_ref": "é" * limits.MAX_EXTERNAL_REF_LENGTH,
        "tags": [f"{n:050}" for n in range(limits.MAX_TAGS)],
        "metadata": {f"{n:040}": "v" * limits.MAX_METADATA_VALUE_LENGTH for n in range(limits.MAX_METADATA_KEYS)},
    }
    read_place_order({**PLAIN, **at_bound})
    beyond = {
        "user_id": "u" * (limits.MAX_USER_ID_LENGTH + 1),
        "total": limits.MAX_MINOR_UNITS,
        "external_ref": "é" * (limits.MAX_EXTERNAL_REF_LENGTH + 1),
        "tags": [str(n) for n in range(limits.MAX_TAGS + 1)],
        "metadata": {str(n): "v" for n in range(limits.MAX_METADATA_KEYS + 1)},
        "lines": [ORDER["lines"][0]] * (limits.MAX_LINES + 1),
    }
    assert codes(read_place_order, {**PLAIN, **beyond}) == {
        "/user_id": "text_too_long",
        "/total": "amount_out_of_range",
        "/external_ref": "text_too_long",
        "/tags": "too_many_tags",
        "/metadata": "too_many_metadata_keys",
        "/lines": "too_many_lines",
    }


def test_the_json_schema_says_the_same_bounds() -> None:
    schema = PlaceOrderBody.model_json_schema()
    said = {name: not_null(each) for name, each in schema["properties"].items()}
    line = schema["$defs"]["LineBody"]["properties"]
    assert (said["total"]["minimum"], said["total"]["maximum"]) == (0, limits.MAX_MINOR_UNITS - 1)
    assert (line["quantity"]["minimum"], line["quantity"]["maximum"]) == (1, 1_000_000)
    assert (said["lines"]["maxItems"], said["tags"]["maxItems"], said["metadata"]["maxProperties"]) == (500, 20, 50)
    assert (said["user_id"]["minLength"], said["user_id"]["maxLength"], line["sku"]["maxLength"]) == (1, 128, 64)
    assert all(re.fullmatch(said["currency"]["pattern"], code) for code in EXPONENTS)
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    "pattern, breaks, blank", [(ONE_LINE, False, False), (SOME_LINES, True, False), (ANY_LINES, True, True)]
)
def test_the_json_schema_takes_the_texts_that_are_taken(pattern: str, breaks: bool, blank: bool) -> None:
    said = re.compile(pattern.removeprefix("^").removesuffix("$"))
    letters = [chr(number) for number in range(0x3100) if number not in range(0xD800, 0xE000)]
    for text in (*letters, *(f"a{letter}" for letter in letters), *(f"{letter} a" for letter in letters), ""):
        try:
            check_text(text, "", 3, breaks=breaks, blank=blank)
        except InvalidInput:
            assert not said.fullmatch(text), f"{text!r} is refused"
        else:
            assert said.fullmatch(text), f"{text!r} is taken"


def test_the_json_schema_leaves_no_name_open_in_metadata() -> None:
    said = not_null(PlaceOrderBody.model_json_schema()["properties"]["metadata"])
    assert "patternProperties" not in said, "what does not fit a pattern of these might hold anything"
    assert (said["propertyNames"]["pattern"], said["propertyNames"]["maxLength"]) == (ONE_LINE, 40)
    assert (said["additionalProperties"]["type"], said["additionalProperties"]["pattern"]) == ("string", ANY_LINES)
    assert codes(read_place_order, {**PLAIN, "metadata": {"\0": 1}}).keys() == {"/metadata"}


def test_rejects_unknown_fields_by_name_at_any_depth() -> None:
    line = {**ORDER["lines"][0], "colour": "red"}
    assert codes(read_place_order, {**PLAIN, "lines": [line], "status": "shipped", "version": 1}) == {
        "/lines/0/colour": "unknown_field",
        "/status": "unknown_field",
        "/version": "unknown_field",
    }


def test_unknown_field_gets_the_name_that_is_near_or_all_names() -> None:
    wrong = {**PLAIN, "userid": "u", "lines": [{**ORDER["lines"][0], "unitPrice": 1}]}
    with pytest.raises(InvalidFields) as near:
        read_place_order(wrong)
    assert sorted(map(str, near.value.errors)) == [
        "/lines/0/unitPrice is not a known field: did you mean unit_price?",
        "/userid is not a known field: did you mean user_id?",
    ]
    with pytest.raises(InvalidFields) as far:
        read_cancel({"x": 1})
    assert str(far.value) == "/x is not a known field: use one of note, reason"


@pytest.mark.parametrize("code, message", [("eur", "must be in upper case"), ("xxx", "must be a supported ISO 4217")])
def test_currency_in_lower_case_is_named_as_such(code: str, message: str) -> None:
    with pytest.raises(InvalidFields, match=f"^/currency {message}"):
        read_place_order({**PLAIN, "currency": code})


@pytest.mark.parametrize("code", ["eur", "EU", "EURO", "XXX", "", "€", "EUR "])
def test_rejects_what_is_no_currency(code: str) -> None:
    assert codes(read_place_order, {**PLAIN, "currency": code}) == {"/currency": "unknown_currency"}


def test_messages_never_hold_the_rejected_value() -> None:
    secret = "hunter2\x00"
    fields = (*ORDER, "id", "status", "created_at", "cancellation", "version")
    with pytest.raises(InvalidFields) as caught:
        read_imported_order(dict.fromkeys(fields, secret))
    assert len(caught.value.errors) == len(fields)
    assert "hunter2" not in str(caught.value)


def test_bodies_have_the_fields_of_the_dtos() -> None:
    """So that a field that is added to one of them cannot be forgotten in the other."""
    for model, dto in ((PlaceOrderBody, PlaceOrder), (ImportedOrder, OrderDTO), (ImportedLine, LineDTO)):
        personal = () if model is ImportedLine else PARTS
        assert set(model.model_fields) == {field.name for field in dataclasses.fields(dto)} - {"personal"} | {*personal}
    assert list(CustomerBody.model_fields) == [field.name for field in dataclasses.fields(Customer)]
    assert list(AddressBody.model_fields) == [field.name for field in dataclasses.fields(Address)]
    for part in (Hold, Shipment, Payment, Refund, Return, Note):
        model = getattr(import_records, f"Imported{part.__name__}")
        assert list(model.model_fields) == [field.name for field in dataclasses.fields(part)]


@pytest.mark.parametrize(
    "text, code",
    [
        ("\u200b", "text_missing"),
        ("\u3164 ", "text_missing"),
        ("a\u202eb", "text_not_printable"),
        ("a\0", "text_not_printable"),
    ],
)
def test_reports_a_text_without_a_visible_character_as_missing(text: str, code: str) -> None:
    assert codes(read_place_order, {**PLAIN, "user_id": text}) == {"/user_id": code}
    if code == "text_not_printable":
        assert codes(read_place_order, {**PLAIN, "metadata": {"note": text}}) == {"/metadata/note": code}
