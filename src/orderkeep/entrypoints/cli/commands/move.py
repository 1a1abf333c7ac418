"""`orderkeep confirm`, `ship`, `deliver` and `cancel`: the commands that move an order along."""

from collections.abc import Callable
from typing import Any

import click

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult
from orderkeep.application.use_cases import (
    CancelOrderUseCase,
    ConfirmOrderUseCase,
    DeliverOrderUseCase,
    ShipOrderUseCase,
)
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import TEXT, request_of, request_options
from orderkeep.entrypoints.cli.session import Session

Step = ConfirmOrderUseCase | ShipOrderUseCase | DeliverOrderUseCase


def _step_command(name: str, use_case: type[Step], of: Callable[[UseCases], Step]) -> click.Command:
    @command(name, use_case)
    @click.argument("order_id", metavar="ID", type=TEXT)
    @request_options
    def step(session: Session, order_id: str, **conditions: Any) -> None:
        """Prints the order as it became: its JSON, or a table on a terminal."""
        request = request_of(**conditions)
        result = session.run(lambda use_cases: of(use_cases).execute(order_id, request))
        output.write_result(session, result, dry_run=request.dry_run)

    return step


confirm_command = _step_command("confirm", ConfirmOrderUseCase, lambda use_cases: use_cases.confirm_order)
ship_command = _step_command("ship", ShipOrderUseCase, lambda use_cases: use_cases.ship_order)
deliver_command = _step_command("deliver", DeliverOrderUseCase, lambda use_cases: use_cases.deliver_order)


@command("cancel", CancelOrderUseCase)
@click.argument("order_id", metavar="ID", type=TEXT)
@click.option("--reason", type=TEXT, help="Why.")
@click.option("--note", type=TEXT, help="More about it.")
@request_options
def cancel_command(session: Session, order_id: str, reason: str | None, note: str | None, **conditions: Any) -> None:
    """Prints the order as it became: its JSON, or a table on a terminal."""
    request: CommandContext = request_of(**conditions)

    async def cancel(use_cases: UseCases) -> CommandResult:
        return await use_cases.cancel_order.execute(order_id, request, reason=reason, note=note)

    output.write_result(session, session.run(cancel), dry_run=request.dry_run)
