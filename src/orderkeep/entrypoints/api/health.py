"""Routes for operators: health checks and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orderkeep.entrypoints.api import documentation as docs
from orderkeep.entrypoints.api.dependencies import Services
from orderkeep.entrypoints.api.documentation import failures, success
from orderkeep.entrypoints.api.models import Health
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.responses import EncodedResponse
from orderkeep.entrypoints.api.routing import CompiledRoute

if TYPE_CHECKING:
    from orderkeep.entrypoints.api.metrics import Metrics

router = APIRouter(tags=["operations"], route_class=CompiledRoute)

_METRICS = 'orderkeep_http_requests_total{method="GET",route="/orders/{order_id}",status="200"} 1024.0\n'


@router.get(
    "/livez",
    response_model=Health,
    summary="Liveness check",
    responses={**success(200, "The process is alive.", {"Health": {"status": "alive"}}), **failures()},
)
async def get_liveness() -> Response:
    """Returns 200 while the process can respond. Restart the process if it does not."""
    return EncodedResponse(b'{"status":"alive"}')


@router.get(
    "/readyz",
    response_model=Health,
    summary="Readiness check",
    responses={
        **success(200, "The service is ready.", {"Health": {"status": "ready"}}),
        **failures((HttpProblem("draining"), *docs.STORE_ERRORS)),
    },
)
async def get_readiness(request: Request, use_cases: Services) -> Response:
    """Returns 200 if the store is available. Returns 503 if it is not, or if the service is shutting down; route
    requests elsewhere until it returns 200.
    """
    if request.scope["app"].state.draining:
        raise HttpProblem("draining")
    await use_cases.check_store()
    return EncodedResponse(b'{"status":"ready"}')


@router.get(
    "/metrics",
    response_class=Response,
    summary="Prometheus metrics",
    responses={
        200: {
            "description": "Metrics in the Prometheus text format.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": _METRICS}},
        },
        **failures(),
    },
)
async def get_metrics(request: Request) -> Response:
    """Returns request counts and durations and the state of the process, in the Prometheus text format."""
    metrics: Metrics | None = request.scope["app"].state.metrics
    if metrics is None:
        raise HttpProblem("not_found", "this service collects no metrics")
    content, media_type = metrics.exposition()
    return Response(content, headers={"Content-Type": media_type})
