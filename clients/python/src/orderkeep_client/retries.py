"""Which requests to repeat, and when."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from orderkeep_client.errors import problem_of

NOTHING_DONE = {
    *("contention", "draining", "overloaded", "request_too_slow", "store_moved", "too_many_requests", "http_429"),
}
"""Codes after which every request can be repeated."""

UNKNOWN = {"store_unavailable", "http_502", "http_503", "http_504"}
"""Codes after which a request may or may not have been done."""

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

Outcome = httpx.Response | httpx.TransportError


@dataclass(frozen=True)
class Retries:
    """Repeat a request up to `attempts` times in all, after a random delay of up to `first_delay` seconds, which
    doubles each time up to `longest_delay`, and after `Retry-After`. A request that would have to wait longer than
    `longest_delay` fails.
    """

    attempts: int = 5
    first_delay: float = 0.5
    longest_delay: float = 60.0

    def delay(self, request: httpx.Request, outcome: Outcome, attempt: int) -> float | None:
        """Return the seconds to wait after an attempt, numbered from 1, or None if the request is not to be repeated.

        If it is not known whether a request was done, it is repeated only if that is safe: if it reads, or has an
        idempotency key.
        """
        if attempt >= self.attempts or not _may_repeat(request, outcome):
            return None
        jitter = random.uniform(0, min(self.longest_delay, self.first_delay * 2 ** (attempt - 1)))  # noqa: S311
        requested = 0.0 if isinstance(outcome, httpx.TransportError) else _seconds(outcome.headers.get("Retry-After"))
        return requested + jitter if requested <= self.longest_delay else None


def _may_repeat(request: httpx.Request, outcome: Outcome) -> bool:
    is_safe = request.method in ("GET", "HEAD") or "Idempotency-Key" in request.headers
    if isinstance(outcome, httpx.TransportError):
        return is_safe or isinstance(outcome, NOT_SENT)
    if outcome.is_success or outcome.status_code == httpx.codes.NOT_MODIFIED:
        return False
    code = problem_of(outcome)["code"]
    return code in NOTHING_DONE or (is_safe and code in UNKNOWN)


def _seconds(retry_after: str | None) -> float:
    """Return the seconds of a `Retry-After`, a number or an HTTP date (RFC 9110); 0 if it is neither."""
    if retry_after is None:
        return 0.0
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
