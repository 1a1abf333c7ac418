"""Which tests execute a line and how long each takes: mutation testing runs no others, and the fastest first."""

import sys
import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from coverage import Coverage


class Record(NamedTuple):
    """What each test took in seconds, the tests that executed each line of each file, and those that started processes.

    A test is named by its id without parameters. The name of what prepared something for several tests, such as that of
    their module, is the beginning of their names.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[int, list[str]]]
    processes: set[str]

    def tests_of(self, file: str, changed: range) -> dict[str, float]:
        """Return the tests that execute one of these lines, and those that start processes, which may, with their
        seconds, the fastest first. Without lines return all tests, first those that execute the file.
        """
        lines = self.lines.get(file, {})
        near = tuple(test for line in changed or lines for test in lines.get(line, ()))
        wanted = (*near, *self.processes) if changed else ""
        tests = (test for test in self.seconds if test.startswith(wanted))
        order = sorted(tests, key=lambda test: (not test.startswith(near), self.seconds[test]))
        return {test: self.seconds[test] for test in order}


def name_of(node: pytest.Item | pytest.Collector) -> str:
    """Return the id of a test without its parameters."""
    return node.nodeid.partition("[")[0]


class Recorder:
    """A plugin of pytest that records which tests execute the lines of these files."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files, self._test = [*map(str, files)], ""
        self._seconds, self._processes = defaultdict[str, float](float), set[str]()
        self._coverage = Coverage(data_file=None, config_file=False, include=self._files)
        self._coverage.start()
        sys.addaudithook(self._audit)

    def record(self) -> Record:
        """End the recording and return it."""
        self._coverage.stop()
        data = self._coverage.get_data()
        return Record(
            dict(self._seconds), {file: data.contexts_by_lineno(file) for file in self._files}, self._processes
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Record the test."""
        began = time.monotonic()
        with self._during(item) as test:
            result = yield
        self._seconds[test] += time.monotonic() - began
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, request: pytest.FixtureRequest) -> Generator[None, object, object]:
        """Record what is prepared for the tests of a module under the name of the module, and so on."""
        with self._during(request.node):
            return (yield)

    @contextmanager
    def _during(self, node: pytest.Item | pytest.Collector) -> Iterator[str]:
        outer, self._test = self._test, name_of(node)
        self._coverage.switch_context(self._test)
        try:
            yield self._test
        finally:
            self._test = outer
            self._coverage.switch_context(outer)

    def _audit(self, event: str, _: object) -> None:
        if event in ("subprocess.Popen", "os.posix_spawn", "os.fork"):
            self._processes.add(self._test)
