"""A log line holds what is listed and nothing else, and nothing in it ends it."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.entrypoints.log_context import current_request
from orderkeep.entrypoints.log_exceptions import MOST_EXCEPTIONS, MOST_FRAMES
from orderkeep.entrypoints.log_lines import FIELDS, UNSAID, EndedLines, JsonLines, TextLines, visible
from orderkeep.entrypoints.log_setup import lines_for, logging_of_server

SECRET = "jane@example.com"
ALWAYS = {"time", "level", "logger", "event"}
HOSTILE = "a\r\nb\x1b[31mc\x9bd\u2028e\u2029f\u202eg\u2066h\x00i\x7fj\x85k\ud800"


def record(
    event: Any = "it happened",
    *args: Any,
    logger: str = "orderkeep.test",
    error: BaseException | None = None,
    **extra: Any,
) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.getLogger(logger).makeRecord(
        logger, logging.ERROR, __file__, 7, event, args, exc_info, "work", extra or None
    )


def line(*args: Any, **given: Any) -> dict[str, Any]:
    text = JsonLines().format(record(*args, **given))
    assert text.isascii()
    assert text.isprintable()
    found: dict[str, Any] = json.loads(text)
    return found


@contextmanager
def asked(**told: object) -> Iterator[None]:
    token = current_request.set(lambda: told)
    try:
        yield
    finally:
        current_request.reset(token)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001
        return caught


GOOD: dict[str, Any] = {
    "request_id": "call-1.b_2",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "invocation_id": "8f507cfc-9c9c-4c9a-9f0d-0c5f3f3c9a11",
    "method": "POST",
    "route": "/orders/{order_id}/cancel",
    "status": 422,
    "duration_ms": 1.25,
    "actor": "customer",
    "code": "store_unavailable",
    "reason": "the disk is full: make room",
    "record": "100000000000000000001",
}


def test_a_line_holds_the_fields_that_are_listed() -> None:
    expected = {"time": "", "level": "error", "logger": "orderkeep.test", "event": "it happened", **GOOD}
    assert {**line(**GOOD), "time": ""} == expected
    assert [*line(**GOOD)] == [*expected]
    assert set(GOOD) | {"place"} == set(FIELDS)


def test_nothing_else_gets_in() -> None:
    found = line("of %s and %(user)s", SECRET, SECRET, user_id=SECRET, note=SECRET, stack=SECRET)
    assert found.keys() == ALWAYS
    assert found["event"] == "of %s and %(user)s"
    assert line("of %(user)s", {"user": SECRET}).keys() == ALWAYS


@pytest.mark.parametrize("name", sorted(set(GOOD) - {"reason"}))
@pytest.mark.parametrize("value", [SECRET, f"/orders/{SECRET}", "ok_live_7c21", HOSTILE, b"x", [SECRET], {"a": SECRET}])
def test_a_field_takes_no_other_form(name: str, value: object) -> None:
    if name in ("request_id", "code") and value == "ok_live_7c21":
        return  # whoever names a request so has its name logged: it is theirs, and answered too
    assert line(**{name: value})[name] == "?"


def test_what_is_known_of_the_request_stands_in_each_line_of_it() -> None:
    with asked(request_id="call-1", route="/orders", user_id=SECRET, actor=None):
        assert {**line(), "time": ""} == {
            "time": "",
            "level": "error",
            "logger": "orderkeep.test",
            "event": "it happened",
            "request_id": "call-1",
            "route": "/orders",
        }
    assert "request_id" not in line()


@pytest.mark.parametrize("logger", ["asyncio", "aiohttp.client", "py.warnings", "root", "orderkeeper"])
def test_the_words_of_other_packages_are_left_out_and_their_place_is_told(logger: str) -> None:
    found = line(f"Task exception was never retrieved {SECRET}", logger=logger, reason=SECRET)
    assert (found["event"], found["place"]) == (UNSAID, "test_log_lines.work:7")
    assert SECRET not in json.dumps(found)


def test_the_servers_words_are_constants_and_stay() -> None:
    assert line("Exception in ASGI application\n", logger="uvicorn.error")["event"] == "Exception in ASGI application"
    assert line('%s - "%s"', SECRET, logger="uvicorn.error").keys() == {*ALWAYS, "place"}


def test_an_event_that_is_no_text_is_left_out() -> None:
    assert line(KeyError(SECRET))["event"] == UNSAID


def test_an_exception_is_its_type_and_its_frames_and_never_its_text() -> None:
    def lose() -> None:
        try:
            os.environ[SECRET]
        except KeyError as error:
            raise ValueError(SECRET) from error

    with pytest.raises(ValueError, match=SECRET) as found:
        lose()
    said = line(error=found.value)
    outer, inner = said["exceptions"]
    assert (outer["type"], inner["type"]) == ("ValueError", "KeyError")
    assert outer["frames"][-1].endswith(" in lose")
    assert "tests/entrypoints/test_log_lines.py:" in outer["frames"][-1]
    assert SECRET not in json.dumps(said)
    assert SECRET not in TextLines().format(record(error=found.value))


def test_exceptions_of_a_group_are_told_and_rings_come_to_an_end() -> None:
    first, second = raised(KeyError(SECRET)), raised(OSError(SECRET))
    first.__context__, second.__context__ = second, first
    group = raised(ExceptionGroup(SECRET, [first, second]))  # type: ignore[type-var]
    assert [each["type"] for each in line(error=group)["exceptions"]] == ["ExceptionGroup", "KeyError", "OSError"]


def test_what_was_suppressed_is_not_told() -> None:
    error = raised(ValueError(SECRET))
    error.__context__, error.__suppress_context__ = raised(KeyError(SECRET)), True
    assert [each["type"] for each in line(error=error)["exceptions"]] == ["ValueError"]


def test_a_tale_of_exceptions_is_cut() -> None:
    def deep(levels: int) -> None:
        if levels == 0:
            raise ValueError(SECRET)
        deep(levels - 1)

    with pytest.raises(ValueError, match=SECRET) as found:
        deep(200)
    ring: BaseException = found.value
    for _ in range(50):
        following = raised(KeyError(SECRET))
        following.__cause__ = ring
        ring = following
    exceptions = line(error=ring)["exceptions"]
    assert len(exceptions) == MOST_EXCEPTIONS
    assert len(line(error=found.value)["exceptions"][0]["frames"]) == MOST_FRAMES
    assert line(error=found.value)["exceptions"][0]["frames"][-1].endswith(" in deep")


def test_a_type_of_a_package_is_told_with_it() -> None:
    assert line(error=raised(json.JSONDecodeError("no", SECRET, 0)))["exceptions"][0]["type"] == (
        "json.decoder.JSONDecodeError"
    )


@given(text=st.text() | st.just(HOSTILE))
def test_no_text_ends_a_line_or_reaches_a_terminal_raw(text: str) -> None:
    for made in (
        JsonLines().format(record(text, reason=text, logger=f"orderkeep.{text}")),
        TextLines().format(record(text, reason=text, logger=f"orderkeep.{text}")),
    ):
        assert made.isprintable()
    assert visible(text).isprintable()


def test_text_is_for_people_and_says_the_same() -> None:
    made = TextLines().format(record(**GOOD))
    head, rest = made.split(" ERROR ", 1)
    assert head.endswith("Z")
    assert rest == (
        "orderkeep.test: it happened request_id=call-1.b_2 trace_id=4bf92f3577b34da6a3ce929d0e0e4736 "
        "invocation_id=8f507cfc-9c9c-4c9a-9f0d-0c5f3f3c9a11 method=POST route=/orders/{order_id}/cancel status=422 "
        'duration_ms=1.25 actor=customer code=store_unavailable reason="the disk is full: make room" '
        "record=100000000000000000001"
    )


def test_a_text_with_quotes_is_told_from_the_next_field() -> None:
    assert TextLines().format(record(reason='x" status="200')).endswith(r'reason="x\" status=\"200"')


def test_lines_of_an_exception_are_told_from_those_that_begin_anew() -> None:
    _, *rest = TextLines().format(record(error=raised(ValueError(SECRET)))).split("\n")
    assert rest
    assert all(each.startswith("  ") for each in rest)


def test_lambdas_own_handler_gets_lines_that_end() -> None:
    assert EndedLines(JsonLines()).format(record()).endswith("}\n")


@pytest.mark.parametrize(
    "log_format, on_a_terminal, made",
    [("auto", True, TextLines), ("auto", False, JsonLines), ("json", True, JsonLines), ("text", False, TextLines)],
)
def test_people_get_text_and_programs_get_json(log_format: Any, on_a_terminal: bool, made: type) -> None:
    class Stream:
        def isatty(self) -> bool:
            return on_a_terminal

    assert type(lines_for(log_format, Stream())) is made  # type: ignore[arg-type]
    assert type(lines_for("auto")) is JsonLines


def test_debugging_shows_no_more_than_the_levels_below() -> None:
    levels = logging_of_server("auto", "debug")
    assert (levels["root"]["level"], levels["loggers"]["uvicorn"]["level"]) == ("DEBUG", "DEBUG")
    assert logging_of_server("auto", "info")["loggers"]["uvicorn"]["level"] == "WARNING"
    assert sys.stderr is not None
