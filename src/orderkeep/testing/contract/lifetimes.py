"""A store answers while it is open, and says so once it is not."""

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.testing.orders import pending_order


class LifetimeContract:
    """What `ping` and `close` promise."""

    async def test_answers_a_ping(self, store: OrderStore) -> None:
        await store.ping()
        await store.save(pending_order())
        await store.ping()

    async def test_may_be_closed_twice(self, store: OrderStore) -> None:
        await store.save(pending_order())
        await store.close()
        await store.close()

    async def test_keeps_nothing_once_it_is_closed(self, store: OrderStore) -> None:
        order = pending_order()
        await store.close()
        with pytest.raises(StoreUnavailable):
            await store.save(order)
        with pytest.raises(StoreUnavailable):
            await store.ping()
        assert (order.version, len(order.events)) == (0, 1)
