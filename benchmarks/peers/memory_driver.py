"""A dict in place of the memory store, for stores.py: what use cases cost where keeping costs nothing."""

from orderkeep.infrastructure.serialization import Commit


class Driver:
    """Dicts and lists."""

    def __init__(self, _url: str) -> None:
        self.orders: dict[str, bytes] = {}
        self.changes: list[bytes] = []

    async def open(self) -> None:
        return None

    def prepare(self, commit: Commit) -> Commit:
        self.orders.setdefault(commit.order.id, commit.order.document)
        return commit

    async def get(self, order_id: str) -> bytes | None:
        return self.orders.get(order_id)

    async def page(self, size: int) -> int:
        return len([self.orders[order_id] for order_id in sorted(self.orders, reverse=True)[:size]])

    async def place(self, commit: Commit) -> None:
        self.orders[commit.order.id] = commit.order.document
        self.changes.append(commit.change.document)

    async def cancel(self, commit: Commit) -> None:
        self.orders.get(commit.order.id)
        await self.place(commit)

    async def close(self) -> None:
        self.orders.clear()
