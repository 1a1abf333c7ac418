"""Step Functions and the handler for HTTP: the payloads of the reference work exactly as documented.

The state machine on the page is executed by a small interpreter of the Amazon States Language.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from orderkeep.domain.exceptions import StoreUnavailable
from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.lambda_calls import Request, http_api
from tests.entrypoints.lambda_containers import Context, call, container

Json = dict[str, Any]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "lambda.md"
STATE_MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:cancel"


@pytest.fixture
def lambda_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    scopes = "orders:read orders:write orders:cancel orders:ship"
    with container(monkeypatch, ORDERKEEP_STORE="memory://", ORDERKEEP_IAM_SCOPES=scopes) as module:
        yield module


def documented(name: str) -> Json:
    found = re.search(rf"<!-- tested: {name} -->\n\n```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"the page has no {name}"
    document: Json = json.loads(found[1])
    return document


def executed(module: ModuleType, state: Json, execution: str = "run-7") -> tuple[str, Json]:
    """Execute the documented state machine; return the names of the states it went through, and its last state."""
    machine, path = documented("state machine"), []
    name = machine["StartAt"]
    while True:
        path.append(name)
        step = machine["States"][name]
        match step["Type"]:
            case "Task":
                context = {
                    "Execution": {"Name": execution},
                    "State": {"Name": name},
                    "StateMachine": {"Id": STATE_MACHINE},
                }
                payload = resolved(step["Parameters"], state, context)["Payload"]
                result = {"Payload": json.loads(json.dumps(module.handler(payload, Context())))}
                assert step["ResultPath"] == "$.response"
                state = {**state, "response": resolved(step["ResultSelector"], result, context)}
                name = step["Next"]
            case "Choice":
                name = next((rule["Next"] for rule in step["Choices"] if matches(rule, state)), step["Default"])
            case "Wait":
                name = step["Next"]
            case _:
                return " ".join(path), state


def resolved(template: Any, state: Json, context: Json) -> Any:
    if not isinstance(template, dict):
        return template
    return {
        name.removesuffix(".$"): evaluated(value, state, context)
        if name.endswith(".$")
        else resolved(value, state, context)
        for name, value in template.items()
    }


def evaluated(expression: str, state: Json, context: Json) -> Any:
    if intrinsic := re.fullmatch(r"States\.(\w+)\((.*)\)", expression):
        function, arguments = intrinsic[1], [part.strip() for part in intrinsic[2].split(",")]
        if function == "Format":
            values = [evaluated(argument, state, context) for argument in arguments[1:]]
            return arguments[0].strip("'").format(*values)
        [value] = [evaluated(argument, state, context) for argument in arguments]
        assert function in ("JsonToString", "StringToJson")
        return json.dumps(value) if function == "JsonToString" else json.loads(value)
    found: Any = context if expression.startswith("$$.") else state
    for part in expression.lstrip("$").strip(".").split("."):
        found = found[part]
    return found


def matches(rule: Json, state: Json) -> bool:
    value = evaluated(rule["Variable"], state, {})
    expected = rule["NumericEquals"] if "NumericEquals" in rule else rule["StringEquals"]
    return bool(value == expected)


def placed(module: ModuleType) -> str:
    order_id: str = call(module, http_api(Request.json("POST", "/orders", PLAIN))).json()["id"]
    return order_id


def test_the_documented_state_machine_cancels_an_order_once(lambda_handler: ModuleType) -> None:
    order_id = placed(lambda_handler)
    given = {"order_id": order_id, "cancellation": {"reason": "changed mind"}}
    path, state = executed(lambda_handler, given)
    assert (path, state["response"]["body"]["status"]) == ("Cancel Evaluate Cancelled", "cancelled")
    again, repeated = executed(lambda_handler, given)
    assert (again, repeated["response"]) == (path, state["response"])
    changes = call(lambda_handler, http_api(Request("GET", f"/orders/{order_id}/history"))).json()["data"]
    assert [change["actor"] for change in changes[1:]] == [f"staff:{STATE_MACHINE}"]
    assert changes[1]["order"]["cancellation"]["reason"] == "changed mind"


def test_the_documented_state_machine_recognizes_a_shipped_order(lambda_handler: ModuleType) -> None:
    order_id = placed(lambda_handler)
    for command in ("confirm", "ship"):
        assert call(lambda_handler, http_api(Request("POST", f"/orders/{order_id}/{command}"))).status == 200
    path, state = executed(lambda_handler, {"order_id": order_id, "cancellation": {}})
    assert (path, state["response"]["status"]) == ("Cancel Evaluate TooLate", 422)


def test_the_documented_state_machine_waits_for_the_store(
    lambda_handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = placed(lambda_handler)
    use_case = type(lambda_handler._use_cases.cancel_order)
    execute = use_case.execute

    async def fail_once(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(use_case, "execute", execute)
        raise StoreUnavailable("the cable is cut")

    monkeypatch.setattr(use_case, "execute", fail_once)
    path, _ = executed(lambda_handler, {"order_id": order_id, "cancellation": {}})
    assert path == "Cancel Evaluate Pause Cancel Evaluate Cancelled"


def test_the_documented_state_machine_fails_without_the_order(lambda_handler: ModuleType) -> None:
    path, state = executed(lambda_handler, {"order_id": "no such order", "cancellation": {}})
    assert (path, state["response"]["body"]["code"]) == ("Cancel Evaluate Failed", "order_not_found")


def test_the_documented_payload_authenticates_with_an_api_key(lambda_handler: ModuleType) -> None:
    payload = documented("payload with an API key")
    mine = call(lambda_handler, http_api(Request.json("POST", "/orders", {**PLAIN, "user_id": "user-42"}))).json()
    placed(lambda_handler)
    assert payload["headers"]["authorization"] == "Bearer API-KEY"
    assert call(lambda_handler, payload).status == 401
    created = lambda_handler._use_cases.create_api_key.execute("tests", user_id="user-42")
    key = lambda_handler.install_event_loop().run_until_complete(created).key
    listed = call(lambda_handler, {**payload, "headers": {"authorization": f"Bearer {key}"}})
    assert (listed.status, listed.json()["data"]) == (200, [mine])
