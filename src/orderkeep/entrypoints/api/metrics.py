"""Prometheus metrics of one application: requests by route, method and status; connections; rejected requests."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """The metrics of one application and of its process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._requests = Counter(
            "orderkeep_http_requests",
            "Requests with a response.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._durations = Histogram(
            "orderkeep_http_request_duration_seconds",
            "Time from the head of a request to the end of its response.",
            ("route", "method"),
            registry=self._registry,
            buckets=BUCKETS,
        )
        self._connections = Gauge("orderkeep_http_connections", "Open connections.", registry=self._registry)
        self._cut = Counter(
            "orderkeep_http_connections_cut",
            "Connections that were closed, by what was too slow.",
            ("reason",),
            registry=self._registry,
        )
        self._refused = Counter(
            "orderkeep_http_requests_refused",
            "Requests that were rejected before they reached a use case.",
            ("code",),
            registry=self._registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request. `route` is its path template, so that IDs make no time series of their own."""
        key = (route, method, status)
        children = self._children.get(key)
        if children is None:
            counter = self._requests.labels(route, method, str(status))
            children = self._children[key] = counter, self._durations.labels(route, method)
        children[0].inc()
        children[1].observe(seconds)

    def connection_opened(self) -> None:
        """Count an open connection."""
        self._connections.inc()

    def connection_closed(self) -> None:
        """Count a connection that is not open any more."""
        self._connections.dec()

    def connection_cut(self, reason: str) -> None:
        """Count a connection that was closed because the client was too slow."""
        self._cut.labels(reason).inc()

    def request_refused(self, code: str) -> None:
        """Count a rejected request by its error code."""
        self._refused.labels(code).inc()

    def exposition(self) -> tuple[bytes, str]:
        """Return all metrics in the Prometheus text format, and its media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
