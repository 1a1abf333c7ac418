"""The checker of the kill test finds responses and orders that do not agree: it can fail."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.keyed_writers import Acknowledged
from tests.faults.loss_checker import KeptChange, KeptOrder, complaints


def order(reference: str, version: int, status: str) -> dict[str, Any]:
    return {"id": f"id-{reference}", "external_ref": reference, "version": version, "status": status}


A1 = [order("a1", 1, "pending"), order("a1", 2, "processing"), order("a1", 3, "cancelled")]
B2 = [order("b2", 1, "pending")]

TOLD = [
    Acknowledged("a1", "place", 201, 201, A1[0]),
    Acknowledged("a1", "confirm", 200, 200, A1[1]),
    Acknowledged("a1", "cancel", 200, 200, A1[2]),
    Acknowledged("b2", "place", 201, 201, B2[0]),
    Acknowledged("b2", "ship", 422, 422, {"detail": "not yet"}),
]


def keep(*states: dict[str, Any]) -> KeptOrder:
    return KeptOrder(states[-1], [KeptChange(state["version"], state) for state in states])


def an_order_is_gone(told: list[Acknowledged]) -> list[KeptOrder]:
    return [keep(*A1)]


def the_cancel_is_gone(told: list[Acknowledged]) -> list[KeptOrder]:
    return [keep(*A1[:2]), keep(*B2)]


def the_cancel_is_undone(told: list[Acknowledged]) -> list[KeptOrder]:
    return [keep(*A1, order("a1", 4, "shipped")), keep(*B2)]


def the_order_was_written_and_its_change_not(told: list[Acknowledged]) -> list[KeptOrder]:
    return [replace(keep(*A1), changes=keep(*A1[:2]).changes), keep(*B2)]


def the_change_was_written_and_the_order_not(told: list[Acknowledged]) -> list[KeptOrder]:
    return [replace(keep(*A1), order=A1[1]), keep(*B2)]


def there_is_no_history(told: list[Acknowledged]) -> list[KeptOrder]:
    return [keep(*A1), replace(keep(*B2), changes=[])]


def a_change_in_the_middle_is_gone(told: list[Acknowledged]) -> list[KeptOrder]:
    return [keep(A1[0], A1[2]), keep(*B2)]


def something_else_was_kept(told: list[Acknowledged]) -> list[KeptOrder]:
    return [keep(A1[0], {**A1[1], "status": "shipped"}, A1[2]), keep(*B2)]


def one_key_made_two_orders(told: list[Acknowledged]) -> list[KeptOrder]:
    return [keep(*A1), keep(*B2), keep({**B2[0], "id": "id-c3"})]


def one_key_was_answered_with_two_orders(told: list[Acknowledged]) -> list[KeptOrder]:
    told.append(replace(told[3], answer={**B2[0], "id": "id-c3"}))
    return [keep(*A1), keep(*B2)]


def a_request_had_two_effects(told: list[Acknowledged]) -> list[KeptOrder]:
    return [keep(*A1), keep(*B2, order("b2", 2, "processing"))]


def an_order_came_from_nowhere(told: list[Acknowledged]) -> list[KeptOrder]:
    return [keep(*A1), keep(*B2), keep(order("d4", 1, "pending"))]


def a_request_was_answered_wrongly(told: list[Acknowledged]) -> list[KeptOrder]:
    told[4] = replace(told[4], status=500)
    return [keep(*A1), keep(*B2)]


COMPLAINTS: dict[Callable[[list[Acknowledged]], list[KeptOrder]], str] = {
    an_order_is_gone: "b2: the order was acknowledged and is missing",
    the_cancel_is_gone: "a1: cancel was acknowledged and is missing",
    the_cancel_is_undone: "a1: the cancel was acknowledged, and the order is shipped",
    the_order_was_written_and_its_change_not: "a1: the order differs from its last change",
    the_change_was_written_and_the_order_not: "a1: the order differs from its last change",
    there_is_no_history: "b2: the order differs from its last change",
    a_change_in_the_middle_is_gone: "a1: its history has the versions [1, 3]",
    something_else_was_kept: "a1: confirm was acknowledged, and something else was kept",
    one_key_made_two_orders: "b2: 2 orders for one key",
    one_key_was_answered_with_two_orders: "b2: the order was acknowledged and is missing",
    a_request_had_two_effects: "b2: 2 changes for 1 requests that were accepted",
    an_order_came_from_nowhere: "d4: an order that nobody was told of",
    a_request_was_answered_wrongly: "b2: ship was answered 500, not 422: {'detail': 'not yet'}",
}


def test_reports_nothing_if_all_acknowledged_changes_are_stored() -> None:
    assert list(complaints(TOLD, [keep(*A1), keep(*B2)])) == []


@pytest.mark.parametrize("damage", COMPLAINTS)
def test_complains_when(damage: Callable[[list[Acknowledged]], list[KeptOrder]]) -> None:
    told = list(TOLD)
    kept = damage(told)
    assert COMPLAINTS[damage] in list(complaints(told, kept))
