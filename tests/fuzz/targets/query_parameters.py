"""Query parameters: rejected by name, or read as a second reader reads them; a list with these filters can be
requested.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from orderkeep.application.cursors import list_cursor, list_position
from orderkeep.application.errors import InvalidQuery
from orderkeep.application.ports import ListPosition, OrderFilter
from orderkeep.application.use_cases.list_orders import check_filter, check_limit
from orderkeep.application.use_cases.search_orders import check_search
from orderkeep.entrypoints.api.app import ROUTES
from orderkeep.entrypoints.api.orders import ListQuery
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.routing import MAX_PARAMETERS, CompiledRoute

FILTERS = tuple(ListQuery.model_fields.keys() - {"status", "limit", "cursor", "q"})

[LIST_ORDERS, GET_ORDER] = [route for route in ROUTES if route.name in ("list_orders", "get_order")]

SEEDS = (
    b"user_id=user-42&status=pending&limit=20",
    b"status=pending&limit=20&status=shipped",
    b"tag=%C3%9F+x&cursor=abc",
    b"created_from=2026-11-01T00:00:00Z&created_to=2026-12-01t00:00:00.5%2B01:00",
    b"version=1&at=0001-01-01T00:00:00-23:59",
    b"limit=007&limit=8",
    b"colour=red&%00=1",
    b"user_id=%ff",
    b"&&a&=&b==",
    b"external_ref=" + b"x" * 100,
    b"q=JD+0143-00&limit=20",
    b"q=+&status=pending",
)
TOKENS = (
    *(name.encode() + b"=" for name in (*ListQuery.model_fields, "version", "at")),
    *(b"&", b"=", b"+", b"%", b"%00", b"%ff", b"%2B", b"%ED%A0%80", b"true", b"pending", b"9999-12-31T23:59:59-23:59"),
    *(b"0001-01-01T00:00:00Z", b"+24:00", b"-00:00", b".123456789", b"999999999999999999"),
)


def check(data: bytes) -> None:
    """Read it as the query of a list of orders and of an order."""
    if (values := _read(LIST_ORDERS, data)) is not None:
        query: ListQuery = values["query"]
        given = {name: getattr(query, name) for name in query.model_fields_set}
        _compare(data, given)
        _check_list(given)
    if (values := _read(GET_ORDER, data)) is not None:
        _compare(data, {name: value for name, value in values.items() if value is not None})


def _read(route: CompiledRoute, data: bytes) -> dict[str, Any] | None:
    try:
        return dict(route._read_query(data))
    except HttpProblem as error:
        assert error.code == "invalid_query"
        assert error.errors or error.members == {"limit": MAX_PARAMETERS}
        for found in error.errors:
            assert found.message.isprintable()
            assert found.parameter
            assert found.parameter.isascii()
            assert found.parameter.isprintable()
        return None


def _compare(data: bytes, given: dict[str, object]) -> None:
    pairs = [piece.partition(b"=") for piece in data.split(b"&") if piece]
    assert len(pairs) <= MAX_PARAMETERS
    assert set(given) == {_text(name) for name, _, _ in pairs}, "names are read differently"
    for name, value in given.items():
        texts = [_text(text) for each, _, text in pairs if _text(each) == name]
        if isinstance(value, list):
            assert value == texts
        else:
            [text] = texts
            _check_value(value, text)


def _text(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode()


def _check_value(value: object, text: str) -> None:
    match value:
        case int():
            assert 0 <= value < 10**18
            assert str(value) == (text.lstrip("0") or "0")
        case datetime():
            assert value.tzinfo is UTC
        case _:
            assert value == text


def _check_list(values: dict[str, object]) -> None:
    """Check the list that has these filters, as its use case does before it reads the store."""
    filters: dict[str, Any] = {name: values[name] for name in FILTERS if name in values}
    where = OrderFilter(statuses=tuple(values.get("status", ())), **filters)  # type: ignore[arg-type]
    try:
        if "q" in values:
            check_search(str(values["q"]).strip(), where)
        check_filter(where)
        check_limit(int(str(values.get("limit", 1))))
    except InvalidQuery as error:
        assert error.parameter in ListQuery.model_fields
        return
    position = ListPosition(datetime(2026, 5, 6, tzinfo=UTC), "order-1")
    assert list_position(where, list_cursor(where, position)) == position
