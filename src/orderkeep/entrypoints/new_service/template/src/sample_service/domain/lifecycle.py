"""The lifecycle of a sample item: statuses, commands, the status that each command leads to, and rejections."""

from enum import StrEnum

from sample_service.domain.exceptions import SampleServiceError


class SampleItemStatus(StrEnum):
    """The status of a sample item. Equal to its plain text: `SampleItemStatus.PENDING == "pending"`."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class Command(StrEnum):
    """A request to change a sample item, which its status may reject."""

    CONFIRM = "confirm"
    CANCEL = "cancel"


LIFECYCLE: dict[tuple[SampleItemStatus, Command], SampleItemStatus] = {
    (SampleItemStatus.PENDING, Command.CONFIRM): SampleItemStatus.CONFIRMED,
    (SampleItemStatus.PENDING, Command.CANCEL): SampleItemStatus.CANCELLED,
    (SampleItemStatus.CONFIRMED, Command.CANCEL): SampleItemStatus.CANCELLED,
}
"""The status that each command leads to. A pair that is not listed is rejected."""


class CommandRejected(SampleServiceError, code="command_rejected", title="Sample item cannot be changed"):
    """The state of the sample item does not allow the command. Nothing was written."""

    def __init__(self, status: str, message: str = "") -> None:
        super().__init__(message or f"{self.title}: it is {status}")
        self.status = status


class CannotConfirmSampleItem(
    CommandRejected,
    code="cannot_confirm_sample_item",
    title="Sample item cannot be confirmed",
):
    """The status of the sample item rejects `confirm`."""


class CannotCancelSampleItem(
    CommandRejected,
    code="cannot_cancel_sample_item",
    title="Sample item cannot be cancelled",
):
    """The status of the sample item rejects `cancel`."""


REJECTIONS: dict[Command, type[CommandRejected]] = {
    Command.CONFIRM: CannotConfirmSampleItem,
    Command.CANCEL: CannotCancelSampleItem,
}
