"""Personal data: its rules, its commitment, and what an order contains in its place."""

from dataclasses import asdict, fields
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from orderkeep.domain import limits
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.lifecycle import OrderPlaced, PersonalDataChanged, PersonalDataErased
from orderkeep.domain.personal_data import (
    COUNTRIES,
    PARTS,
    Address,
    Customer,
    PersonalData,
    PersonalRecord,
    email_key,
    merged,
    personal_data_of,
)
from orderkeep.domain.value_objects import Document, Money
from orderkeep.testing.orders import SINCE
from orderkeep.testing.personal_data import personal_data, salt_of

LATER = SINCE + timedelta(hours=1)
RECEIPT = Document("f" * 64, "receipt", "text/html", 7, 1, 2, SINCE)


def placed() -> Order:
    return Order.place("order-1", "user-1", Money(9_900, "EUR"), at=SINCE)


def with_data() -> Order:
    order = placed()
    order.add_personal_data(personal_data(), salt_of(1))
    order.mark_saved("hash")
    return order


def broken(data: PersonalData) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as raised:
        data.check()
    assert not any(text in str(raised.value) for text in texts_of(data) if len(text) > 2)
    return raised.value.code, raised.value.field


def texts_of(data: PersonalData) -> list[str]:
    return [text for part in asdict(data).values() if part for text in part.values() if text]


def test_every_field_of_the_sample_is_valid() -> None:
    personal_data().check()
    assert len({*texts_of(personal_data())}) == len(fields(Customer)) + 2 * len(fields(Address))


@pytest.mark.parametrize("part", PARTS)
def test_fields_have_limits_and_the_rules_of_other_texts(part: str) -> None:
    kind: Any = Customer if part == "customer" else Address
    longest = {
        "name": limits.MAX_NAME_LENGTH,
        "company": limits.MAX_NAME_LENGTH,
        "email": limits.MAX_EMAIL_LENGTH,
        "phone": limits.MAX_PHONE_LENGTH,
        "line1": limits.MAX_ADDRESS_LINE_LENGTH,
        "line2": limits.MAX_ADDRESS_LINE_LENGTH,
        "city": limits.MAX_CITY_LENGTH,
        "region": limits.MAX_CITY_LENGTH,
        "postal_code": limits.MAX_POSTAL_CODE_LENGTH,
        "country": 2,
    }
    for name in (field.name for field in fields(kind)):
        field, length = f"{part}/{name}", longest[name]
        fitting = {"email": "@".rjust(length - 1, "x") + "y", "country": "DE"}.get(name, "ä" * length)
        PersonalData(**{part: kind(**{name: fitting})}).check()
        assert broken(PersonalData(**{part: kind(**{name: fitting + "a"})})) == ("text_too_long", field)
        assert broken(PersonalData(**{part: kind(**{name: " \u200b"[:length]})})) == ("text_missing", field)
        assert broken(PersonalData(**{part: kind(**{name: "a\n"})})) == ("text_not_printable", field)
        assert broken(PersonalData(**{part: kind(**{name: "a\u202e"})})) == ("text_not_printable", field)


@pytest.mark.parametrize("email", ["kim", "@", "kim@", "@x.org", "a@b@c", "jo @example.com", "jo@exam\u00a0ple.com"])
def test_email_needs_one_at_sign_and_no_spaces(email: str) -> None:
    assert broken(PersonalData(Customer(email=email))) == ("invalid_email", "customer/email")


@pytest.mark.parametrize("country", ["de", "XX", "D", "UK"])
def test_country_is_a_code_of_iso_3166(country: str) -> None:
    assert broken(PersonalData(billing_address=Address(country=country))) == (
        "invalid_country",
        "billing_address/country",
    )
    assert len(COUNTRIES) == 249 + 7


def test_email_is_compared_without_case_in_one_unicode_form() -> None:
    assert email_key("ZOE\u0308@Example.COM") == email_key("zo\u00eb@example.com") == "zo\u00eb@example.com"
    assert PersonalData(Customer(email="JO@Example.com")).email == "jo@example.com"
    assert PersonalData(Customer(name="Jo")).email is PersonalData().email is None


def test_data_without_any_value_is_omitted() -> None:
    assert personal_data_of() is personal_data_of(Customer(), Address(), Address()) is None
    assert personal_data_of(Customer(), Address(city="Oslo")) == PersonalData(None, Address(city="Oslo"))


def test_json_has_every_field_in_order_and_no_escapes() -> None:
    assert PersonalData(Customer("Zoë", phone="1")).json == (
        '{"customer":{"name":"Zoë","email":null,"phone":"1"},"shipping_address":null,"billing_address":null}'.encode()
    )
    assert b"Doe & S\xc3\xb6hne 1" in personal_data().json


def test_commitment_is_the_digest_of_salt_and_json() -> None:
    record = PersonalRecord(personal_data(), salt_of(1))
    assert record.commitment == sha256(salt_of(1) + personal_data().json).hexdigest()
    assert record.receipt_code == sha256(b"receipt" + salt_of(1)).hexdigest()[:32]


def test_no_repr_shows_personal_data() -> None:
    order = with_data()
    order.set_personal_data(personal_data(2), salt_of(2), at=LATER)
    for value in (order, personal_data(), order.personal_record, personal_data().customer):
        assert not any(text in repr(value) for text in texts_of(personal_data(2)) if len(text) > 2)


def test_merge_patch_changes_the_given_fields_only() -> None:
    data = personal_data()
    assert data.customer is not None
    after = merged(data, {"customer": {"phone": None, "name": "Ann"}, "shipping_address": None})
    assert after == PersonalData(Customer("Ann", data.customer.email), None, data.billing_address)
    assert merged(None, {"customer": {"name": "Ann"}}) == PersonalData(Customer("Ann"))
    assert merged(data, {}) == data
    assert merged(PersonalData(Customer("Ann")), {"customer": {"name": None}}) is None
    with pytest.raises(InvalidInput, match="must have only the fields name, email, phone") as raised:
        merged(data, {"customer": {"e_mail": "a"}})
    assert raised.value.field == "customer/e_mail"


def pending(order: Order) -> tuple[PersonalRecord | None, str | None]:
    return order.personal_record, order.personal_data


def test_order_contains_the_commitment_and_never_the_data() -> None:
    order = placed()
    order.add_personal_data(personal_data(), salt_of(1))
    record = PersonalRecord(personal_data(), salt_of(1))
    assert (pending(order), order.events) == ((record, record.commitment), [OrderPlaced()])
    order.mark_saved("hash")
    assert (pending(order), order.saved_personal_data) == ((None, record.commitment), record.commitment)


def test_change_replaces_or_removes_the_commitment() -> None:
    order = with_data()
    record = PersonalRecord(personal_data(), salt_of(2))
    order.set_personal_data(personal_data(), salt_of(2), at=LATER)
    assert record.commitment != order.saved_personal_data
    assert pending(order) == (record, record.commitment)
    assert (order.events, order.updated_at) == ([PersonalDataChanged()], LATER)
    order.set_personal_data(None, salt_of(3), at=LATER)
    assert pending(order) == (None, None)


def test_rejected_change_changes_nothing() -> None:
    order = with_data()
    before = order.personal_data
    with pytest.raises(InvalidInput):
        order.set_personal_data(PersonalData(Customer("\n")), salt_of(2), at=LATER)
    assert (order.personal_data, order.events) == (before, [])


def test_erasure_removes_the_commitment_and_replaces_documents() -> None:
    order = with_data()
    order.erase_personal_data((RECEIPT,), at=LATER)
    assert (order.personal_data, order.documents, order.events) == (None, (RECEIPT,), [PersonalDataErased()])


def test_erasure_of_nothing_is_no_change() -> None:
    order = placed()
    order.mark_saved("hash")
    for documents in (None, ()):
        order.erase_personal_data(documents, at=LATER)
    assert (order.events, order.updated_at) == ([], SINCE)
    order.erase_personal_data(at=LATER, is_stored=True)
    assert order.events == [PersonalDataErased()]
