"""The routes of sample items."""

from fastapi import APIRouter, Response

from sample_service.domain.entities import SampleItem
from sample_service.entrypoints.api.dependencies import ExpectedVersion, IdempotencyKey, UseCasesOfApp
from sample_service.entrypoints.api.models import (
    ListParameters,
    PlaceSampleItemBody,
    SampleItemBody,
    SampleItemList,
)
from sample_service.entrypoints.api.problems import PROBLEMS

router = APIRouter(prefix="/sample-items", tags=["sample items"], responses=PROBLEMS)


@router.post("", status_code=201, summary="Place a sample item")
async def place_sample_item(
    body: PlaceSampleItemBody,
    use_cases: UseCasesOfApp,
    response: Response,
    key: IdempotencyKey = None,
) -> SampleItemBody:
    """Place a sample item. A repeated request with the same key returns the sample item of the first one."""
    return _body_of(await use_cases.place_sample_item.execute(body.to_command(), key), response)


@router.get("", summary="List sample items")
async def list_sample_items(query: ListParameters, use_cases: UseCasesOfApp) -> SampleItemList:
    """List sample items, newest first."""
    page = await use_cases.list_sample_items.execute(query.status, limit=query.limit, cursor=query.cursor)
    data = [SampleItemBody.model_validate(each) for each in page.sample_items]
    return SampleItemList(data=data, next_cursor=page.next_cursor)


@router.get("/{sample_item_id}", summary="Get a sample item")
async def get_sample_item(
    sample_item_id: str,
    use_cases: UseCasesOfApp,
    response: Response,
) -> SampleItemBody:
    """Get a sample item."""
    return _body_of(await use_cases.get_sample_item.execute(sample_item_id), response)


def _body_of(sample_item: SampleItem, response: Response) -> SampleItemBody:
    response.headers["ETag"] = f'"{sample_item.version}"'
    return SampleItemBody.model_validate(sample_item)


@router.post("/{sample_item_id}/confirm", summary="Confirm a sample item")
async def confirm_sample_item(
    sample_item_id: str,
    use_cases: UseCasesOfApp,
    response: Response,
    version: ExpectedVersion,
) -> SampleItemBody:
    """Confirm a sample item."""
    return _body_of(await use_cases.confirm_sample_item.execute(sample_item_id, version), response)


@router.post("/{sample_item_id}/cancel", summary="Cancel a sample item")
async def cancel_sample_item(
    sample_item_id: str,
    use_cases: UseCasesOfApp,
    response: Response,
    version: ExpectedVersion,
) -> SampleItemBody:
    """Cancel a sample item."""
    return _body_of(await use_cases.cancel_sample_item.execute(sample_item_id, version), response)
