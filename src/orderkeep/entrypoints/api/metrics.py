"""What is counted and timed: every request, by route, method and status. Each app counts for itself."""

from __future__ import annotations

from functools import cache
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Metrics:
    """The counters of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        requests = Counter(
            "orderkeep_http_requests", "Requests that were answered.", ("route", "method", "status"),
            registry=self.registry,
        )  # fmt: skip
        durations = Histogram(
            "orderkeep_http_request_duration_seconds", "From a request's head to its answer's end.",
            ("route", "method"), buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._count = cache(requests.labels)
        self._time = cache(durations.labels)

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._count(route, method, status).inc()
        self._time(route, method).observe(seconds)

    def exposition(self) -> tuple[bytes, str]:
        """Return all counters in Prometheus' text format, and its media type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class MetricsMiddleware:
    """Counts and times what passes."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status = perf_counter(), 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.metrics.observe(_template(scope), method, status, perf_counter() - started)


def _template(scope: Scope) -> str:
    """Return the route's path with its parameters by name, so that ids make no series of their own."""
    return getattr(scope.get("route"), "path", "none")
