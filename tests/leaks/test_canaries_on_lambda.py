"""The same on Lambda, whose log also has whatever its handlers raise."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from orderkeep.entrypoints.direct_calls import CALLS
from tests.entrypoints.lambda_calls import EveryKind, Request, load_balancer
from tests.entrypoints.lambda_containers import Context, call, container
from tests.leaks.canaries import EMAIL, HOSTILE, KEY, LONG, NAME, ORDER, TOKEN, VALUE, WRONG, bad, good, placed, without
from tests.leaks.listening import hold, hold_answer, hold_lines, listening
from tests.leaks.test_canaries_over_http import BREAKS

Asked = tuple[str, dict[str, Any]]


@EveryKind
def test_nothing_that_is_sent_by_http_is_told_elsewhere(
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


def _direct_calls(order_id: str) -> list[Asked]:
    which = {"order_id": order_id}
    calls: list[Asked] = [
        (name, {**which, f"{field}": VALUE}) for name in CALLS for field in ("cursor", "version", "limit")
    ]
    calls += [("place_order", {**ORDER, name: value}) for name in ORDER for value in WRONG]
    calls += [("place_order", {**ORDER, "metadata": found}) for found in ({NAME: 5}, {f"{NAME}\n": "x"}, {NAME: LONG})]
    calls += [
        ("place_order", {**ORDER, "metadata": {f"{NAME}/~": HOSTILE + "\0"}}),
        ("place_order", {**ORDER, "total": 1}),
    ]
    calls += [(name, {"order_id": value}) for name in CALLS for value in (EMAIL, HOSTILE, KEY, [VALUE], LONG)]
    calls += [("cancel_order", {**which, "reason": LONG, "note": HOSTILE + "\0"}), ("list_orders", {"status": VALUE})]
    calls += [("get_order_at", {**which, "at": VALUE}), ("issue_receipt", {**which, "format": VALUE})]
    return [
        *calls,
        (VALUE, {}),
        ("list_orders", {"tag": EMAIL, "external_ref": VALUE}),
        ("export_to_document", {"format": VALUE}),
    ]


def ask(module: ModuleType, use_case: str, given: Any, **conditions: Any) -> Any:
    """Call, and hold what is raised to what a log may tell."""
    event = {"use_case": use_case, "input": given, **conditions}
    try:
        return module.handler(json.loads(json.dumps(event)), Context())
    except Exception as error:  # noqa: BLE001
        hold(f"{use_case}: what is raised", f"{type(error).__name__} {error}")
        hold_lines(str(error))
        return None


def test_nothing_that_is_asked_for_by_name_is_told_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = {"ORDERKEEP_STORE": "memory://", "ORDERKEEP_DOCUMENTS": "memory://"}
    with listening(), container(monkeypatch, "lambda_direct", **settings) as module:
        order = ask(module, "place_order", ORDER, idempotency_key=KEY)
        for name, given in _direct_calls(order["id"]):
            ask(module, name, given)
        ask(module, "place_order", {**ORDER, "external_ref": VALUE}, idempotency_key=KEY)
        ask(module, "ship_order", {"order_id": order["id"]}, idempotency_key=f"{KEY}\n")
        ask(module, "ship_order", {"order_id": order["id"]}, expected_version=VALUE, dry_run=VALUE)
        ask(module, "cancel_order", {"order_id": order["id"], "reason": VALUE, "note": EMAIL}, idempotency_key=TOKEN)
        for event in (VALUE, [VALUE], {"x": VALUE}, {"Records": [{"eventSource": f"aws:{VALUE}!"}]}):
            with pytest.raises(Exception, match=r"\w") as raised:
                module.handler(event, Context())
            hold("what is raised", str(raised.value))
    hold("what was printed", "".join(capfd.readouterr()))


@pytest.mark.parametrize("error", BREAKS.values(), ids=BREAKS.keys())
def test_nothing_that_breaks_tells_what_it_held(
    error: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise error()

    with listening(), container(monkeypatch, "lambda_direct", ORDERKEEP_STORE="memory://") as module:
        monkeypatch.setattr(module._use_cases.get_order.queries, "get_snapshot", fail)
        assert ask(module, "get_order", {"order_id": "o-1"}) is None
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
def test_nothing_of_a_record_is_told_elsewhere(
    event: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = {"ORDERKEEP_EVENTS": "eventbridge://orders?region=eu-central-1&endpoint=http://127.0.0.1:9"}
    with listening(), container(monkeypatch, "lambda_stream", **settings) as module:
        try:
            module.handler(event, Context())
        except Exception as error:  # noqa: BLE001
            hold("what is raised", str(error))
    hold("what was printed", "".join(capfd.readouterr()))
