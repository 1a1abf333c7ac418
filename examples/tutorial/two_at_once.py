"""Send two requests at the same time, for each of 20 orders: cancel it, and ship it. Only one may succeed.

Run it in the folder of a chapter. It calls the service there, without a socket, and delays each result of the database
by 5 ms, as if the database were on another machine.
"""

import asyncio
import sqlite3
import sys
import time
from functools import partial
from typing import Any

import httpx

ORDERS = 20


class DistantDatabase(sqlite3.Connection):
    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        result = super().execute(sql, parameters)
        if sql.startswith("SELECT"):
            time.sleep(0.005)
        return result


async def count() -> int:
    """Return for how many orders both requests succeeded."""
    from service import app

    both = 0
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        for number in range(ORDERS):
            placed = await client.post("/orders", json={"user_id": f"user-{number}", "total": 9900})
            path = f"/orders/{placed.json()['id']}"
            cancelled, shipped = await asyncio.gather(client.delete(path), client.post(f"{path}/ship"))
            both += cancelled.is_success and shipped.is_success
    return both


if __name__ == "__main__":
    sys.path.insert(0, ".")
    sqlite3.connect = partial(sqlite3.connect, factory=DistantDatabase)  # type: ignore[assignment]
    print(f"cancelled and shipped: {asyncio.run(count())} of {ORDERS} orders")
