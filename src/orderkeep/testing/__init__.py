"""Contract suites for pytest: derive from one, and add a fixture that opens your empty store.

    class TestMyStore(OrderStoreContract):
        @pytest_asyncio.fixture
        async def store(self) -> AsyncIterator[OrderStore]:
            store = MyStore(...)
            yield store
            await store.close()

`DocumentStoreContract` needs a fixture `documents`, `ApiKeyStoreContract` a fixture `keys`, `RecordStoreContract` a
fixture `records`, and `ProjectionContract` a fixture `store` that keeps records. The tests are marked
`asyncio`; an asynchronous fixture needs `pytest_asyncio.fixture`, unless `asyncio_mode` is `auto`.
"""

import pytest

pytest.register_assert_rewrite(
    *(
        f"{__name__}.{module}"
        for module in (
            "api_keys",
            "documents",
            "lists",
            "personal_data",
            "projections",
            "races",
            "reads",
            "records",
            "saves",
            "searches",
        )
    )
)

from orderkeep.testing.api_keys import ApiKeyStoreContract  # noqa: E402
from orderkeep.testing.documents import DocumentStoreContract  # noqa: E402
from orderkeep.testing.lists import ListContract  # noqa: E402
from orderkeep.testing.personal_data import PersonalDataContract  # noqa: E402
from orderkeep.testing.projections import ProjectionContract  # noqa: E402
from orderkeep.testing.races import RaceContract  # noqa: E402
from orderkeep.testing.reads import ReadContract  # noqa: E402
from orderkeep.testing.records import RecordStoreContract  # noqa: E402
from orderkeep.testing.saves import ConcurrencyContract, SaveContract  # noqa: E402
from orderkeep.testing.searches import SearchContract  # noqa: E402

__all__ = [
    "ApiKeyStoreContract",
    "DocumentStoreContract",
    "OrderStoreContract",
    "ProjectionContract",
    "RecordStoreContract",
]


class OrderStoreContract(
    SaveContract, ReadContract, ListContract, PersonalDataContract, SearchContract, ConcurrencyContract, RaceContract
):
    """Derive from it, and add a fixture `store`: an empty store, opened for each test and closed after it."""

    pytestmark = pytest.mark.asyncio
