"""The lifecycle of orders, as the domain's table has it."""

from fastapi import APIRouter
from starlette.responses import Response

from orderkeep.domain.status import LIFECYCLE, OrderStatus, allowed_commands
from orderkeep.entrypoints.api.answers import answer
from orderkeep.entrypoints.api.documentation import documented
from orderkeep.entrypoints.api.routing import StrictRoute

router = APIRouter(tags=["lifecycle"], route_class=StrictRoute)

TABLE = {
    "statuses": [{"name": status, "commands": allowed_commands(status)} for status in OrderStatus],
    "transitions": [
        {"from": origin, "command": command, "to": follower} for (origin, command), follower in LIFECYCLE.items()
    ],
}


@router.get("/lifecycle", **documented("get_lifecycle"))
async def get_lifecycle() -> Response:
    """Say which commands each status of an order accepts, and where they lead."""
    return answer(TABLE)
