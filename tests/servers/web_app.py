"""An app of aiohttp's on a free port: what tests put in the place of a service that is asked by POST."""

from collections.abc import Awaitable, Callable

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def start(answer: Answer, most_bytes: int) -> tuple[web.AppRunner, str]:
    """Return what is to be cleaned up at the end, and the endpoint."""
    app = web.Application(client_max_size=most_bytes)
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"
