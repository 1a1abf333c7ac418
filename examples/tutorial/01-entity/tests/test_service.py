"""The routes. The rules are tested in test_order.py."""

from httpx import ASGITransport, AsyncClient

from service import app

client = AsyncClient(transport=ASGITransport(app), base_url="http://service")


async def place() -> str:
    order_id: str = (await client.post("/orders", json={"user_id": "user-42", "total": 9900})).json()["id"]
    return order_id


async def test_placed_order_can_be_read() -> None:
    response = await client.post("/orders", json={"user_id": "user-42", "total": 9900})
    assert response.status_code == 201
    assert (await client.get(f"/orders/{response.json()['id']}")).json() == response.json()


async def test_cancelled_order_stays_cancelled() -> None:
    order_id = await place()
    assert (await client.delete(f"/orders/{order_id}")).json() == {"status": "cancelled"}
    assert (await client.get(f"/orders/{order_id}")).json()["status"] == "cancelled"


async def test_shipped_order_stays_shipped() -> None:
    order_id = await place()
    assert (await client.post(f"/orders/{order_id}/ship")).json() == {"status": "shipped"}
    assert (await client.get(f"/orders/{order_id}")).json()["status"] == "shipped"


async def test_rejection_is_422_with_its_reason() -> None:
    order_id = await place()
    await client.delete(f"/orders/{order_id}")
    cancelled_twice = await client.delete(f"/orders/{order_id}")
    assert cancelled_twice.status_code == 422
    assert cancelled_twice.json()["detail"] == "Order cannot be cancelled: it is cancelled"
    assert (await client.post(f"/orders/{order_id}/ship")).status_code == 422
    assert (await client.post("/orders", json={"user_id": "user-42", "total": -1})).status_code == 422


async def test_unknown_order_is_not_found() -> None:
    assert (await client.get("/orders/no-such-order")).status_code == 404
    assert (await client.delete("/orders/no-such-order")).status_code == 404
    assert (await client.post("/orders/no-such-order/ship")).status_code == 404
