"""Routes that take what their documentation names, and refuse the rest."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from orderkeep.entrypoints.api.parameters import read_query


class StrictRoute(APIRoute):
    """A route whose query parameters are those in its documentation. Others, and repeated ones, are refused by name."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        documented = (self.openapi_extra or {}).get("parameters", [])
        names = frozenset(parameter["name"] for parameter in documented if parameter.get("in") == "query")

        async def handle_strictly(request: Request) -> Response:
            query = request.scope["query_string"]
            request.scope["orderkeep.query"] = read_query(query, names) if query else {}
            return await handle(request)

        return handle_strictly
