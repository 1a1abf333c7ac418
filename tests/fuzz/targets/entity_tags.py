"""`If-Match` and `If-None-Match`: read as a second reader does, which follows RFC 9110 letter by letter."""

from starlette.datastructures import Headers

from orderkeep.entrypoints.api.conditions import NO_VERSION, etag_of, if_match, none_match
from orderkeep.entrypoints.api.problems import Refused

SEEDS = (
    b'"1"', b'W/"1"', b"*", b' "1" , W/"2",, "x" ', b'"1"\n"2"', b'"1""2"', b'"\xff"', b'""', b'"01"', b", , ,",
    b"\t*\t", b"*\n*", b'"999999999999999999"', b'"1000000000000000000"', b'"1', b'w/"1"', b"1",
)  # fmt: skip
TOKENS = (b'"1"', b'"2"', b"W/", b'W/"1"', b"*", b",", b" ", b"\t", b'"', b"\n", b"\xa0", b"\x1f", b"\x85", b"\x7f")

BLANK = " \t"


def check(data: bytes) -> None:
    """Send it in one header for each line, under both names."""
    lines = data.split(b"\n")
    tags = _tags(",".join(line.decode("latin-1") for line in lines))
    try:
        versions = if_match(Headers(raw=[(b"if-match", line) for line in lines]))
    except Refused as error:
        assert error.code == "invalid_header"
        assert tags is None, "these are entity tags"
    else:
        assert versions == _versions(tags)
    headers = Headers(raw=[(b"if-none-match", line) for line in lines])
    for etag in ('"1"', '""', etag_of(7), etag_of("x")):
        try:
            news = none_match(headers, etag)
        except Refused as error:
            assert error.code == "invalid_header"
            assert tags is None, "these are entity tags"
        else:
            assert tags is not None, "these are no entity tags"
            assert news == (tags != ["*"] and etag not in [tag.removeprefix("W/") for tag in tags])


def _versions(tags: list[str] | None) -> tuple[int, ...] | None:
    assert tags is not None, "these are no entity tags"
    if tags == ["*"]:
        return None
    found = tuple(int(tag[1:-1]) for tag in tags if _is_version(tag[1:-1]) and not tag.startswith("W/"))
    return found or (NO_VERSION,)


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
