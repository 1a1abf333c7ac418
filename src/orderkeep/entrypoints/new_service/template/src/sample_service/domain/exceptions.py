"""The exceptions of the domain. `code` and `title` are part of the public API; messages and docstrings are not."""

from typing import ClassVar


class SampleServiceError(Exception):
    """Base class of all exceptions that the service raises deliberately."""

    code: ClassVar[str] = "sample_service_error"
    title: ClassVar[str] = "Internal error"

    def __init_subclass__(cls, *, code: str = "", title: str = "") -> None:
        cls.code, cls.title = code or cls.code, title or cls.title


class InvalidInput(SampleServiceError, ValueError, code="invalid_input", title="Invalid input"):
    """A value breaks a rule; `field` names it."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class TextMissing(InvalidInput, code="text_missing", title="Text must not be blank"):
    """A required text is empty or blank."""


class TextTooLong(InvalidInput, code="text_too_long", title="Text too long"):
    """A text has more characters than its field allows."""


class TextNotPrintable(InvalidInput, code="text_not_printable", title="Text contains control characters"):
    """A text contains control characters or an unpaired surrogate."""


class SampleItemNotFound(
    SampleServiceError,
    LookupError,
    code="sample_item_not_found",
    title="Sample item not found",
):
    """No sample item has this ID."""

    def __init__(self, sample_item_id: str, message: str = "Sample item not found") -> None:
        super().__init__(message)
        self.sample_item_id = sample_item_id


class Conflict(SampleServiceError, code="conflict", title="Update conflict"):
    """Another writer or an earlier request was first. Nothing was written."""


class ConcurrentUpdate(Conflict, code="concurrent_update", title="Concurrent update"):
    """The stored version of a sample item is not the one that was loaded. Commands load it again and retry."""

    def __init__(self, sample_item_id: str) -> None:
        super().__init__("the sample item was changed by another writer: read it again and retry")
        self.sample_item_id = sample_item_id


class VersionMismatch(Conflict, code="version_mismatch", title="Version mismatch"):
    """The stored version is not the one that the caller expected."""

    subject: ClassVar[str] = "sample item"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"the {self.subject} is at version {actual}, not {expected}: read it and retry")
        self.expected, self.actual = expected, actual


class StoreUnavailable(SampleServiceError, code="store_unavailable", title="Service unavailable"):
    """The store is temporarily unavailable. The outcome of a pending save is unknown: retry with the same key."""


class StoreUnusable(StoreUnavailable, code="store_unusable", title="Store needs repair"):
    """The store cannot be used until an operator fixes it: a foreign file, a newer schema, damaged content."""
