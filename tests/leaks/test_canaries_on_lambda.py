"""The same on Lambda, whose log also has whatever its handlers raise."""

from __future__ import annotations

from typing import Any

import pytest

from tests.entrypoints.lambda_calls import EveryKind, Request, http_api, load_balancer
from tests.entrypoints.lambda_containers import Context, call, container
from tests.leaks.canaries import VALUE, bad, good, placed, without
from tests.leaks.listening import hold, hold_answer, hold_lines, listening
from tests.leaks.test_canaries_over_http import BREAKS


@EveryKind
def test_no_data_of_an_http_event_leaks(
    event_of: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root=1-{VALUE}")
    settings = {"ORDERKEEP_STORE": "memory://", "ORDERKEEP_ACCESS_LOG": "1", "ORDERKEEP_DOCUMENTS": "memory://"}
    with listening(), container(monkeypatch, **settings) as module:
        first = call(module, event_of(seen_by(event_of, placed())))
        assert first.status == 201
        order_id = first.json()["id"]
        for request in (*bad(order_id), *good(order_id)):
            answer = call(module, event_of(seen_by(event_of, request)))
            hold_answer(f"{request.method} {request.target}", answer.status, answer.headers, answer.body)
            assert answer.status < 500
    hold("what was printed", "".join(capfd.readouterr()))


def seen_by(event_of: Any, request: Request) -> Request:
    """Return the request as who is known sends it: behind a load balancer, by a key and by nothing else."""
    return without(request, "Authorization") if event_of is load_balancer else request


WRONG_EVENTS: list[Any] = [
    VALUE,
    [VALUE],
    {"x": VALUE},
    {"source": VALUE, "detail-type": VALUE},
    {"Records": [{"eventSource": f"aws:{VALUE}!"}]},
    {"requestContext": VALUE, "httpMethod": VALUE},
]


@pytest.mark.parametrize("event", WRONG_EVENTS)
def test_no_data_of_another_event_leaks(
    event: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with listening(), container(monkeypatch, ORDERKEEP_STORE="memory://") as module:
        with pytest.raises(Exception, match=r"\w") as raised:
            module.handler(event, Context())
        hold("what is raised", str(raised.value))
        hold_lines(str(raised.value))
    hold("what was printed", "".join(capfd.readouterr()))


@pytest.mark.parametrize("error", BREAKS.values(), ids=BREAKS.keys())
def test_no_exception_leaks_data(
    error: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise error()

    with listening(), container(monkeypatch, ORDERKEEP_STORE="memory://") as module:
        monkeypatch.setattr(module._use_cases.get_order.queries, "get_snapshot", fail)
        answer = call(module, http_api(Request("GET", "/orders/o-1")))
        hold_answer("GET /orders/o-1", answer.status, answer.headers, answer.body)
        assert answer.status >= 500
    hold("what was printed", "".join(capfd.readouterr()))


STREAMED: list[Any] = [
    {"Records": [{"eventSource": VALUE}]},
    {
        "Records": [
            {"eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": "7", "NewImage": {"pk": {"S": VALUE}}}}
        ]
    },
    {
        "Records": [
            {"eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": f"7\n{VALUE}", "NewImage": {"_": VALUE}}}
        ]
    },
    {"Records": VALUE},
    {VALUE: 1},
]


@pytest.mark.parametrize("event", STREAMED)
def test_no_data_of_a_record_leaks(
    event: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = {"ORDERKEEP_EVENTS": "eventbridge://orders?region=eu-central-1&endpoint=http://127.0.0.1:9"}
    with listening(), container(monkeypatch, "lambda_stream", **settings) as module:
        try:
            module.handler(event, Context())
        except Exception as error:  # noqa: BLE001
            hold("what is raised", str(error))
    hold("what was printed", "".join(capfd.readouterr()))
