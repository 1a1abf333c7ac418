"""The sample item: its data, and the methods that change it or raise an exception and change nothing."""

from dataclasses import dataclass
from datetime import datetime

from sample_service.domain.exceptions import TextMissing, TextNotPrintable, TextTooLong
from sample_service.domain.lifecycle import LIFECYCLE, REJECTIONS, Command, SampleItemStatus
from sample_service.domain.limits import MAX_NAME_LENGTH


@dataclass(slots=True, kw_only=True)
class SampleItem:
    """A sample item. Times and IDs are passed in, so that a rule can be tested at any time.

    `version` is the number of saves, 0 before the first. `request` is the fingerprint of the request that placed it,
    if that had an idempotency key.
    """

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    status: SampleItemStatus = SampleItemStatus.PENDING
    version: int = 0
    request: str | None = None

    @classmethod
    def place(cls, id: str, name: str, *, at: datetime, request: str | None = None) -> "SampleItem":
        """Return a new sample item. Raises `InvalidInput`."""
        check_text(name, "name", MAX_NAME_LENGTH)
        return cls(id=id, name=name, created_at=at, updated_at=at, request=request)

    def confirm(self, *, at: datetime) -> None:
        """Confirm the sample item. Raises `CannotConfirmSampleItem`."""
        self._change(Command.CONFIRM, at)

    def cancel(self, *, at: datetime) -> None:
        """Cancel the sample item. Raises `CannotCancelSampleItem`."""
        self._change(Command.CANCEL, at)

    def _change(self, command: Command, at: datetime) -> None:
        follower = LIFECYCLE.get((self.status, command))
        if follower is None:
            raise REJECTIONS[command](self.status)
        self.status, self.updated_at = follower, at


def check_text(text: str, field: str, limit: int) -> None:
    """Raise `InvalidInput` unless the text is one line of at most `limit` characters."""
    if not text.strip():
        raise TextMissing("must not be empty or blank", field)
    if len(text) > limit:
        raise TextTooLong(f"must have at most {limit} characters", field)
    if not text.isprintable():
        raise TextNotPrintable("must not contain control characters", field)
