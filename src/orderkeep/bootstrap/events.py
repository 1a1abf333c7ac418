"""Opens the event publisher of a URL, and the reader of a DynamoDB stream."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import EventPublisher
from orderkeep.domain.exceptions import StoreUnusable


class InvalidEventsURL(ValueError):
    """The URL is not that of an event publisher."""

    code = "invalid_events_url"


def open_publisher(url: str) -> EventPublisher:
    """Return the publisher of a URL: `eventbridge://bus` with the options `region`, `endpoint` and `source`. Raises
    `InvalidEventsURL`, also if the extra package is not installed.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme != "eventbridge" or parts.fragment or options.keys() - {"region", "endpoint", "source"}:
        raise InvalidEventsURL(
            "the URL of the event bus is eventbridge://bus, optionally with ?region=…&endpoint=…&source=…"
        )
    try:
        from orderkeep.infrastructure.eventbridge import EventBridgePublisher

        return EventBridgePublisher(unquote(parts.netloc + parts.path), **options)
    except (ModuleNotFoundError, ValueError, StoreUnusable) as error:
        raise InvalidEventsURL(str(error)) from error


def stream_reader() -> Callable[[Mapping[str, Any]], ChangeDTO | None]:
    """Return a function that reads the change in a DynamoDB stream record, or returns None if it contains none. It
    raises `StoreUnusable` if a record cannot be read.
    """
    from orderkeep.infrastructure.dynamo_repo.items import change_of_record

    return change_of_record
