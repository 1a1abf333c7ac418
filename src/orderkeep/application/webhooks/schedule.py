"""When a failed delivery is tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

DEFAULT_SCHEDULE = "5,300,1800,7200,18000,36000,50400,72000,86400"
"""5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""

MAX_RETRIES = 30
MAX_RETRY_SECONDS = 604_800

MAX_RETRY_AFTER_SECONDS = 86_400
"""A `Retry-After` beyond it is shortened."""

JITTER = 0.2
"""A retry is up to this part of its delay later, so that those of many orders do not arrive together."""

Uniform = Callable[[], float]
"""Returns a random number from 0 to 1: `random.random`."""


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """The delays before each retry, in seconds."""

    delays: tuple[float, ...]

    @classmethod
    def of(cls, text: str) -> RetrySchedule:
        """Return the schedule of a text such as `5,300,1800`. Raises `ValueError`."""
        words = [word.strip() for word in text.split(",")]
        if not all(word.isascii() and word.isdecimal() for word in words) or len(words) > MAX_RETRIES:
            raise ValueError(f"must be 1 to {MAX_RETRIES} whole numbers of seconds, separated by commas, such as 5,300")
        delays = tuple(float(word) for word in words)
        if not all(1 <= delay <= MAX_RETRY_SECONDS for delay in delays):
            raise ValueError(f"must contain numbers of seconds from 1 to {MAX_RETRY_SECONDS}")
        return cls(delays)

    def delay(self, failures: int, retry_after: float | None, uniform: Uniform) -> float | None:
        """Return the seconds until the next attempt after that many failed ones, or None after the last attempt.
        `retry_after`, what the receiver asks for, can only make it later.
        """
        if failures > len(self.delays):
            return None
        delay = self.delays[failures - 1] * (1 + JITTER * uniform())
        return max(delay, min(retry_after or 0.0, MAX_RETRY_AFTER_SECONDS))
