"""The API key contract on DynamoDB Local."""

from collections.abc import AsyncIterator

import pytest

from orderkeep.application.access.api_keys import ApiKeyStore
from orderkeep.infrastructure.dynamo_repo import DynamoOrderRepository
from orderkeep.testing import ApiKeyStoreContract
from tests.servers.dynamodb import REGION, Server


class TestDynamoApiKeys(ApiKeyStoreContract):
    @pytest.fixture
    async def keys(self, dynamodb: Server) -> AsyncIterator[ApiKeyStore]:
        store = DynamoOrderRepository(await dynamodb.new_table(), region=REGION, endpoint=dynamodb.endpoint)
        yield store.api_keys()
        await store.close()
