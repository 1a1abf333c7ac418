"""The strict JSON reader: one meaning for each text, and errors that locate without quoting."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.strict_json import MAX_DEPTH, DecimalNumber, InvalidJSON, read_json

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**98), 10**98)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda below: st.lists(below) | st.dictionaries(texts, below),
)


@given(value=values)
def test_reads_any_json_value(value: Any) -> None:
    for ascii_only in (True, False):
        assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@pytest.mark.parametrize(
    "body, place",
    [
        (b'{"a": 1,}', "line 1, column 9"),
        (b'{"a": 1}\n x', "line 2, column 2"),
        (b"{'a': 1}", "line 1, column 2"),
        (b"[1 2]", "line 1, column 4"),
        (b'"\x00"', "line 1, column 2"),
        (b'"tab\there"', "line 1, column 5"),
        (b'"\\q"', "line 1, column 2"),
        (b"01", "line 1, column 2"),
        (b"+1", "line 1, column 1"),
        (b"nan", "line 1, column 1"),
        (b'"\xff"', "byte 2"),
        (b'"\xed\xa0\x80"', "byte 2"),
    ],
)
def test_syntax_error_names_line_and_column(body: bytes, place: str) -> None:
    with pytest.raises(InvalidJSON, match=f"at {place}$"):
        read_json(body)


@pytest.mark.parametrize(
    "body, error",
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b'{"a": 1', "ends too early at line 1, column 8"),
        (b'{"a": 1,\n', "ends too early at line 2, column 1"),
        (b'{"a": "b', "ends too early at line 1, column 7"),
        (b'{"a": 1]', "is not JSON at line 1, column 8"),
        (b'\xef\xbb\xbf{"a": 1}', "begins with a byte order mark: write it in UTF-8 without one"),
        ('{"a": 1}'.encode("utf-16"), "begins with a byte order mark: write it in UTF-8 without one"),
        (b"\xfe\xff", "begins with a byte order mark: write it in UTF-8 without one"),
    ],
)
def test_text_that_ends_too_early_is_named_as_such(body: bytes, error: str) -> None:
    with pytest.raises(InvalidJSON) as raised:
        read_json(body)
    assert str(raised.value) == error


@pytest.mark.parametrize(
    "body, error",
    [
        (b'{"a": 1, "a": 2}', 'has the key "a" twice in one object, at line 1, column 10'),
        (b'{"\\u0061": 1,\n "a" : 1}', 'has the key "a" twice in one object, at line 2, column 2'),
        (
            b'[{"a": 1}, {"a": "}", "b": {"\\"c": "c", "c": "c", "\\"c": 1}}]',
            'has the key "\\"c" twice in one object, at line 1, column 51',
        ),
        (b'{"%b": 1, "%b": 2}' % (b"k" * 65, b"k" * 65), "has the same key twice in one object, at line 1, column 74"),
        (b'{"\\n": 1, "\\n": 2}', "has the same key twice in one object, at line 1, column 11"),
        (b"[1, -Infinity]", "has NaN or Infinity, which are not JSON, at line 1, column 5"),
        (b'{"NaN": "NaN", "b": NaN}', "has NaN or Infinity, which are not JSON, at line 1, column 21"),
        (b"[1e400-", "has a number that is too large, at line 1, column 2"),
        (b"[1, -2.5e-3, \n1e400, 1e400]", "has a number that is too large, at line 2, column 1"),
        (b"[" + b"1" * 100 + b", " + b"1" * 101 + b"]", "has a number that is too long, at line 1, column 104"),
        (b'["\\\\ud800", "\\ud83d\\ude00", "\\ud800"]', "has a lone surrogate in a text, at line 1, column 29"),
        (b"[[], " + b"[" * 40 + b"]" * 41, "is nested more than 32 levels deep, at line 1, column 37"),
    ],
)
def test_rejected_part_is_located(body: bytes, error: str) -> None:
    with pytest.raises(InvalidJSON) as raised:
        read_json(body)
    assert str(raised.value) == error


def test_two_objects_may_have_the_same_key() -> None:
    assert read_json(b'[{"a": 1}, {"a": {"a": "a"}}]') == [{"a": 1}, {"a": {"a": "a"}}]


@pytest.mark.parametrize(
    "body",
    [
        b"NaN", b"[-Infinity]", b"Infinity", b"1e400", b"-1e400", b"1" * 101, b"0." + b"1" * 100, b"1" * 5_000,
        b'"\\ud800"', b'{"\\udfff": 1}', b'["\\ude00\\ud83d"]', b"[" * 100_000, b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)  # fmt: skip
def test_ambiguous_text_is_rejected(body: bytes) -> None:
    with pytest.raises(InvalidJSON):
        read_json(body)


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}"), ('{"}]":[', "]}"), ('["\\"[",', "]")])
def test_nesting_is_limited(opening: str, closing: str) -> None:
    levels = opening.count("[", 0, 1) + opening.count("{") + opening.endswith(":[")
    times = MAX_DEPTH // levels
    assert read_json((opening * times + "1" + closing * times).encode()) is not None
    deeper = opening * times + "[" + "1" + "]" + closing * times
    with pytest.raises(InvalidJSON, match="nested more than 32 levels deep") as raised:
        read_json(deeper.encode())
    assert raised.value.limit == MAX_DEPTH


@pytest.mark.parametrize(
    "text",
    ['"' + "[" * 99 + '"', '["' + "{[" * 99 + '\\"[[["]', "[" + "[]," * 99 + "[]]", '["\\\\",' + "[]," * 99 + "[]]"],
)
def test_brackets_in_strings_and_siblings_do_not_nest(text: str) -> None:
    assert read_json(text.encode()) == json.loads(text)


def test_unterminated_string_is_read_in_linear_time() -> None:
    with pytest.raises(InvalidJSON, match="ends too early"):
        read_json(b"[" * 31 + b'["[' + b'\\"' * 500_000)


@pytest.mark.parametrize("text, kind", [
    ("99", int), ("99.0", float), ("-0.0", float),
    ("99.00", DecimalNumber), ("99.5", DecimalNumber), ("99.10", DecimalNumber), ("99e0", DecimalNumber),
    ("9.9E1", DecimalNumber), ("990e-1", DecimalNumber), ("0.00", DecimalNumber),
])  # fmt: skip
def test_number_keeps_whether_it_is_written_as_an_integer(text: str, kind: type) -> None:
    value: Any = read_json(text.encode())
    assert (type(value), value) == (kind, float(text))


def test_surrogate_pair_is_one_character() -> None:
    assert read_json(b'"\\ud83d\\ude00 \\\\ud800"') == "\N{GRINNING FACE} \\ud800"


@given(body=st.binary() | st.text().map(lambda text: json.dumps(text)[:-1].encode()))
def test_any_other_text_raises_invalid_json(body: bytes) -> None:
    try:
        read_json(body)
    except InvalidJSON as error:
        assert isinstance(str(error), str)  # noqa: PT017
