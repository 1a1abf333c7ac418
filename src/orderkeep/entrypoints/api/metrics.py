"""Prometheus metrics of one application: requests by route, method and status; connections; rejected requests; webhook
deliveries.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import accumulate

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
DELIVERY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)


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
        self._deliveries = Counter[str]()
        self._delivery_seconds, self._delivery_buckets = 0.0, [0] * (len(DELIVERY_BUCKETS) + 1)
        self._pauses = Counter[str]()
        self._webhooks = Counter[str]()
        self._progress: dict[str, tuple[float, int]] = {}
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

    def count_attempt(self, outcome: str, seconds: float) -> None:
        """Count a webhook delivery."""
        self._deliveries[outcome] += 1
        self._delivery_buckets[bisect_left(DELIVERY_BUCKETS, seconds)] += 1
        self._delivery_seconds += seconds

    def count_pause(self, reason: str) -> None:
        """Count a webhook that was paused because an event was not accepted."""
        self._pauses[reason] += 1

    def set_progress(self, webhook_id: str, lag: float, waiting: int) -> None:
        """Set how late the events of a webhook are, and how many orders wait."""
        self._progress[webhook_id] = lag, waiting

    def set_webhooks(self, statuses: Mapping[str, str]) -> None:
        """Set the status of each webhook, by ID."""
        self._webhooks = Counter(statuses.values())
        self._progress = {each: progress for each, progress in self._progress.items() if each in statuses}

    def collect(self) -> Iterator[Metric]:
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
        if self._webhooks or self._deliveries:
            yield from self._of_webhooks()

    def _of_webhooks(self) -> Iterator[Metric]:
        for name, description, label, counts in (
            ("orderkeep_webhook_deliveries", "Attempts to deliver an event, by outcome.", "outcome", self._deliveries),
            ("orderkeep_webhook_pauses", "Webhooks paused because an event was not accepted.", "reason", self._pauses),
        ):
            counter = CounterMetricFamily(name, description, labels=(label,))
            for value, count in counts.items():
                counter.add_metric((value,), count)
            yield counter
        bounds = [*map(floatToGoString, DELIVERY_BUCKETS), "+Inf"]
        buckets = list(zip(bounds, accumulate(self._delivery_buckets), strict=True))
        yield HistogramMetricFamily(
            "orderkeep_webhook_delivery_seconds", "Duration of a delivery.", buckets, self._delivery_seconds
        )
        webhooks = GaugeMetricFamily("orderkeep_webhooks", "Webhooks by status.", labels=("status",))
        for status in ("active", "paused"):
            webhooks.add_metric((status,), self._webhooks[status])
        yield webhooks
        lag = GaugeMetricFamily(
            "orderkeep_webhook_lag_seconds",
            "Age of the last event that this process delivered while others follow it; 0 if none follows.",
            labels=("webhook",),
        )
        waiting = GaugeMetricFamily(
            "orderkeep_webhook_waiting_orders", "Orders whose events wait for a retry.", labels=("webhook",)
        )
        for webhook_id, (seconds, orders) in self._progress.items():
            lag.add_metric((webhook_id,), seconds)
            waiting.add_metric((webhook_id,), orders)
        yield from (lag, waiting)

    def exposition(self) -> tuple[bytes, str]:
        """Return all metrics in the Prometheus text format, and its media type."""
        return prometheus.generate_latest(self._registry), prometheus.CONTENT_TYPE_LATEST
