"""Clocks that are wrong: before 1970, or set back between two changes of an order."""

from dataclasses import replace
from datetime import UTC, datetime

from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.place_order import PlaceOrderUseCase
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.stores import open_store
from tests.entrypoints.http_calls import http_client, placed

BEFORE_1970 = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
EARLIER = datetime(1901, 2, 3, 4, 5, 6, 7, tzinfo=UTC)


async def test_clock_before_1970_and_set_back_is_accepted(store_url: str) -> None:
    store = open_store(store_url)
    use_cases = replace(
        build_use_cases(store),
        place_order=PlaceOrderUseCase(repo=store, history=store, clock=lambda: BEFORE_1970),
        confirm_order=ConfirmOrderUseCase(repo=store, history=store, clock=lambda: EARLIER),
        cancel_order=CancelOrderUseCase(repo=store, history=store, clock=lambda: datetime(2001, 1, 1, tzinfo=UTC)),
    )
    async with http_client(use_cases) as client:
        order = await placed(client)
        path = f"/orders/{order['id']}"
        assert order["created_at"] == "1969-12-31T23:59:59.999999Z"
        confirmed = (await client.post(f"{path}/confirm")).json()
        assert (confirmed["status"], confirmed["updated_at"]) == ("processing", order["created_at"])
        assert (await client.delete(path)).json() == {"status": "cancelled"}
        [listed] = (await client.get("/orders")).json()["data"]
        assert listed["updated_at"] == "2001-01-01T00:00:00Z"
        history = (await client.get(f"{path}/history")).json()["data"]
        assert [change["version"] for change in history] == [1, 2, 3]
        assert (await use_cases.verify_orders.execute()).problems == []
    await store.close()
