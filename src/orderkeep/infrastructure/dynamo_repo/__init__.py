"""Orders in one DynamoDB table: for Lambda, and for any scale."""

from orderkeep.infrastructure.dynamo_repo.repository import DynamoOrderRepository

__all__ = ["DynamoOrderRepository"]
