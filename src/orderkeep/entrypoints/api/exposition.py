"""What was counted and the state of the process, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from orderkeep.entrypoints.api.metrics import BUCKETS, Metrics


def exposition(metrics: Metrics) -> tuple[bytes, str]:
    """Return the text and its media type."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(_Requests(metrics))
    registry.register(_Connections(metrics))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Requests(Collector):
    """The metrics of an app, as Prometheus knows them."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "orderkeep_http_requests", "Requests that were answered.", labels=("route", "method", "status")
        )
        for answered, count in self.metrics.requests.items():
            requests.add_metric(answered, count)
        yield requests
        durations = HistogramMetricFamily(
            "orderkeep_http_request_duration_seconds", "From a request's head to its answer's end.",
            labels=("route", "method"),
        )  # fmt: skip
        bounds = [*(str(float(bound)) for bound in BUCKETS), "+Inf"]
        for asked, found in self.metrics.durations.items():
            durations.add_metric(asked, list(zip(bounds, accumulate(found.counts), strict=True)), found.total)
        yield durations


class _Connections(Collector):
    """What happens before a request is one."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("orderkeep_http_connections", "Connections that are open.", self.metrics.connections)
        cut = CounterMetricFamily(
            "orderkeep_http_connections_cut", "Connections that were ended, by what was too slow.", labels=("reason",)
        )
        for reason, count in self.metrics.cut.items():
            cut.add_metric((reason,), count)
        yield cut
        refused = CounterMetricFamily(
            "orderkeep_http_requests_refused", "Refused before anything was asked of the service.", labels=("code",)
        )
        for code, count in self.metrics.refused.items():
            refused.add_metric((code,), count)
        yield refused
