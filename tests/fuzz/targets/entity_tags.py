"""`If-Match` and `If-None-Match`: read as a second reader does, which follows RFC 9110 letter by letter."""

from typing import Any

from starlette.requests import Request

from orderkeep.application.access.actor import SYSTEM
from orderkeep.entrypoints.api.app import ROUTES
from orderkeep.entrypoints.api.dependencies import ACTOR, REQUEST_ID, is_modified
from orderkeep.entrypoints.api.problems import NO_VERSION, WEAK_TAG, HttpProblem
from orderkeep.entrypoints.api.responses import etag_of

SEEDS = (
    b'"1"', b'W/"1"', b"*", b' "1" , W/"2",, "x" ', b'"1"\n"2"', b'"1""2"', b'"\xff"', b'""', b'"01"', b", , ,",
    b"\t*\t", b"*\n*", b'"999999999999999999"', b'"1000000000000000000"', b'"1', b'w/"1"', b"1", b'"x \n"',
)  # fmt: skip
TOKENS = (
    b'"1"', b'"2"', b"W/", b'W/"1"', b"*", b",", b" ", b"\t", b'"', b"\n", b"\xa0", b"\x1f", b"\x85", b"\x7f", b"\x0b",
)  # fmt: skip

BLANK = " \t"

ENDPOINTS = {route.name: route for route in ROUTES}


def _argument(operation: str, name: str, header: bytes, lines: list[bytes]) -> Any:
    """Return an argument of an operation's endpoint, for a request with these header lines."""
    scope: dict[str, Any] = {
        "type": "http", "headers": [(header, line) for line in lines], "path_params": {"order_id": "order-1"},
        "app": None, ACTOR: SYSTEM, REQUEST_ID: "call-1",
    }  # fmt: skip
    scope["app"] = _App()
    route = ENDPOINTS[operation]
    return route._arguments(Request(scope), route._read_query(b""))[name]


class _App:
    use_cases = None


def check(data: bytes) -> None:
    """Send it in one header for each line, under both names."""
    lines = data.split(b"\n")
    tags = _tags(",".join(line.strip(BLANK.encode()).decode("latin-1") for line in lines))  # RFC 9110, 5.5
    try:
        versions = _argument("ship_order", "context", b"if-match", lines).expected_version
    except HttpProblem as error:
        assert error.code == "invalid_header"
        assert tags is None, "these are entity tags"
    else:
        assert versions == _versions(tags)
    for etag in ('"1"', '""', etag_of(7), etag_of("x")):
        try:
            news = is_modified(_argument("get_order", "if_none_match", b"if-none-match", lines), etag)
        except HttpProblem as error:
            assert error.code == "invalid_header"
            assert tags is None, "these are entity tags"
        else:
            assert tags is not None, "these are no entity tags"
            assert news == (tags != ["*"] and etag not in [tag.removeprefix("W/") for tag in tags])


def _versions(tags: list[str] | None) -> tuple[int, ...] | None:
    assert tags is not None, "these are no entity tags"
    if tags == ["*"]:
        return None
    found = [int(tag[1:-1]) for tag in tags if _is_version(tag[1:-1]) and not tag.startswith("W/")]
    return tuple([WEAK_TAG] * any(tag.startswith("W/") for tag in tags) + found) or (NO_VERSION,)


def _is_version(text: str) -> bool:
    return text.isascii() and text.isdigit() and text[0] != "0" and len(text) <= 18


def _tags(value: str) -> list[str] | None:
    """Return the tags, or None where the value is not `*` and no list of tags (RFC 9110, 5.6.1 and 8.8.3)."""
    if value.strip(BLANK) == "*":
        return ["*"]
    tags, rest = [], value.lstrip(BLANK + ",")
    while rest:
        start = 3 if rest.startswith('W/"') else 1
        end = rest.find('"', start)
        if end < 0 or not rest.startswith(('"', 'W/"')) or not all(_may_stand_in_a_tag(c) for c in rest[start:end]):
            return None
        tags.append(rest[: end + 1])
        rest = rest[end + 1 :].lstrip(BLANK)
        if rest and not rest.startswith(","):
            return None
        rest = rest.lstrip(BLANK + ",")
    return tags or None


def _may_stand_in_a_tag(letter: str) -> bool:
    return letter == "!" or "#" <= letter <= "~" or "\x80" <= letter <= "\xff"
