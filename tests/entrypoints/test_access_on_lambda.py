"""Another customer's row of the matrix, through Lambda: a foreign order is one that is not there, by each kind of
event, over each store.
"""

from __future__ import annotations

from collections.abc import Awaitable
from types import ModuleType
from typing import Any, TypeVar

import pytest

from orderkeep.testing.orders import place_command
from tests.entrypoints.lambda_calls import KINDS, Answered, Request
from tests.entrypoints.lambda_containers import call, container
from tests.entrypoints.test_access_matrix import OF_ONE_ORDER, OPERATIONS, OWNER, PARTS, ROWS, STRANGER

T = TypeVar("T")


@pytest.mark.parametrize("kind", KINDS)
def test_other_customers_order_gets_the_response_of_an_unknown_id(
    kind: str, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with container(monkeypatch, ORDERKEEP_STORE=store_url, ORDERKEEP_AUTH="keys") as module:
        owner, stranger = key_of(module, OWNER), key_of(module, STRANGER)
        placed = run(module, module._use_cases.place_order.execute(place_command(user_id=OWNER)))
        issued = run(module, module._use_cases.issue_receipt.execute(placed.order.id))
        given = {**PARTS, "order_id": placed.order.id, "document_id": issued.document.id}
        assert ask(module, kind, "get_document", given, owner).status == 200
        for name in OF_ONE_ORDER:
            foreign = ask(module, kind, name, given, stranger)
            unknown = ask(module, kind, name, {**given, "order_id": "no-such-order"}, stranger)
            assert foreign.status == 404, name
            assert told(foreign) == told(unknown), name
        assert ask(module, kind, "list_orders", given, stranger).json()["data"] == []
        assert ask(module, kind, "delete_order", given, owner).json() == {"status": "cancelled"}


def ask(module: ModuleType, kind: str, name: str, given: dict[str, str], key: str) -> Answered:
    method, path = OPERATIONS[name]
    shown = (("Authorization", f"Bearer {key}"),)
    request = Request(method, path.format(**given), shown)
    if ROWS[name].body:
        request = Request.json(method, path.format(**given), ROWS[name].body, Authorization=shown[0][1])
    return call(module, KINDS[kind](request))


def key_of(module: ModuleType, user_id: str) -> str:
    key: str = run(module, module._use_cases.create_api_key.execute("tests", user_id=user_id)).key
    return key


def run(module: ModuleType, work: Awaitable[T]) -> T:
    done: T = module.install_event_loop().run_until_complete(work)
    return done


def told(answer: Answered) -> tuple[int, dict[str, Any], dict[str, str]]:
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status, body, {name: value for name, value in answer.headers.items() if name != "x-request-id"}
