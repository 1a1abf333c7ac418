"""Bare ASGI: no framework, no store, no validation. Returns responses recorded from orderkeep, byte for byte.

What remains is the cost of the server (stock uvicorn) and of the bytes; nothing that answers these requests in Python
can be much cheaper. BARE_RESPONSES names a JSON file of `{operation: [status, [[name, value], …], body]}`.
"""

import json
import os
from pathlib import Path
from typing import Any


def messages(status: int, headers: list[list[str]], body: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two ASGI messages of a response."""
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    start = {"type": "http.response.start", "status": status, "headers": pairs}
    return start, {"type": "http.response.body", "body": body.encode()}


RESPONSES = {
    name: messages(*recorded) for name, recorded in json.loads(Path(os.environ["BARE_RESPONSES"]).read_bytes()).items()
}
PLACE, GET, LIST, CANCEL = (RESPONSES[name] for name in ("place", "get", "list", "cancel"))


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    method, path = scope["method"], scope["path"]
    if method == "POST":
        while (await receive()).get("more_body"):
            pass
        start, body = PLACE
    elif method == "DELETE":
        start, body = CANCEL
    else:
        start, body = LIST if path == "/orders" else GET
    await send(start)
    await send(body)
