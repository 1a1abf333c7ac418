"""Hold any store to the contract: `OrderStoreContract` for pytest, and `workloads` that need no pytest at all.

    class TestMyStore(OrderStoreContract):
        @pytest.fixture
        async def store(self) -> AsyncIterator[OrderStore]:
            store = MyStore(...)  # empty
            yield store
            await store.close()

`DocumentStoreContract` does the same for a document store, given as a fixture `documents`, and `ApiKeyStoreContract`
for a store of API keys, given as a fixture `keys`.
`orderkeep.testing.orders` builds orders of which no two fields are equal.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orderkeep.testing.api_key_contract import ApiKeyStoreContract
    from orderkeep.testing.contract import OrderStoreContract
    from orderkeep.testing.documents import DocumentStoreContract

__all__ = ["ApiKeyStoreContract", "DocumentStoreContract", "OrderStoreContract"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest  # only here: a command that runs the workloads does without

    rewritten = ("api_key_contract", "contract", "documents")
    pytest.register_assert_rewrite(*(f"orderkeep.testing.{module}" for module in rewritten))
    if name == "ApiKeyStoreContract":
        from orderkeep.testing.api_key_contract import ApiKeyStoreContract

        return ApiKeyStoreContract
    if name == "DocumentStoreContract":
        from orderkeep.testing.documents import DocumentStoreContract

        return DocumentStoreContract
    from orderkeep.testing.contract import OrderStoreContract

    return OrderStoreContract
