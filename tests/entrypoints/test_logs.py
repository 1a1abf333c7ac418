"""Log lines contain the listed fields only, and no value can end a line."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.entrypoints.logs import (
    FIELDS,
    MAX_EXCEPTIONS,
    MAX_FRAMES,
    OTHER_PACKAGE_EVENT,
    LogFormatter,
    current_request,
    server_log_config,
    visible,
)

SECRET = "jane@example.com"
JSON, TEXT = LogFormatter("json"), LogFormatter("text")
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
    text = JSON.format(record(*args, **given))
    assert text.isascii()
    assert text.isprintable()
    found: dict[str, Any] = json.loads(text)
    return found


@contextmanager
def request_with(**fields: object) -> Iterator[None]:
    token = current_request.set(lambda: fields)
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
    "webhook": "wh_7f3a9c",
    "record": "100000000000000000001",
}


def test_line_contains_the_listed_fields_in_order() -> None:
    expected = {"time": "", "level": "error", "logger": "orderkeep.test", "event": "it happened", **GOOD}
    assert {**line(**GOOD), "time": ""} == expected
    assert [*line(**GOOD)] == [*expected]
    assert set(GOOD) | {"place"} == set(FIELDS)


def test_arguments_and_unlisted_fields_are_dropped() -> None:
    found = line("of %s and %(user)s", SECRET, SECRET, user_id=SECRET, note=SECRET, stack=SECRET)
    assert found.keys() == ALWAYS
    assert found["event"] == "of %s and %(user)s"
    assert line("of %(user)s", {"user": SECRET}).keys() == ALWAYS


@pytest.mark.parametrize("name", sorted(set(GOOD) - {"reason"}))
@pytest.mark.parametrize("value", [SECRET, f"/orders/{SECRET}", "ok_live_7c21", HOSTILE, b"x", [SECRET], {"a": SECRET}])
def test_value_in_another_form_is_logged_as_a_question_mark(name: str, value: object) -> None:
    if name in ("request_id", "code") and value == "ok_live_7c21":
        return  # a client may choose this as its request id
    assert line(**{name: value})[name] == "?"


def test_line_contains_the_fields_of_its_request() -> None:
    with request_with(request_id="call-1", route="/orders", user_id=SECRET, actor=None):
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
def test_messages_of_other_packages_are_replaced_by_their_place(logger: str) -> None:
    found = line(f"Task exception was never retrieved {SECRET}", logger=logger, reason=SECRET)
    assert (found["event"], found["place"]) == (OTHER_PACKAGE_EVENT, "test_logs.work:7")
    assert SECRET not in json.dumps(found)


def test_constant_messages_of_uvicorn_are_kept() -> None:
    assert line("Exception in ASGI application\n", logger="uvicorn.error")["event"] == "Exception in ASGI application"
    assert line('%s - "%s"', SECRET, logger="uvicorn.error").keys() == {*ALWAYS, "place"}


def test_event_that_is_not_text_is_dropped() -> None:
    assert line(KeyError(SECRET))["event"] == OTHER_PACKAGE_EVENT


def test_exception_is_logged_as_type_and_frames_without_its_text() -> None:
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
    assert "tests/entrypoints/test_logs.py:" in outer["frames"][-1]
    assert SECRET not in json.dumps(said)
    assert SECRET not in TEXT.format(record(error=found.value))


def test_members_of_exception_groups_are_logged_and_cycles_end() -> None:
    first, second = raised(KeyError(SECRET)), raised(OSError(SECRET))
    first.__context__, second.__context__ = second, first
    group = raised(ExceptionGroup(SECRET, [first, second]))  # type: ignore[type-var]
    assert [each["type"] for each in line(error=group)["exceptions"]] == ["ExceptionGroup", "KeyError", "OSError"]


def test_suppressed_exception_is_not_logged() -> None:
    error = raised(ValueError(SECRET))
    error.__context__, error.__suppress_context__ = raised(KeyError(SECRET)), True
    assert [each["type"] for each in line(error=error)["exceptions"]] == ["ValueError"]


def test_exceptions_and_frames_are_limited() -> None:
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
    assert len(exceptions) == MAX_EXCEPTIONS
    assert len(line(error=found.value)["exceptions"][0]["frames"]) == MAX_FRAMES
    assert line(error=found.value)["exceptions"][0]["frames"][-1].endswith(" in deep")


def test_exception_type_includes_its_module() -> None:
    assert line(error=raised(json.JSONDecodeError("no", SECRET, 0)))["exceptions"][0]["type"] == (
        "json.decoder.JSONDecodeError"
    )


@given(text=st.text() | st.just(HOSTILE))
def test_no_value_ends_a_line_or_controls_a_terminal(text: str) -> None:
    for made in (
        JSON.format(record(text, reason=text, logger=f"orderkeep.{text}")),
        TEXT.format(record(text, reason=text, logger=f"orderkeep.{text}")),
    ):
        assert made.isprintable()
    assert visible(text).isprintable()


def test_text_contains_the_same_as_json() -> None:
    made = TEXT.format(record(**GOOD))
    head, rest = made.split(" ERROR ", 1)
    assert head.endswith("Z")
    assert rest == (
        "orderkeep.test: it happened request_id=call-1.b_2 trace_id=4bf92f3577b34da6a3ce929d0e0e4736 "
        "invocation_id=8f507cfc-9c9c-4c9a-9f0d-0c5f3f3c9a11 method=POST route=/orders/{order_id}/cancel status=422 "
        'duration_ms=1.25 actor=customer code=store_unavailable reason="the disk is full: make room" '
        "webhook=wh_7f3a9c record=100000000000000000001"
    )


def test_quotes_in_a_value_cannot_forge_a_field() -> None:
    assert TEXT.format(record(reason='x" status="200')).endswith(r'reason="x\" status=\"200"')


def test_lines_of_an_exception_are_indented() -> None:
    _, *rest = TEXT.format(record(error=raised(ValueError(SECRET)))).split("\n")
    assert rest
    assert all(each.startswith("  ") for each in rest)


def test_end_is_appended_for_handlers_that_do_not_end_lines() -> None:
    assert LogFormatter("json", end="\n").format(record()).endswith("}\n")


@pytest.mark.parametrize(
    "log_format, on_a_terminal, is_text",
    [("auto", True, True), ("auto", False, False), ("json", True, False), ("text", False, True)],
)
def test_auto_is_text_on_a_terminal_and_json_elsewhere(log_format: Any, on_a_terminal: bool, is_text: bool) -> None:
    class Stream:
        def isatty(self) -> bool:
            return on_a_terminal

    assert LogFormatter(log_format, Stream()).is_text == is_text  # type: ignore[arg-type]
    assert not LogFormatter("auto").is_text


def test_uvicorn_logs_warnings_only_unless_debugging() -> None:
    levels = server_log_config("auto", "debug")
    assert (levels["root"]["level"], levels["loggers"]["uvicorn"]["level"]) == ("DEBUG", "DEBUG")
    assert server_log_config("auto", "info")["loggers"]["uvicorn"]["level"] == "WARNING"


def test_structlog_is_imported_with_the_first_line_only() -> None:
    code = (
        "import logging, sys; from orderkeep.entrypoints.logs import configure_cli_logging; configure_cli_logging();"
        "logging.getLogger('aiodynamo.credentials').error('no metadata', exc_info=OSError());"
        "print('structlog' in sys.modules); logging.getLogger('orderkeep.test').warning('it happened');"
        "print('structlog' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.split() == ["False", "True"]
    assert result.stderr.endswith("WARNING orderkeep.test: it happened\n")
    assert result.stderr.count("\n") == 1


def test_server_does_not_import_rich_with_structlog() -> None:
    code = (
        "import sys; from orderkeep.entrypoints.logs import server_log_config;"
        "formatter = server_log_config('auto', 'info')['formatters']['lines']['()']();"
        "print(type(formatter).__module__, 'rich' in sys.modules); import rich; print(rich.__name__)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.split() == ["structlog.stdlib", "False", "rich"]


def test_server_imports_structlog_before_the_first_line() -> None:
    formatter = server_log_config("json", "info")["formatters"]["lines"]["()"]()
    assert json.loads(formatter.format(record()))["event"] == "it happened"
    assert type(formatter).__module__ == "structlog.stdlib"
