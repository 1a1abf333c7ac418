"""Runs the command line, on one memory store for all calls of a test."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from sample_service.bootstrap import build_use_cases
from sample_service.entrypoints import cli
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from tests.sample_items import clock_from_later


@dataclass(frozen=True, slots=True)
class Outcome:
    """The exit code of a call, and what it printed."""

    code: object
    stdout: str
    stderr: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The JSON of each line."""
        return [json.loads(line) for line in self.stdout.splitlines()]


Run = Callable[..., Outcome]


@pytest.fixture
def run_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line with arguments, on the store that they name."""

    def run_one(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["sample-service", *arguments])
        with pytest.raises(SystemExit) as raised:
            cli.main()
        return Outcome(raised.value.code, *capsys.readouterr())

    return run_one


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, run_alone: Run) -> Run:
    """Run the command line with arguments, on a store that is kept between calls."""

    async def keep_open() -> None:
        pass

    use_cases = build_use_cases(InMemorySampleItemRepository(), clock_from_later())
    use_cases = replace(use_cases, close=keep_open)
    monkeypatch.setattr(cli, "bootstrap", lambda settings: use_cases)
    return run_alone


def place(run: Run, name: str = "First") -> str:
    """Place a sample item, and return its ID."""
    return str(run("place", name).rows[0]["id"])
