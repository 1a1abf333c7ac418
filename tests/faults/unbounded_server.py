"""The service without its bounds on clients that take more than their share: a slot is held until the response is sent,
pipelined requests do not wait, and neither pages, unsent bytes nor receipts are limited. The tests must find that.
"""

from starlette.types import Receive, Scope, Send

from orderkeep.application.use_cases import issue_receipt
from orderkeep.entrypoints.api import shell
from orderkeep.entrypoints.api.http1 import Connection, limits
from orderkeep.entrypoints.api.shell import RequestShell
from orderkeep.entrypoints.cli.main import main
from orderkeep.infrastructure import serialization
from orderkeep.infrastructure.sqlite_repo import connections

NO_LIMIT = 1 << 62

_respond = RequestShell.respond


async def respond(self: RequestShell, scope: Scope, receive: Receive, send: Send) -> None:
    """Hold a slot until all is sent."""
    self.active += 1
    try:
        await _respond(self, scope, receive, send)
    finally:
        self.active -= 1


def remove_bounds() -> None:
    """Take away the bounds."""
    RequestShell.respond = respond  # type: ignore[method-assign]
    Connection.on_response_complete = Connection._continue  # type: ignore[method-assign]
    limits.MAX_UNSENT_BYTES = NO_LIMIT
    serialization.PAGE_BYTES = connections.PAGE_BYTES = NO_LIMIT  # type: ignore[attr-defined]
    issue_receipt.MOST_OF_AN_ACTOR = issue_receipt.MOST_AT_ONCE = NO_LIMIT
    shell.ROUTES_WITH_OWN_LIMIT = frozenset()


if __name__ == "__main__":
    remove_bounds()
    main()
