"""The stream's handler as the Lambda service calls it: imported with an environment, invoked beside the test's loop."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.entrypoints.lambda_containers import end, forget, keep_how_it_is_logged

Json = dict[str, Any]
MODULE = "orderkeep.entrypoints.lambda_stream"


@dataclass
class Invocation:
    """Lambda's context object, with as much time as the test says."""

    milliseconds: int = 60_000
    aws_request_id: str = "8f3a-17"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass(frozen=True)
class Container:
    """A container whose handler is imported."""

    module: Any

    async def invoke(self, event: Any, milliseconds: int = 60_000) -> list[str]:
        """Return the sequence numbers that the answer reports."""
        answer = await asyncio.to_thread(self.module.handler, event, Invocation(milliseconds))
        assert list(answer) == ["batchItemFailures"]
        assert all(list(failure) == ["itemIdentifier"] for failure in answer["batchItemFailures"])
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    async def deliver(self, records: list[Json]) -> int:
        """Deliver records as Lambda does: again from the lowest that is reported, until none is; return how often."""
        for invocations in range(1, 1_000):
            reported = await self.invoke({"Records": records})
            if not reported:
                return invocations
            numbers = [each["dynamodb"]["SequenceNumber"] for each in records]
            records = records[min(map(numbers.index, reported)) :]
        raise AssertionError("it never comes to an end")


@asynccontextmanager
async def container(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> AsyncIterator[Container]:
    """Import the handler anew, with these variables set."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget(monkeypatch)
    keep_how_it_is_logged(monkeypatch)
    module = importlib.import_module(MODULE)
    try:
        yield Container(module)
    finally:
        await asyncio.to_thread(lambda: module.run(module._publisher.close(), Invocation()))
        await asyncio.to_thread(end, "lambda_stream")
