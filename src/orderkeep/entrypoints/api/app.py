"""The HTTP application, wired: routes, middleware and errors around the use cases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from orderkeep.bootstrap import UseCases, bootstrap_from_settings
from orderkeep.bootstrap.access import open_rate_limiter
from orderkeep.config import Settings
from orderkeep.entrypoints.api import docs, documents, health, lifecycle, orders
from orderkeep.entrypoints.api.cors import listed_origins
from orderkeep.entrypoints.api.errors import answer_errors_with_problems
from orderkeep.entrypoints.api.identity import AddressLimitMiddleware, AuthenticationMiddleware, CallerOf
from orderkeep.entrypoints.api.local_mode import LocalModeMiddleware
from orderkeep.entrypoints.api.metrics import Metrics, MetricsMiddleware
from orderkeep.entrypoints.api.middleware import (
    BodyLimitMiddleware,
    ErrorMiddleware,
    HeadMiddleware,
    RequestIdMiddleware,
)
from orderkeep.entrypoints.api.overload import OverloadMiddleware
from orderkeep.entrypoints.api.request_log import RequestLogMiddleware
from orderkeep.entrypoints.api.security_headers import SecurityHeadersMiddleware
from orderkeep.entrypoints.api.time_limit import TimeLimit, TimeLimitMiddleware


def create_app(
    settings: Settings,
    use_cases: UseCases | None = None,
    *,
    time_limit: TimeLimit | None = None,
    caller_of: CallerOf | None = None,
) -> FastAPI:
    """Return an app of its own. It opens the settings' store when it starts and closes it when it ends; use cases
    that are handed in it neither opens nor closes, and needs no start for. `time_limit` says how long a request may
    take, `caller_of` who asks where whoever serves us knows.
    """
    metrics = Metrics()
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(settings) if use_cases is None else None,
        middleware=[
            Middleware(SecurityHeadersMiddleware, settings.hsts_seconds),
            Middleware(RequestIdMiddleware),
            Middleware(HeadMiddleware),
            Middleware(RequestLogMiddleware, access_log=settings.access_log),
            Middleware(MetricsMiddleware, metrics),
            *listed_origins(settings.cors_origins),
            Middleware(ErrorMiddleware),
            Middleware(OverloadMiddleware, settings.max_concurrency, metrics),
            Middleware(BodyLimitMiddleware, settings.max_body_bytes),
            *([Middleware(TimeLimitMiddleware, time_limit)] if time_limit else []),
            *_who_may_pass(settings, caller_of),
        ],
    )
    app.state.use_cases, app.state.metrics, app.state.draining = use_cases, metrics, False
    app.openapi = cache(lambda: _document(app, settings))  # type: ignore[method-assign]
    answer_errors_with_problems(app)
    for part in (orders, documents, lifecycle, health, docs):
        app.router.routes.extend(part.router.routes)  # include_router would match each request through a second layer
    return app


def _who_may_pass(settings: Settings, caller_of: CallerOf | None) -> list[Middleware]:
    if not settings.authentication:
        return [Middleware(LocalModeMiddleware, settings.cors_origins)]
    found = [Middleware(AuthenticationMiddleware, caller_of, open_rate_limiter(settings.rate_limit))]
    if limiter := open_rate_limiter(settings.rate_limit_per_address):
        found.insert(0, Middleware(AddressLimitMiddleware, limiter))
    return found


def _document(app: FastAPI, settings: Settings) -> dict[str, Any]:
    from orderkeep.entrypoints.api.openapi import document  # with models that nothing else needs: most never ask for it

    return document(app, settings.root_path, is_open=not settings.authentication)


def _lifespan(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.use_cases = bootstrap_from_settings(settings)
        try:
            yield
        finally:
            await app.state.use_cases.close()

    return lifespan
