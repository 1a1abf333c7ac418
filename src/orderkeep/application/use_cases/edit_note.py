"""Edit a note."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult


class EditNoteUseCase(OrderCommand):
    """Change the text of a note. The history of the order contains the earlier texts."""

    scope = Scope.WRITE

    async def execute(
        self, order_id: str, note_id: str, text: str, context: CommandContext = SYSTEM_CONTEXT
    ) -> CommandResult:
        """Return the order. Raises `NoteNotFound`, `InvalidInput`, and like `change_order`."""
        command = ("edit_note", [note_id, text])
        return await self.change(
            order_id, lambda order: order.edit_note(note_id, text, at=self.clock()), context, command
        )

    def actions(self) -> Actions:
        return {"edit_note": lambda order, at: order.edit_note("n1", "trial", at=at)}
