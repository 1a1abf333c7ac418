"""The exceptions of the application layer: what is wrong with a request, not with an order."""

from dataclasses import dataclass

from orderkeep.domain.exceptions import (
    Conflict,
    InvalidInput,
    OrderkeepError,
    OrderNotFound,
    ServiceUnavailable,
    VersionMismatch,
)


class UnknownFormat(InvalidInput, code="unknown_format", title="Unknown document format"):
    """The document format does not exist, or its package is not installed."""


class UnknownScope(InvalidInput, code="unknown_scope", title="Unknown scope"):
    """The scope does not exist."""


class ScopesMissing(InvalidInput, code="scopes_missing", title="Scope required"):
    """A staff API key needs at least one scope."""


class ScopesNotTaken(InvalidInput, code="scopes_not_taken", title="Scopes not allowed"):
    """A customer's API key has no scopes: all customers have the same permissions."""


class ExpiryPassed(InvalidInput, code="expiry_passed", title="Expiry in the past"):
    """The API key would already have expired."""


class InvalidQuery(OrderkeepError, ValueError, code="invalid_query", title="Invalid query parameter"):
    """A query parameter is wrong; `parameter` names it."""

    def __init__(self, message: str, parameter: str = "", other: str = "") -> None:
        super().__init__(message)
        self.parameter, self.other = parameter, other  # another one that the message names


class InvalidCursor(InvalidQuery, code="invalid_cursor", title="Invalid cursor"):
    """The cursor is damaged, or belongs to another list or other filters."""

    def __init__(self) -> None:
        message = "is not valid for this list and these filters: use the next_cursor of the previous page, or omit it"
        super().__init__(message, "cursor")


class UnsupportedFilter(InvalidQuery, code="unsupported_filter", title="Filter not supported"):
    """No index covers this filter, or these filters together, in any store; or this store cannot find IDs by their
    beginning.
    """


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """The fields by which a person distinguishes orders. `total` is in minor units."""

    id: str
    status: str
    total: int
    currency: str
    user_id: str
    external_ref: str | None
    created_at: str


class AmbiguousOrder(OrderkeepError, LookupError, code="ambiguous_order", title="More than one order matches"):
    """An ID prefix or an external reference matches several orders: `candidates`, and others if `has_more`."""

    def __init__(self, found: tuple[OrderSummary, ...], most: int) -> None:
        self.candidates, self.has_more = found[:most], len(found) > most
        count = f"more than {most}" if self.has_more else len(found)
        super().__init__(f"{count} orders match: use the whole ID of one")


class NoOrderMatches(OrderNotFound):
    """No order that the actor may see matches. `not_tried` says why its ID prefix was not looked up, if it was not."""

    def __init__(self, text: str, not_tried: str = "") -> None:
        super().__init__(text)
        beginning = f"; {not_tried}" if not_tried else ", or an ID that begins like this"
        self.args = (f"Order not found: no order has this ID or external reference{beginning}",)


class NotAuthenticated(OrderkeepError, code="not_authenticated", title="Authentication required"):
    """The request has no credentials."""

    def __init__(self) -> None:
        super().__init__("credentials are missing: send Authorization: Bearer with an API key or an access token")


class InvalidCredentials(OrderkeepError, code="invalid_credentials", title="Invalid credentials"):
    """The credentials are unknown, malformed, expired or revoked; the response is the same for each."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or "the credentials are not valid: use an active API key or an unexpired access token")


class NotAllowed(OrderkeepError, code="not_allowed", title="Insufficient scope"):
    """The actor lacks a scope; `scope` names it. Nothing was changed. Customers cannot have scopes."""

    def __init__(self, scope: str, *, is_customer: bool = False) -> None:
        allowed = "customers can read and cancel their own orders, request returns and issue receipts"
        of_staff = f"only staff can do this: {allowed}"
        super().__init__(of_staff if is_customer else f"this operation requires the scope {scope}")
        self.scope = scope


class TooManyRequests(OrderkeepError, code="too_many_requests", title="Rate limit exceeded"):
    """The actor exceeded its rate limit, or another limit. Nothing was done; retry after `retry_after` seconds."""

    def __init__(self, retry_after: int, exceeded: str = "rate limit exceeded") -> None:
        super().__init__(f"{exceeded}: retry after {retry_after} s")
        self.retry_after = retry_after


class Overloaded(OrderkeepError, code="overloaded", title="Too many concurrent requests"):
    """Too much expensive work is in progress, of all actors together. Nothing was done; retry."""

    retry_after = 1

    def __init__(self, what: str) -> None:
        super().__init__(f"too many concurrent {what}, nothing was done: retry after 1 s")


class ApiKeyNotFound(OrderkeepError, LookupError, code="api_key_not_found", title="API key not found"):
    """The API key does not exist."""

    def __init__(self) -> None:
        super().__init__("API key not found")


class UnknownPosition(InvalidQuery, code="unknown_position", title="Unknown feed position"):
    """The feed does not have this position yet: it belongs to another store, or to one that was restored."""

    def __init__(self) -> None:
        message = "is not a position of the feed yet: use next_after of an earlier page, or 0 for the beginning"
        super().__init__(message, "after")


class EventNotFound(OrderkeepError, LookupError, code="event_not_found", title="Event not found"):
    """The event does not exist, or is not in the feed yet."""

    def __init__(self) -> None:
        super().__init__("Event not found: no event has this ID; the feed lists the IDs")


class WebhookNotFound(OrderkeepError, LookupError, code="webhook_not_found", title="Webhook not found"):
    """The webhook does not exist."""

    def __init__(self) -> None:
        super().__init__("Webhook not found: no webhook has this ID")


class UnknownEventType(InvalidInput, code="unknown_event_type", title="Unknown event type"):
    """The type of event does not exist."""


class PositionOutOfRange(InvalidInput, code="position_out_of_range", title="Position out of range"):
    """A position of the feed is after the last one that is possible here."""


class TooManyWebhooks(Conflict, code="too_many_webhooks", title="Too many webhooks"):
    """The store has as many webhooks as allowed."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"there are {limit} webhooks already: delete one that is not needed")


class OtherWebhookVersion(VersionMismatch):
    """The webhook is not at the version that the caller expected."""

    subject = "webhook"


class ReplayInProgress(Conflict, code="replay_in_progress", title="Replay in progress"):
    """An earlier replay of the webhook is not complete."""

    def __init__(self, last: int) -> None:
        super().__init__(f"a replay up to position {last} is not complete: try again when it is")


class IdempotencyKeyReused(Conflict, code="idempotency_key_reused", title="Idempotency key reused"):
    """The idempotency key was used for a different request."""

    def __init__(self) -> None:
        super().__init__(
            "this idempotency key was used for a different request: look up what that request did, then use a new key"
        )


class Contention(Conflict, code="contention", title="Too much contention"):
    """Other writers changed the order before every attempt to save it. Nothing was written; retry."""

    def __init__(self, attempts: int) -> None:
        super().__init__(f"other writers changed the order {attempts} times in a row: send the request again")


class AuthenticationUnavailable(ServiceUnavailable, code="store_unavailable", title="Service unavailable"):
    """Credentials cannot be verified now, such as while the signing keys of the provider cannot be fetched."""


class RequestTimedOut(ServiceUnavailable, code="store_unavailable", title="Service unavailable"):
    """The time for the request ran out. A change may or may not have been made: retry with the same key."""
