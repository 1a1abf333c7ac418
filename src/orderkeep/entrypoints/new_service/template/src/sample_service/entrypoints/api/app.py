"""The FastAPI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sample_service.bootstrap import UseCases
from sample_service.entrypoints.api import sample_items
from sample_service.entrypoints.api.dependencies import OWN_SITE, UseCasesOfApp
from sample_service.entrypoints.api.problems import MAX_BODY_BYTES, add_problem_handlers
from sample_service.entrypoints.console import create_console  # with: console
from sample_service.entrypoints.relay import Relay  # with: webhooks


class BodyLimit:
    """Rejects a body that is longer than `MAX_BODY_BYTES` while it is read, also if no length was announced."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY_BYTES:
                raise HTTPException(413)
            return message

        await self.app(scope, receive_limited, send)


def create_app(use_cases: UseCases) -> FastAPI:
    """Return the application on the use cases, which it closes when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        relay = Relay(use_cases.deliver_webhooks)  # with: webhooks
        try:
            yield
        finally:
            await relay.stop()  # with: webhooks
            await use_cases.close()

    app = FastAPI(title="sample service", lifespan=lifespan, dependencies=[OWN_SITE])
    app.state.use_cases = use_cases
    app.include_router(sample_items.router)
    add_problem_handlers(app)
    app.add_middleware(BodyLimit)
    app.mount("/console", create_console(use_cases))  # with: console

    @app.get("/readyz", summary="Check that the service can use its store", tags=["health"])
    async def readyz(use_cases: UseCasesOfApp) -> dict[str, str]:
        await use_cases.check_store()
        return {"status": "ready"}

    return app
