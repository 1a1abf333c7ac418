"""Routes beside those of orders: health checks, metrics, and the API documentation.

Swagger UI is served from our own files, so that the page loads nothing from other hosts. The script that starts it is a
file as well, because the content security policy blocks inline scripts.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from orderkeep.entrypoints.api import examples
from orderkeep.entrypoints.api.dependencies import IfNoneMatch, Services, is_modified
from orderkeep.entrypoints.api.examples import failures, success
from orderkeep.entrypoints.api.models import Health
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.responses import EncodedResponse, encode, etag_of, not_modified
from orderkeep.entrypoints.api.routing import CompiledRoute

router = APIRouter(tags=["operations"], route_class=CompiledRoute)

_METRICS = 'orderkeep_http_requests_total{method="GET",route="/orders/{order_id}",status="200"} 1024.0\n'

STATIC = Path(__file__).with_name("static")
MEDIA_TYPES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "start.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
"""The files that the page needs; no others are served."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


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
        **failures((HttpProblem("draining"), *examples.STORE_ERRORS)),
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
    metrics = request.scope["app"].state.metrics
    if metrics is None:
        raise HttpProblem("not_found", "this service collects no metrics")
    content, media_type = metrics.exposition()
    return Response(content, headers={"Content-Type": media_type})


@router.get("/", include_in_schema=False)
@router.get("/docs/", include_in_schema=False)
async def redirect_to_docs(request: Request) -> Response:
    """Redirect a browser to the documentation."""
    return Response(None, HTTPStatus.TEMPORARY_REDIRECT, {"Location": f"{request.scope['root_path']}/docs"})


@router.get("/docs", include_in_schema=False)
async def get_docs() -> Response:
    """Return the page, if its files are installed: the Lambda package omits them."""
    if not STATIC.is_dir():
        raise HttpProblem("not_found", "Swagger UI is not installed: the OpenAPI document is at /openapi.json")
    return FileResponse(STATIC / "index.html", headers={"Content-Security-Policy": POLICY}, media_type="text/html")


@router.get("/docs/{name}", include_in_schema=False)
async def get_file(name: str) -> Response:
    """Return a file of Swagger UI."""
    if name not in MEDIA_TYPES or not STATIC.is_dir():
        raise HttpProblem("not_found")
    headers = {"Cache-Control": "public, max-age=86400"}
    return FileResponse(STATIC / name, headers=headers, media_type=MEDIA_TYPES[name])


@router.get("/openapi.json", include_in_schema=False)
async def get_openapi(request: Request, if_none_match: IfNoneMatch = None) -> Response:
    """Return the OpenAPI document, with the root path under which this client reaches the service. It is encoded once;
    with `If-None-Match`, returns 304.
    """
    content, etag = _encoded_document(request.scope["app"], request.scope["root_path"])
    if not is_modified(if_none_match, etag):
        return not_modified(etag)
    return EncodedResponse(content, headers=[(b"etag", etag.encode()), (b"cache-control", b"no-cache")])


@lru_cache(8)
def _encoded_document(app: FastAPI, root_path: str) -> tuple[bytes, str]:
    document = app.openapi()
    if root_path:  # such as a stage of API Gateway
        document = {**document, "servers": [{**document["servers"][0], "url": root_path}]}
    content = encode(document)
    return content, etag_of(sha256(content).hexdigest())
