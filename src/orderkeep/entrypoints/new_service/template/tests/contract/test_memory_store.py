"""The in-memory store keeps the contract."""

import pytest

from sample_service.application.ports import SampleItemStore
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from tests.contract.contract import StoreContract
from tests.contract.outbox import OutboxContract  # with: webhooks


class TestMemoryStore(StoreContract, OutboxContract):  # with: webhooks: , OutboxContract
    @pytest.fixture
    def store(self) -> SampleItemStore:
        return InMemorySampleItemRepository()
