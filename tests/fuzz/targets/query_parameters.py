"""Query parameters: refused by name, or read as a second reader reads them; and then a list can be asked for."""

from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from orderkeep.application.cursors import list_cursor, list_position
from orderkeep.application.errors import InvalidQuery
from orderkeep.application.ports import ListPosition, OrderFilter
from orderkeep.application.use_cases.list_orders import check_filter, check_limit
from orderkeep.entrypoints.api.parameters import MOST_PARAMETERS, PARAMETERS, read_query
from orderkeep.entrypoints.api.problems import Refused

FILTERS = ("user_id", "status", "tag", "external_ref", "created_from", "created_to")

SEEDS = (
    b"user_id=user-42&status=pending&limit=20",
    b"tag=%C3%9F+x&cursor=abc",
    b"created_from=2026-11-01T00:00:00Z&created_to=2026-12-01t00:00:00.5%2B01:00",
    b"version=1&at=0001-01-01T00:00:00-23:59&dry_run=true",
    b"limit=007&limit=8",
    b"colour=red&%00=1",
    b"user_id=%ff",
    b"&&a&=&b==",
    b"external_ref=" + b"x" * 100,
)
TOKENS = (
    *(name.encode() + b"=" for name in PARAMETERS),
    *(b"&", b"=", b"+", b"%", b"%00", b"%ff", b"%2B", b"%ED%A0%80", b"true", b"pending", b"9999-12-31T23:59:59-23:59"),
    *(b"0001-01-01T00:00:00Z", b"+24:00", b"-00:00", b".123456789", b"999999999999999999"),
)


def check(data: bytes) -> None:
    """Read it as the query of a route that takes all parameters that there are."""
    try:
        values = read_query(data, frozenset(PARAMETERS))
    except Refused as error:
        assert error.code == "invalid_query"
        assert error.errors
        for found in error.errors:
            assert found.message.isprintable()
            assert found.parameter
            assert found.parameter.isascii()
            assert found.parameter.isprintable()
        return
    pairs = [piece.partition(b"=") for piece in data.split(b"&") if piece]
    assert len(pairs) <= MOST_PARAMETERS
    assert list(values) == [_text(name) for name, _, _ in pairs], "names are read differently"
    for name, _, text in pairs:
        _check_value(values[_text(name)], _text(text))
    _check_list(values)


def _text(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode()


def _check_value(value: object, text: str) -> None:
    match value:
        case bool():
            assert text == ("true" if value else "false")
        case int():
            assert 0 <= value < 10**18
            assert str(value) == (text.lstrip("0") or "0")
        case datetime():
            assert value.tzinfo is UTC
        case _:
            assert value == text


def _check_list(values: dict[str, object]) -> None:
    """Ask for the list that has these filters, as its use case does before it asks the store."""
    where = OrderFilter(**{name: values[name] for name in FILTERS if name in values})  # type: ignore[arg-type]
    try:
        check_filter(where)
        check_limit(int(str(values.get("limit", 1))))
    except InvalidQuery as error:
        assert error.parameter in PARAMETERS
        return
    position = ListPosition(datetime(2026, 5, 6, tzinfo=UTC), "order-1")
    assert list_position(where, list_cursor(where, position)) == position
