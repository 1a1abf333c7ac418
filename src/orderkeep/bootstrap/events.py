"""From the URL of the events to what publishes them; and what reads changes from the stream of a table."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.event_publisher import EventPublisher
from orderkeep.domain.exceptions import StoreUnusable


class InvalidEventsURL(ValueError):
    """The URL names nothing that events could be published to."""


def open_publisher(url: str) -> EventPublisher:
    """Return the publisher that a URL names: `memory://`, or `eventbridge://bus`, with `?region=`, `&endpoint=` and
    `&source=` if need be. Raises `InvalidEventsURL`.
    """
    if url == "memory://":
        from orderkeep.infrastructure.memory_publisher import InMemoryEventPublisher

        return InMemoryEventPublisher()
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme != "eventbridge" or parts.fragment or options.keys() - {"region", "endpoint", "source"}:
        raise InvalidEventsURL("the URL of the events is eventbridge://bus, with ?region=…, &endpoint=…, &source=…")
    try:
        from orderkeep.infrastructure.eventbridge import EventBridgePublisher

        return EventBridgePublisher(unquote(parts.netloc + parts.path), **options)
    except (ModuleNotFoundError, ValueError, StoreUnusable) as error:
        raise InvalidEventsURL(str(error)) from error


def stream_reader() -> Callable[[Mapping[str, Any]], ChangeDTO | None]:
    """Return what tells which change a record of a DynamoDB table's stream is: None where it is none. It raises
    `StoreUnusable` where a record cannot be read. Raises `InvalidEventsURL` where the extra for it is missing.
    """
    try:
        from orderkeep.infrastructure.dynamo_repo.stream import change_of_record
    except ModuleNotFoundError as error:
        raise InvalidEventsURL(str(error)) from error
    return change_of_record
