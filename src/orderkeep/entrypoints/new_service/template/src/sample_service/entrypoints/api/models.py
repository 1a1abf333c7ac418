"""The bodies of requests and responses."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from sample_service.application.dtos import PlaceSampleItem
from sample_service.application.use_cases.list_sample_items import DEFAULT_PAGE, LARGEST_PAGE
from sample_service.domain.lifecycle import SampleItemStatus
from sample_service.domain.limits import MAX_NAME_LENGTH


class PlaceSampleItemBody(BaseModel):
    """A new sample item. Unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=MAX_NAME_LENGTH, examples=["Example"])

    def to_command(self) -> PlaceSampleItem:
        """Return the input of the use case."""
        return PlaceSampleItem(self.name)


class SampleItemBody(BaseModel):
    """A sample item."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    status: SampleItemStatus
    created_at: datetime
    updated_at: datetime
    version: int


class SampleItemList(BaseModel):
    """A page of sample items, newest first, and the cursor of the next page, if there is one."""

    data: list[SampleItemBody]
    next_cursor: str | None


class ListQuery(BaseModel):
    """The query of a list. Unknown parameters are rejected."""

    model_config = ConfigDict(extra="forbid")

    status: SampleItemStatus | None = None
    limit: int = Field(DEFAULT_PAGE, ge=1, le=LARGEST_PAGE)
    cursor: str | None = Field(None, description="The next_cursor of the previous page.")


ListParameters = Annotated[ListQuery, Query()]
