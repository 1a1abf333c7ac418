"""Which names a sample item may have."""

import pytest

from sample_service.domain.entities import SampleItem
from sample_service.domain.exceptions import InvalidInput, TextMissing, TextNotPrintable, TextTooLong
from sample_service.domain.limits import MAX_NAME_LENGTH
from tests.sample_items import AT


def test_new_sample_item_is_pending_and_not_stored() -> None:
    placed = SampleItem.place("1", "n" * MAX_NAME_LENGTH, at=AT, request="abc")
    assert (placed.id, placed.created_at, placed.updated_at, placed.request) == ("1", AT, AT, "abc")
    assert (placed.status, placed.version, len(placed.name)) == ("pending", 0, MAX_NAME_LENGTH)


@pytest.mark.parametrize(
    "name, rule, message",
    [
        ("", TextMissing, "must not be empty or blank"),
        (" \t", TextMissing, "must not be empty or blank"),
        ("n" * (MAX_NAME_LENGTH + 1), TextTooLong, f"must have at most {MAX_NAME_LENGTH} characters"),
        ("two\nlines", TextNotPrintable, "must not contain control characters"),
        ("half a pair \ud800", TextNotPrintable, "must not contain control characters"),
    ],
)
def test_invalid_name_is_rejected_with_its_rule(name: str, rule: type[InvalidInput], message: str) -> None:
    with pytest.raises(rule, match=f"^{message}$") as raised:
        SampleItem.place("1", name, at=AT)
    assert raised.value.field == "name"
