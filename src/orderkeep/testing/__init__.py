"""Hold any store to the contract: `OrderStoreContract` for pytest, and `workloads` that need no pytest at all.

    class TestMyStore(OrderStoreContract):
        @pytest.fixture
        async def store(self) -> AsyncIterator[OrderStore]:
            store = MyStore(...)  # empty
            yield store
            await store.close()

`orderkeep.testing.orders` builds orders of which no two fields are equal.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orderkeep.testing.contract import OrderStoreContract

__all__ = ["OrderStoreContract"]


def __getattr__(name: str) -> object:
    if name != "OrderStoreContract":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest  # only here: a command that runs the workloads does without

    pytest.register_assert_rewrite("orderkeep.testing.contract")
    from orderkeep.testing.contract import OrderStoreContract

    return OrderStoreContract
