"""The exceptions of the application layer: what is wrong with a request, not with a sample item."""

from sample_service.domain.exceptions import Conflict, SampleServiceError


class InvalidQuery(SampleServiceError, ValueError, code="invalid_query", title="Invalid query parameter"):
    """A query parameter is wrong; `parameter` names it."""

    def __init__(self, message: str, parameter: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class InvalidCursor(InvalidQuery, code="invalid_cursor", title="Invalid cursor"):
    """The cursor is damaged, or belongs to another list or other filters."""

    def __init__(self) -> None:
        message = "is not valid for this list and these filters: use the next_cursor of the previous page, or omit it"
        super().__init__(message, "cursor")


class IdempotencyKeyReused(Conflict, code="idempotency_key_reused", title="Idempotency key reused"):
    """An earlier request with the same key had other values."""

    def __init__(self) -> None:
        super().__init__("this idempotency key was used for another request: use a new key for a new request")


class Contention(Conflict, code="contention", title="Too many concurrent updates"):
    """Other writers were first, at every attempt. Nothing was written."""

    def __init__(self, attempts: int) -> None:
        super().__init__(f"other writers were first {attempts} times, nothing was written: retry later")


class InvalidStoreURL(ValueError):
    """The URL is not that of a store."""
