"""The alarms in deploy/prometheus look at series that the service has once what they are about has happened."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from orderkeep.config import Settings
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.api.metrics import BUCKETS
from tests.conftest import CHECKOUT
from tests.entrypoints.http_calls import PLAIN

FILE = CHECKOUT / "deploy" / "prometheus" / "alarms.yaml"
[GROUP] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]
OF_PROMETHEUS = {"up"}, {"job", "instance"}
"""The series and the labels that Prometheus adds by itself."""

Samples = list[tuple[str, dict[str, str]]]


def selectors(node: object) -> Iterator[promql_parser.VectorSelector]:
    """Yield what chooses series, anywhere in an expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    parts = (getattr(node, name, None) for name in ("lhs", "rhs", "expr", "args", "vector_selector"))
    for part in parts:
        for one in part if isinstance(part, list) else [part]:
            if one is not None:
                yield from selectors(one)


def unseen(expression: str, samples: Samples) -> list[str]:
    """Return the selectors of an expression that choose none of the samples. Raises `ValueError` where it is none."""
    chosen = selectors(promql_parser.parse(expression))
    own_series, _ = OF_PROMETHEUS
    return [str(one) for one in chosen if one.name not in own_series and not any(_chooses(one, s) for s in samples)]


def _chooses(selector: promql_parser.VectorSelector, sample: tuple[str, dict[str, str]]) -> bool:
    name, labels = sample
    return name == selector.name and all(
        re.fullmatch(matcher.value if matcher.op == promql_parser.MatchOp.Re else re.escape(matcher.value),
                     labels.get(matcher.name, ""))
        for matcher in selector.matchers.matchers
        if matcher.name not in OF_PROMETHEUS[1]
    )  # fmt: skip


@pytest.fixture
async def samples() -> Samples:
    """What is counted after a placed order, a store that is away, and a fault of ours."""
    away = create_app(Settings(store="postgresql://nobody@127.0.0.1:9/orders"))
    transport = httpx.ASGITransport(app=away)
    async with (
        away.router.lifespan_context(away),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.post("/orders", json=PLAIN)).status_code == 503
        text = (await client.get("/metrics")).text
    return [
        (sample.name, sample.labels) for family in text_string_to_metric_families(text) for sample in family.samples
    ]


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alarm_looks_at_what_is_counted(rule: dict[str, Any], samples: Samples) -> None:
    assert unseen(rule["expr"], samples) == []
    assert list(selectors(promql_parser.parse(rule["expr"])))


@pytest.mark.parametrize(
    "planted",
    ['rate(orderkeep_requests_total{route="/readyz"}[2m])', 'rate(orderkeep_http_requests_total{path="/readyz"}[2m])',
     'orderkeep_http_requests_total{route="/health"}', "rate(orderkeep_http_seconds_total[5m])"],
)  # fmt: skip
def test_an_alarm_that_can_never_ring_is_found(planted: str, samples: Samples) -> None:
    assert len(unseen(planted, samples)) == 1


@pytest.mark.parametrize("planted", ["sum(rate(up[5m])", "rate(up) > 1", "up{job=orderkeep}"])
def test_an_alarm_that_prometheus_cannot_read_is_found(planted: str, samples: Samples) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        unseen(planted, samples)


def test_an_alarm_says_how_bad_it_is_and_what_it_means() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")


def test_slow_requests_are_counted_at_a_bucket_boundary() -> None:
    [slow] = [rule["expr"] for rule in RULES if "histogram_quantile" in rule["expr"]]
    assert float(slow.rpartition(">")[2]) in BUCKETS
