"""The exceptions of the application layer: what is wrong with a request, not with an order.

OrderkeepError
├── InvalidInput
│   ├── UnknownFormat              no such document format, or its package is not installed
│   ├── UnknownScope               no such scope
│   ├── ScopesMissing              a staff API key without a scope
│   ├── ScopesNotTaken             a customer's API key with scopes
│   └── ExpiryPassed               an API key that would already have expired
├── InvalidQuery                   a parameter of a list is wrong; `parameter` names it
│   ├── InvalidCursor              damaged, or made for other filters
│   └── UnsupportedFilter          filters that no index covers together
├── NotAuthenticated               credentials are missing or invalid
├── NotAllowed                     the actor lacks a scope
├── TooManyRequests                the actor exceeded its rate limit
├── ApiKeyNotFound                 no such API key
├── Conflict
│   ├── IdempotencyKeyReused       the key was used for a different request
│   └── Contention                 every attempt lost the race to save
└── ServiceUnavailable
    ├── AuthenticationUnavailable  credentials cannot be verified now
    └── RequestTimedOut            the time for the request ran out; its outcome is unknown
"""

from orderkeep.domain.exceptions import Conflict, InvalidInput, OrderkeepError, ServiceUnavailable


class UnknownFormat(InvalidInput):
    """The document format does not exist, or its package is not installed."""

    code = "unknown_format"
    title = "Unknown document format"


class UnknownScope(InvalidInput):
    """The scope does not exist."""

    code = "unknown_scope"
    title = "Unknown scope"


class ScopesMissing(InvalidInput):
    """A staff API key needs at least one scope."""

    code = "scopes_missing"
    title = "Scope required"


class ScopesNotTaken(InvalidInput):
    """A customer's API key has no scopes: all customers have the same permissions."""

    code = "scopes_not_taken"
    title = "Scopes not allowed"


class ExpiryPassed(InvalidInput):
    """The API key would already have expired."""

    code = "expiry_passed"
    title = "Expiry in the past"


class InvalidQuery(OrderkeepError, ValueError):
    """A query parameter is wrong; `parameter` names it."""

    code = "invalid_query"
    title = "Invalid query parameter"

    def __init__(self, message: str, parameter: str = "") -> None:
        super().__init__(message)
        self.parameter = parameter


class InvalidCursor(InvalidQuery):
    """The cursor is damaged, or belongs to another list or other filters."""

    code = "invalid_cursor"
    title = "Invalid cursor"

    def __init__(
        self,
        message: str = "is not valid for this list and these filters: use the next_cursor of the previous page, "
        "or omit it",
    ) -> None:
        super().__init__(message, "cursor")


class UnsupportedFilter(InvalidQuery):
    """No index covers these filters together; every store rejects them."""

    code = "unsupported_filter"
    title = "Filters cannot be combined"


class NotAuthenticated(OrderkeepError):
    """The credentials are missing or invalid. The message does not tell unknown, malformed, expired and revoked apart.

    `was_shown`: credentials were sent, and are invalid.
    """

    code = "not_authenticated"
    title = "Authentication required"

    def __init__(
        self,
        message: str = "the credentials are not valid: use an active API key or an unexpired access token",
        *,
        was_shown: bool = True,
    ) -> None:
        super().__init__(message)
        self.was_shown = was_shown


class NotAllowed(OrderkeepError):
    """The actor lacks a scope; `scope` names it. Nothing was looked up."""

    code = "not_allowed"
    title = "Insufficient scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"this operation requires the scope {scope}")
        self.scope = scope


class TooManyRequests(OrderkeepError):
    """The actor exceeded its rate limit. Nothing was done; retry after `retry_after` seconds."""

    code = "too_many_requests"
    title = "Rate limit exceeded"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"rate limit exceeded: retry after {retry_after} s")
        self.retry_after = retry_after


class ApiKeyNotFound(OrderkeepError, LookupError):
    """The API key does not exist."""

    code = "api_key_not_found"
    title = "API key not found"

    def __init__(self) -> None:
        super().__init__("API key not found")


class IdempotencyKeyReused(Conflict):
    """The idempotency key was used for a different request."""

    code = "idempotency_key_reused"
    title = "Idempotency key reused"

    def __init__(self) -> None:
        super().__init__("this idempotency key was used for a different request: use a new key")


class Contention(Conflict):
    """Other writers changed the order before every attempt to save it. Nothing was written; the request may be
    retried.
    """

    code = "contention"
    title = "Too much contention"

    def __init__(self, attempts: int) -> None:
        super().__init__(f"other writers changed the order {attempts} times in a row: send the request again")


class AuthenticationUnavailable(ServiceUnavailable):
    """Credentials cannot be verified now, such as while the signing keys of the provider cannot be fetched."""

    code = "store_unavailable"
    title = "Service unavailable"


class RequestTimedOut(ServiceUnavailable):
    """The time for the request ran out. A change may or may not have been made: retry with the same key."""

    code = "store_unavailable"
    title = "Service unavailable"
