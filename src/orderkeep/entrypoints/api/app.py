"""The FastAPI application: routes on the use cases, inside the request shell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from orderkeep.bootstrap import UseCases, bootstrap_from_settings
from orderkeep.bootstrap.access import open_rate_limiter
from orderkeep.config import Settings
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.entrypoints.api import (
    documents,
    events,
    lifecycle,
    notes,
    operations,
    orders,
    payments,
    returns,
    shipments,
    statistics,
    webhooks,
)
from orderkeep.entrypoints.api.authentication import Access, Authentication, CallerOf, LocalMode
from orderkeep.entrypoints.api.dependencies import REQUEST_ID
from orderkeep.entrypoints.api.problems import HttpProblem, problem_response
from orderkeep.entrypoints.api.routing import CompiledRoute, RouteTable
from orderkeep.entrypoints.api.shell import RequestShell, ShelledFastAPI, TimeLimit

ROUTERS = tuple(
    module.router
    for module in (
        orders,
        lifecycle,
        shipments,
        payments,
        returns,
        notes,
        documents,
        events,
        webhooks,
        statistics,
        operations,
    )
)
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, CompiledRoute)]


def create_app(
    settings: Settings,
    use_cases: UseCases | None = None,
    *,
    time_limit: TimeLimit | None = None,
    caller_of: CallerOf | None = None,
    with_metrics: bool = True,
) -> ShelledFastAPI:
    """Return a new application.

    Without `use_cases` it opens the store of the settings at start-up and closes it at shutdown; given use cases are
    the caller's to close. `time_limit` bounds each request, `caller_of` returns the actor that a gateway has
    authenticated.
    """
    app = ShelledFastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_open_use_cases if use_cases is None else None,
    )
    if use_cases is not None:
        app.use_cases = use_cases
    app.state.settings, app.state.draining = settings, False
    app.state.may_wait = time_limit is None
    app.state.metrics = _metrics() if with_metrics else None
    app.openapi = cache(lambda: _document(app, settings))  # type: ignore[method-assign]
    for router in ROUTERS:
        app.include_router(router)
    for kind in (OrderkeepError, HttpProblem, HTTPException):
        app.add_exception_handler(kind, _respond_with_problem)
    app.shell = RequestShell(
        RouteTable(ROUTES),
        app.without_shell,
        _access(app, settings, caller_of),
        settings,
        metrics=app.state.metrics,
        time_limit=time_limit,
    )
    return app


@asynccontextmanager
async def _open_use_cases(app: ShelledFastAPI) -> AsyncIterator[None]:
    for route in ROUTES:
        route.compile()
    app.use_cases = bootstrap_from_settings(app.state.settings)
    try:
        yield
    finally:
        await app.use_cases.close()


def _access(app: ShelledFastAPI, settings: Settings, caller_of: CallerOf | None) -> Access:
    if not settings.authentication:
        return LocalMode(settings.cors_origins)
    return Authentication(
        lambda: app.use_cases,
        caller_of,
        open_rate_limiter(settings.rate_limit),
        open_rate_limiter(settings.rate_limit_per_address),
    )


async def _respond_with_problem(request: Request, error: Exception) -> Response:
    """Return the problem document of an error in a route that is not compiled, or of a request without a route."""
    path = request.scope["path"].removeprefix(request.scope["root_path"]).rstrip("/")
    if getattr(error, "status_code", None) == HTTPStatus.NOT_FOUND and request.app.shell.routes.at(path):
        error = HttpProblem("not_found", "no route matches this path: omit the slash at its end")
    return problem_response(error, request.scope[REQUEST_ID])


def _metrics() -> Any:
    from orderkeep.entrypoints.api.metrics import Metrics  # not on Lambda, where its import would delay cold starts

    return Metrics()


def _document(app: FastAPI, settings: Settings) -> dict[str, Any]:
    from orderkeep.entrypoints.api.openapi import openapi_document  # few processes are asked for it

    return openapi_document(app, ROUTES, settings.root_path, authenticated=bool(settings.authentication))
