"""All tests need a database: the rules are between the SQL."""

from httpx import ASGITransport, AsyncClient

from service import app

client = AsyncClient(transport=ASGITransport(app), base_url="http://service")


async def place() -> str:
    order_id: str = (await client.post("/orders", json={"user_id": "user-42", "total": 9900})).json()["id"]
    return order_id


async def test_place_returns_pending_order() -> None:
    response = await client.post("/orders", json={"user_id": "user-42", "total": 9900})
    assert response.status_code == 201
    assert response.json()["status"] == "pending"
    assert (await client.get(f"/orders/{response.json()['id']}")).json() == response.json()


async def test_place_rejects_negative_total() -> None:
    response = await client.post("/orders", json={"user_id": "user-42", "total": -1})
    assert response.status_code == 422
    assert response.json()["detail"] == "The total must not be negative"


async def test_cancel_pending_order() -> None:
    order_id = await place()
    assert (await client.delete(f"/orders/{order_id}")).json() == {"status": "cancelled"}
    assert (await client.get(f"/orders/{order_id}")).json()["status"] == "cancelled"


async def test_cancel_rejects_shipped_order() -> None:
    order_id = await place()
    assert (await client.post(f"/orders/{order_id}/ship")).json() == {"status": "shipped"}
    response = await client.delete(f"/orders/{order_id}")
    assert response.status_code == 422
    assert response.json()["detail"] == "Order cannot be cancelled: it is shipped"


async def test_ship_rejects_cancelled_order() -> None:
    order_id = await place()
    await client.delete(f"/orders/{order_id}")
    response = await client.post(f"/orders/{order_id}/ship")
    assert response.status_code == 422
    assert response.json()["detail"] == "Order cannot be shipped: it is cancelled"


async def test_unknown_order_is_not_found() -> None:
    assert (await client.get("/orders/no-such-order")).status_code == 404
    assert (await client.delete("/orders/no-such-order")).status_code == 404
    assert (await client.post("/orders/no-such-order/ship")).status_code == 404
