"""The article's entrypoints/api/orders.py as printed, import lines aside."""

# fmt: off
# ruff: noqa: B008, B904, I001
# mypy: ignore-errors
from fastapi import APIRouter, Depends, HTTPException
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from tests.article.dynamo_repo import DynamoOrderRepository
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.lifecycle import CannotCancelOrder
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
