"""A request takes a short path: few of the project's files execute code for it, and few ASGI layers are nested.

Counted by a tracer while `DELETE /orders/{id}` runs behind the ASGI interface, on SQLite, in local mode, the writer's
thread included.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import orderkeep
from orderkeep.config import Settings
from orderkeep.entrypoints.api.app import create_app

MOST_FILES, MOST_LAYERS = 20, 4
SOURCE = Path(orderkeep.__file__).parent
ORDER = {"user_id": "user-42", "total": 9_900, "currency": "EUR"}
IS_ASGI = ("scope", "receive", "send")


class RequestPath:
    """The project's files that execute code, and the deepest nesting of ASGI callables, while `is_recording`."""

    def __init__(self) -> None:
        self.is_recording = False
        self.files: set[str] = set()
        self.layers: list[str] = []

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """Note where the frame is; a trace function as `sys.settrace` takes it."""
        if self.is_recording:
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(SOURCE):
                self.files.add(path.relative_to(SOURCE).as_posix())
            if event == "call" and is_asgi_callable(frame.f_code):
                self.layers = max(self.layers, layers_of(frame), key=len)
        return self.trace


def is_asgi_callable(code: CodeType) -> bool:
    """Tell whether a function takes (scope, receive, send)."""
    return code.co_varnames[: code.co_argcount][-3:] == IS_ASGI


def layers_of(frame: FrameType | None) -> list[str]:
    """Return the ASGI callables that are running, the innermost first; the methods of one object are one layer."""
    found: dict[int, str] = {}
    while frame is not None:
        if is_asgi_callable(frame.f_code):
            owner = frame.f_locals.get("self")
            name = frame.f_code.co_qualname if owner is None else type(owner).__qualname__
            found.setdefault(id(frame if owner is None else owner), name)
        frame = frame.f_back
    return list(found.values())


async def ask(app: Any, method: str, path: str, body: bytes = b"") -> bytes:
    """Send a request to the app, as a server does; return the body of the response."""
    headers = [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "",
        "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers + ([(b"content-type", b"application/json")] if body else []),
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] < 300, sent
    return b"".join(message.get("body", b"") for message in sent[1:])


async def cancel_an_order(store: str, path: RequestPath) -> None:
    """Run the app on an empty store; cancel two orders and record the path of the second one."""
    app: Any = create_app(Settings(auth="", store=store, documents="memory://"))
    async with app.router.lifespan_context(app):
        ids = [json.loads(await ask(app, "POST", "/orders", json.dumps(ORDER).encode()))["id"] for _ in range(2)]
        await ask(app, "DELETE", f"/orders/{ids[0]}")
        path.is_recording = True
        await ask(app, "DELETE", f"/orders/{ids[1]}")
        path.is_recording = False


def traced(run: Callable[[], None], path: RequestPath) -> None:
    """Run a function in a thread of its own, so that the trace function of this one is left alone."""
    errors: list[BaseException] = []

    def in_thread() -> None:
        sys.settrace(path.trace)
        try:
            run()
        except BaseException as error:  # noqa: BLE001  # raised in the test's own thread
            errors.append(error)

    before = threading.gettrace()
    threading.settrace(path.trace)  # for the threads that the app starts
    try:
        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join()
    finally:
        threading.settrace(before)
    if errors:
        raise errors[0]


def path_of_delete(folder: Path) -> RequestPath:
    """Return the path of `DELETE /orders/{id}` on a SQLite file."""
    path = RequestPath()
    traced(lambda: asyncio.run(cancel_an_order(f"sqlite:///{folder}/orders.db", path)), path)
    return path


def test_delete_executes_code_of_few_files(tmp_path: Path) -> None:
    files = path_of_delete(tmp_path).files
    assert len(files) <= MOST_FILES, f"{len(files)} files:\n" + "\n".join(sorted(files))


def test_delete_passes_few_asgi_layers(tmp_path: Path) -> None:
    layers = path_of_delete(tmp_path).layers
    assert len(layers) <= MOST_LAYERS, f"{len(layers)} layers, from the innermost: {', '.join(layers)}"


def test_the_tracer_sees_threads_and_every_layer(tmp_path: Path) -> None:
    """The path includes the writer's thread and the entrypoint, and an ASGI wrapper adds a layer."""
    path = path_of_delete(tmp_path)
    assert {
        "domain/order_state.py",
        "application/change_order.py",
        "infrastructure/sqlite_repo/writer.py",
    } <= path.files

    async def innermost(scope: Any, receive: Any, send: Any) -> None:
        pass

    class Wrapper:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.inside(scope, receive, send)

        async def inside(self, scope: Any, receive: Any, send: Any) -> None:
            await innermost(scope, receive, send)

    nested = RequestPath()
    nested.is_recording = True
    traced(lambda: asyncio.run(Wrapper()({}, None, None)), nested)
    assert [name.rpartition(".")[2] for name in nested.layers] == ["innermost", "Wrapper"]
