"""The mapping of personal data to what stores write beside the orders, the same for every store."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from orderkeep.application.dtos import OrderDTO, email_label
from orderkeep.domain.personal_data import PersonalData, PersonalRecord, commitment_of

_EMAIL_LABEL = email_label("")
_decode = msgspec.json.Decoder(PersonalData).decode


@dataclass(slots=True, repr=False)
class PersonalRow:
    """The personal data of an order as stored, with the `salt` in hexadecimal and the `label` of the e-mail address."""

    order_id: str
    salt: str
    record: str
    label: str | None


def personal_row_of(order_id: str, record: PersonalRecord) -> PersonalRow:
    """Return the row of personal data that a save writes."""
    return PersonalRow(order_id, record.salt.hex(), record.data.json.decode(), _label_of(record))


def personal_record_of(salt: str, record: str) -> PersonalRecord:
    """Return the stored personal data."""
    return PersonalRecord(_decode(record), bytes.fromhex(salt))


def personal_rows(row: PersonalRow | None, order: OrderDTO | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the stored row of personal data as found, and as expected of the order: with its commitment, and with the
    label that follows from it. They are empty if no row is stored or expected.
    """
    commitment = order and order.personal_data
    found: dict[str, Any] = {}
    if row is not None:
        found = {"order_id": row.order_id, "label": row.label, "commitment": ""}
        with suppress(ValueError, TypeError, AttributeError):  # the salt was altered, or SQLite stores another type
            salt = bytes.fromhex(row.salt)
            found["commitment"] = commitment_of(salt, row.record.encode()) if salt.hex() == row.salt else ""
    if commitment is None:
        return found, {}
    expected = {"order_id": order and order.id, "label": None, "commitment": commitment}
    if found.get("commitment") == commitment and row is not None:
        expected["label"] = _label_of(personal_record_of(row.salt, row.record))
    return found, expected


def _label_of(record: PersonalRecord) -> str | None:
    return record.data.email and email_label(record.data.email)


def is_email_label(tag: str) -> bool:
    """Return whether the label follows from personal data, not from the document of the order."""
    return tag.startswith(_EMAIL_LABEL)
