"""The API documentation in a browser: Swagger UI from our own files, so that the page loads nothing from other hosts.

The script that starts the page is a file as well, because the content security policy blocks inline scripts.
"""

from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.responses import EncodedResponse, encode
from orderkeep.entrypoints.api.routing import CompiledRoute

router = APIRouter(route_class=CompiledRoute, include_in_schema=False)

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


@router.get("/docs")
async def get_docs() -> Response:
    """Return the page, if its files are installed: the Lambda package omits them."""
    if not STATIC.is_dir():
        raise HttpProblem("not_found", "Swagger UI is not installed: the OpenAPI document is at /openapi.json")
    return FileResponse(STATIC / "index.html", headers={"Content-Security-Policy": POLICY}, media_type="text/html")


@router.get("/docs/{name}")
async def get_file(name: str) -> Response:
    """Return a file of Swagger UI."""
    if name not in MEDIA_TYPES or not STATIC.is_dir():
        raise HttpProblem("not_found")
    headers = {"Cache-Control": "public, max-age=86400"}
    return FileResponse(STATIC / name, headers=headers, media_type=MEDIA_TYPES[name])


@router.get("/openapi.json")
async def get_openapi(request: Request) -> Response:
    """Return the OpenAPI document, with the root path under which this client reaches the service."""
    document = request.scope["app"].openapi()
    if root_path := request.scope["root_path"]:  # such as a stage of API Gateway
        document = {**document, "servers": [{**document["servers"][0], "url": root_path}]}
    return EncodedResponse(encode(document))
