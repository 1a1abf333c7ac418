"""What is counted and timed: every request, by route, method and status. Each app counts for itself.

These are plain numbers. `prometheus_client` puts them into its format, and is imported when that is asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


@dataclass(slots=True)
class Durations:
    """How long requests took: how many fell into each of the `BUCKETS`, and behind the last; and all of them."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0

    def add(self, seconds: float) -> None:
        """Count one more."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


NOT_ANSWERED = 499
"""What stands in place of a status where nobody was there any more to take an answer; others count that so too."""


class Metrics:
    """The counters of one app: requests by route, method and status; their durations by route and method; what was
    refused before it was a request, by code; connections that there are, and that were cut, by what was too slow.
    """

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()
        self.connections = 0
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.durations: defaultdict[tuple[str, str], Durations] = defaultdict(Durations)

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self.requests[route, method, str(status)] += 1
        self.durations[route, method].add(seconds)

    def connection_opened(self) -> None:
        """Count an open connection."""
        self.connections += 1

    def connection_closed(self) -> None:
        """Count an open connection less."""
        self.connections -= 1

    def connection_cut(self, reason: str) -> None:
        """Count a connection that was closed because its client was too slow."""
        self.cut[reason] += 1

    def request_refused(self, code: str) -> None:
        """Count a request that was rejected before it reached a use case."""
        self.refused[code] += 1

    def exposition(self) -> tuple[bytes, str]:
        """Return all counters in Prometheus' text format, and its media type."""
        from orderkeep.entrypoints.api.exposition import exposition

        return exposition(self)


class MetricsMiddleware:
    """Counts and times what passes."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status = perf_counter(), NOT_ANSWERED

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.metrics.observe(route_of(scope), method, status, perf_counter() - started)


def route_of(scope: Scope) -> str:
    """Return the route's path with its parameters by name, so that ids make no series of their own."""
    return getattr(scope.get("route"), "path", "none")
