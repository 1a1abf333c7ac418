"""Prometheus metrics of one application: requests by route, method and status; connections; rejected requests."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import accumulate

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics(Collector):
    """The metrics of one application and of its process. Requests are counted in plain numbers, and become metrics when
    they are collected: prometheus_client's own counters take a lock for each of four changes.
    """

    def __init__(self) -> None:
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = prometheus.CollectorRegistry()
        for collector in (prometheus.ProcessCollector, prometheus.PlatformCollector, prometheus.GCCollector):
            collector(registry=registry)
        self._requests = Counter[tuple[str, str, int]]()
        self._durations = defaultdict[tuple[str, str], list[int]](lambda: [0] * (len(BUCKETS) + 1))
        self._seconds = defaultdict[tuple[str, str], float](float)
        registry.register(self)
        self.connections = prometheus.Gauge("orderkeep_http_connections", "Open connections.", registry=registry)
        self.cut = prometheus.Counter(
            "orderkeep_http_connections_cut",
            "Connections that were closed, by what was too slow.",
            ("reason",),
            registry=registry,
        )
        self.refused = prometheus.Counter(
            "orderkeep_http_requests_refused",
            "Requests that were rejected before they reached a use case.",
            ("code",),
            registry=registry,
        )

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request. `route` is its path template, so that IDs make no time series of their own."""
        self._requests[route, method, status] += 1
        self._durations[route, method][bisect_left(BUCKETS, seconds)] += 1
        self._seconds[route, method] += seconds

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        """Yield the metrics of the requests. Called by the registry."""
        requests = CounterMetricFamily(
            "orderkeep_http_requests", "Requests with a response.", labels=("route", "method", "status")
        )
        for (route, method, status), count in self._requests.items():
            requests.add_metric((route, method, str(status)), count)
        yield requests
        durations = HistogramMetricFamily(
            "orderkeep_http_request_duration_seconds",
            "Time from the head of a request to the end of its response.",
            labels=("route", "method"),
        )
        bounds = [*map(floatToGoString, BUCKETS), "+Inf"]
        for labels, counts in self._durations.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            durations.add_metric(labels, buckets, self._seconds[labels])
        yield durations

    def exposition(self) -> tuple[bytes, str]:
        """Return all metrics in the Prometheus text format, and its media type."""
        return prometheus.generate_latest(self._registry), prometheus.CONTENT_TYPE_LATEST
