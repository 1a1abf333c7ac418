"""What is logged while a test runs, as the service writes it."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from orderkeep.entrypoints.logs import LogFormatter


class Logged:
    """The lines so far."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    @property
    def text(self) -> str:
        return self._caplog.text

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, logger: str = "orderkeep") -> list[dict[str, Any]]:
        return [line for line in self.lines if line["logger"].startswith(logger)]

    def one(self, event: str) -> dict[str, Any]:
        """Return the one line that tells of it."""
        [line] = [line for line in self.lines if line["event"] == event]
        return line


@contextmanager
def logged_from(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> Iterator[Logged]:
    """Write down what is logged as lines of JSON."""
    before = caplog.handler.formatter
    caplog.handler.setFormatter(LogFormatter("json"))
    try:
        with caplog.at_level(level, "orderkeep"):
            yield Logged(caplog)
    finally:
        caplog.handler.setFormatter(before)
