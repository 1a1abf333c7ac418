"""Add a note to an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.value_objects import INTERNAL


class AddNoteUseCase(OrderCommand):
    """Add a note to an order."""

    scope = Scope.WRITE

    async def execute(
        self, order_id: str, text: str, context: CommandContext = SYSTEM_CONTEXT, *, visibility: str = INTERNAL
    ) -> CommandResult:
        """Return the order. `visibility` is `internal`, for staff only, or `customer`.

        Raises `TooManyRecords`, `InvalidInput`, and like `change_order`.
        """
        command = ("add_note", [text, visibility])
        return await self.change(
            order_id, lambda order: order.add_note(text, visibility, at=self.clock()), context, command
        )

    def actions(self) -> Actions:
        return {"add_note": lambda order, at: order.add_note("trial", INTERNAL, at=at)}
