"""The article's infrastructure/dynamo_repo.py as printed, import lines aside."""

# fmt: off
# ruff: noqa: I001
# mypy: ignore-errors
from tests.article import boto3_fake as boto3
from orderkeep.domain.repositories import OrderRepository
from orderkeep.domain.entities import Order
class DynamoOrderRepository(OrderRepository):
    def __init__(self, table_name: str):
        self.table = boto3.resource("dynamodb").Table(table_name)
    async def get_by_id(self, order_id: str) -> Order | None:
        resp = self.table.get_item(Key={"id": order_id})
        item = resp.get("Item")
        if not item:
            return None
        return Order(**item)
    async def save(self, order: Order) -> None:
        self.table.put_item(Item=vars(order))
