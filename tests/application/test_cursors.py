"""Cursors lead back to where they were made, in the list they were made for, and are refused otherwise."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.cursors import history_cursor, history_version, list_cursor, list_position
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import ListPosition, OrderFilter

AT = datetime(2026, 5, 6, 7, 8, 9, 10, UTC)
WHERE = OrderFilter(user_id="user-42", statuses=("pending",), created_from=AT)
POSITION = ListPosition(AT, "order-1")

moments = st.integers(-(10**15), 10**15).map(lambda microseconds: AT + timedelta(microseconds=microseconds))
texts = st.text(st.characters(exclude_categories=["Cs"]))
optional = st.none() | texts
filters = st.builds(OrderFilter, optional, st.lists(texts, max_size=3).map(tuple), optional, optional)


def packed(values: object) -> str:
    return packed_as_it_is(json.dumps(values, separators=(",", ":")))


def packed_as_it_is(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(filters, moments, texts)
def test_a_cursor_leads_back_to_its_place(where: OrderFilter, moment: datetime, order_id: str) -> None:
    position = ListPosition(moment, order_id)
    assert list_position(where, list_cursor(where, position)) == position


@given(filters, filters)
def test_a_cursor_is_taken_with_the_same_filters_only(one: OrderFilter, other: OrderFilter) -> None:
    cursor = list_cursor(one, POSITION)
    if one == other:
        assert list_position(other, cursor) == POSITION
    else:
        with pytest.raises(InvalidCursor):
            list_position(other, cursor)


@pytest.mark.parametrize(
    "other",
    [
        replace(WHERE, user_id="user-43"),
        replace(WHERE, statuses=("shipped",)),
        replace(WHERE, statuses=(), tag="pending"),
        replace(WHERE, statuses=("pending", "shipped")),
        replace(WHERE, external_ref="web-1"),
        replace(WHERE, created_from=AT + timedelta(microseconds=1)),
        replace(WHERE, created_to=AT),
    ],
    ids=range(7),
)
def test_a_cursor_is_bound_to_every_filter(other: OrderFilter) -> None:
    with pytest.raises(InvalidCursor):
        list_position(other, list_cursor(WHERE, POSITION))


def test_cursors_of_the_first_release_are_valid() -> None:
    made_then = list_cursor(WHERE, POSITION)
    assert made_then == "WyIxMzA2YjgyMWI5ZWMyODYxIiwiMjAyNi0wNS0wNlQwNzowODowOS4wMDAwMTArMDA6MDAiLCJvcmRlci0xIl0"


def test_cursor_needs_no_escaping_in_a_url() -> None:
    cursor = list_cursor(WHERE, ListPosition(AT, "ÿ>?" * 20))
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert cursor.isascii()


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_whatever_else_comes_as_a_cursor_is_rejected(text: str) -> None:
    for read in (lambda: list_position(WHERE, text), lambda: history_version("order-1", text)):
        with pytest.raises(
            InvalidCursor,
            match="is not valid for this list and these filters: use the next_cursor of the previous page, or omit it",
        ):
            read()


FORGED: list[object] = [
    [],
    {},
    None,
    7,
    "text",
    ["digest", AT.isoformat()],
    ["digest", AT.isoformat(), "order-1"],
    ["{digest}", AT.isoformat(), "order-1", "more"],
    ["{digest}", AT.isoformat(), 7],
    ["{digest}", AT.isoformat(), None],
    ["{digest}", 7, "order-1"],
    ["{digest}", "yesterday", "order-1"],
    ["{digest}", "2026-05-06T07:08:09", "order-1"],
    ["{digest}", "0001-01-01T00:00:00+23:59", "order-1"],
    ["{digest}", AT.astimezone(timezone(timedelta(hours=1))).isoformat(), "order-1"],
    ["{digest}", AT.isoformat(), "\ud800"],
]


@pytest.mark.parametrize("values", FORGED, ids=range(len(FORGED)))
def test_a_forged_list_cursor_is_rejected(values: object) -> None:
    digest = json.loads(base64.urlsafe_b64decode(list_cursor(WHERE, POSITION) + "=="))[0]
    if isinstance(values, list):
        values = [digest if value == "{digest}" else value for value in values]
    with pytest.raises(InvalidCursor):
        list_position(WHERE, packed(values))


@pytest.mark.parametrize(
    "other",
    [
        '["{digest}", "2026-05-06T07:08:09.000010+00:00", "order-1"]',
        '["{digest}","2026-05-06T07:08:09.000010Z","order-1"]',
        '["{digest}","20260506T070809.000010+0000","order-1"]',
        '["{digest}","2026-05-06T07:08:09.000010+00:00","order-\\u0031"]',
    ],
)
def test_one_place_has_one_cursor(other: str) -> None:
    ours = list_cursor(WHERE, POSITION)
    assert list_position(WHERE, ours) == POSITION
    digest = json.loads(base64.urlsafe_b64decode(ours + "=="))[0]
    written = packed_as_it_is(other.replace("{digest}", digest))
    for cursor in (written, ours + "=", ours + "====", ours.replace("-", "+")):
        if cursor != ours:
            with pytest.raises(InvalidCursor):
                list_position(WHERE, cursor)


@pytest.mark.parametrize("other", ['["order-1", 1]', '["order-1",1] ', '["order-\\u0031",1]'])
def test_one_version_has_one_cursor(other: str) -> None:
    assert history_version("order-1", packed_as_it_is('["order-1",1]')) == 1
    with pytest.raises(InvalidCursor):
        history_version("order-1", packed_as_it_is(other))


@given(texts, st.integers(0, 2**63 - 1))
def test_a_history_cursor_leads_back_to_its_version(order_id: str, version: int) -> None:
    assert history_version(order_id, history_cursor(order_id, version)) == version


@pytest.mark.parametrize(
    "values",
    [["order-1", -1], ["order-1", 2**63], ["order-1", True], ["order-1", 1.0], ["order-2", 1], ["order-1"], 7],
    ids=range(7),
)
def test_a_forged_history_cursor_is_rejected(values: object) -> None:
    with pytest.raises(InvalidCursor):
        history_version("order-1", packed(values))


def test_a_cursor_nested_absurdly_is_rejected() -> None:
    nested = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    with pytest.raises(InvalidCursor):
        list_position(WHERE, nested)
