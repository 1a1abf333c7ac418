"""What the table's stream (DynamoDB Streams, with new images) says of orders."""

from collections.abc import Mapping
from typing import Any

from orderkeep.application.dtos import ChangeDTO
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.dynamo_repo.items import built, change_of_item
from orderkeep.infrastructure.dynamo_repo.keys import is_change_key

VIEWS = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
"""The kinds of streams that hold what we need."""

NOT_OURS = "this record is not of a table of orders"
NO_IMAGE = "this record does not hold the change itself: the table's stream must be one of new images (NEW_IMAGE)"
ALTERED = "the change does not match its hash: it was not written by orderkeep, or altered on its way"


def change_of_record(record: Mapping[str, Any]) -> ChangeDTO | None:
    """Return the change that a record tells of; None where it tells of something else: an order's state, a tag, the
    feed, or a change that was given its position in the feed. Raises `StoreUnusable` where it cannot be read.
    """
    try:
        name, told = record["eventName"], record["dynamodb"]
        is_new_change = name == "INSERT" and is_change_key(told["Keys"]["pk"]["S"], told["Keys"]["sk"]["S"])
    except (LookupError, TypeError, AttributeError) as error:
        raise StoreUnusable(NOT_OURS) from error
    if not is_new_change:
        return None
    if "NewImage" not in told:
        raise StoreUnusable(NO_IMAGE)
    change = built(change_of_item, [told["NewImage"]])[0]
    if not change.intact:
        raise StoreUnusable(ALTERED)
    return change
