"""DynamoDB and the in-memory store give the same results for the same random calls (Hypothesis)."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap.stores import open_store
from tests.contract.side_by_side import SideBySide
from tests.servers.dynamodb import Server


def test_dynamodb_behaves_as_memory(dynamodb: Server) -> None:
    class DynamoBesideMemory(SideBySide):
        def open_store(self) -> OrderStore:
            self.url = self.runner.run(dynamodb.new_url())
            return open_store(self.url)

        async def reopened(self, store: OrderStore) -> OrderStore:
            await store.close()
            return open_store(self.url)

    run_state_machine_as_test(DynamoBesideMemory, settings=settings(max_examples=25, stateful_step_count=30))
