"""The metrics for Prometheus agree with what was observed."""

import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from orderkeep.entrypoints.api.metrics import Metrics

OBSERVED = [("/orders", "GET", 200, 0.0005), ("/orders", "GET", 404, 0.3), ("/orders", "GET", 200, 7.0)]


def test_a_duration_counts_in_its_bucket_and_in_all_longer_ones() -> None:
    metrics = Metrics()
    for answered in OBSERVED:
        metrics.observe(*answered)
    metrics.observe("/orders/{order_id}", "PUT", 204, 0.02)

    told = {family.name: family.samples for family in text_string_to_metric_families(metrics.exposition()[0].decode())}

    of_get = [sample for sample in told["orderkeep_http_request_duration_seconds"] if sample.labels["method"] == "GET"]
    counts = {sample.labels.get("le", sample.name.rpartition("_")[2]): sample.value for sample in of_get}
    within_half_a_second = dict.fromkeys(
        ("0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25"), 1
    )
    longer = {"0.5": 2, "1.0": 2, "2.5": 2, "5.0": 2, "+Inf": 3, "count": 3, "sum": 7.3005}
    assert counts == pytest.approx(within_half_a_second | longer)
    by_status = {tuple(sample.labels.values()): sample.value for sample in told["orderkeep_http_requests"]}
    assert by_status == {
        ("GET", "/orders", "200"): 2,
        ("GET", "/orders", "404"): 1,
        ("PUT", "/orders/{order_id}", "204"): 1,
    }


def test_an_application_without_metrics_does_not_import_prometheus_client() -> None:
    code = (
        "import sys; from orderkeep.config import Settings; from orderkeep.entrypoints.api.app import create_app; "
        "create_app(Settings(), with_metrics=False); sys.exit('prometheus_client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
