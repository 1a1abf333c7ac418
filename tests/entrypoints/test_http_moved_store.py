"""HTTP on a store whose orders are being moved: writes are rejected for now, reads go on."""

from orderkeep.bootstrap import build_use_cases
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order
from tests.entrypoints.http_calls import http_client

ORDER = {"user_id": "u", "total": 100, "currency": "EUR"}


async def test_writes_are_rejected_and_reads_go_on() -> None:
    store = InMemoryOrderRepository([small_order("order-1")])
    await store.fence()
    async with http_client(build_use_cases(store)) as client:
        for path, body in (
            ("/orders", ORDER),
            ("/orders/order-1/confirm", None),
            ("/webhooks", {"url": "http://127.0.0.1:9/hook"}),
        ):
            rejected = await client.post(path, json=body, headers={"Idempotency-Key": "k"})
            assert (rejected.status_code, rejected.json()["code"]) == (503, "store_moved"), rejected.text
            assert rejected.headers["Retry-After"] == "1"
            assert "nothing was changed" in rejected.json()["detail"]
        assert (await client.get("/orders/order-1")).json()["version"] == 1
        assert (await client.get("/readyz")).status_code == 200
        await store.lift_fence()
        placed = await client.post("/orders", json=ORDER, headers={"Idempotency-Key": "k"})
        assert (placed.status_code, "Idempotency-Replayed" in placed.headers) == (201, False)
