"""The article's order service on Lambda, as printed: mangum with its default lifespan, and a boto3 resource that each
request makes anew.

Its files stand one after the other, so that imports between them fall away. Completed is `domain/exceptions.py`, which
it imports and does not print. Its `save` works on orders that boto3 has read; cold_start.py puts them there, since the
article's own, with `99.0` and `datetime.now()`, boto3 refuses.
"""

# fmt: off
# mypy: ignore-errors
# ruff: noqa: B008, B904, E402, I001, UP

# domain/exceptions.py, not printed
class OrderNotFound(Exception): ...
class CannotCancelOrder(Exception): ...

# domain/entities.py
from dataclasses import dataclass
from datetime import datetime
@dataclass
class Order:
    id: str
    user_id: str
    total: float
    status: str
    created_at: datetime
    def can_be_cancelled(self) -> bool:
        return self.status in ("pending", "processing")

# domain/repositories.py
from abc import ABC, abstractmethod
class OrderRepository(ABC):
    @abstractmethod
    async def get_by_id(self, order_id: str) -> Order | None: ...
    @abstractmethod
    async def save(self, order: Order) -> None: ...

# application/use_cases.py
class CancelOrderUseCase:
    def __init__(self, repo: OrderRepository):
        self.repo = repo
    async def execute(self, order_id: str) -> None:
        order = await self.repo.get_by_id(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        if not order.can_be_cancelled():
            raise CannotCancelOrder(order.status)
        order.status = "cancelled"
        await self.repo.save(order)

# infrastructure/dynamo_repo.py
import boto3
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

# entrypoints/api/orders.py
from fastapi import APIRouter, Depends, HTTPException
import os
router = APIRouter(prefix="/orders")
def get_cancel_use_case() -> CancelOrderUseCase:
    repo = DynamoOrderRepository(os.environ["ORDERS_TABLE"])
    return CancelOrderUseCase(repo)
@router.delete("/{order_id}")
async def cancel_order(
    order_id: str,
    use_case: CancelOrderUseCase = Depends(get_cancel_use_case),
):
    try:
        await use_case.execute(order_id)
        return {"status": "cancelled"}
    except OrderNotFound:
        raise HTTPException(404, "Order not found")
    except CannotCancelOrder as e:
        raise HTTPException(422, str(e))

# entrypoints/lambda_handler.py
from mangum import Mangum
from fastapi import FastAPI
app = FastAPI()
app.include_router(router)
handler = Mangum(app) # AWS Lambda entry point
