"""The API documentation in a browser: Swagger UI from files of our own, so that the page loads nothing from other
hosts.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.responses import EncodedResponse
from orderkeep.entrypoints.api.routing import CompiledRoute

router = APIRouter(route_class=CompiledRoute, include_in_schema=False)

STATIC = Path(__file__).with_name("static")
MEDIA_TYPES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
"""The files that the page needs; no others are served."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>orderkeep</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
</head>
<body>
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

START = """\
SwaggerUIBundle({
  dom_id: "#docs",
  url: "openapi.json",
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true
});
"""


@router.get("/docs")
async def get_docs() -> Response:
    """Return the page, if its files are installed: the Lambda package omits them."""
    if not STATIC.is_dir():
        raise HttpProblem(404, "not_found", "Swagger UI is not installed: the OpenAPI document is at /openapi.json")
    return Response(PAGE, headers={"Content-Security-Policy": POLICY}, media_type="text/html")


@router.get("/docs/start.js")
async def get_start() -> Response:
    """Return the script that starts the page: a file of its own, because inline scripts are blocked."""
    return Response(START, media_type="text/javascript")


@router.get("/docs/{name}")
async def get_file(name: str) -> Response:
    """Return a file of Swagger UI."""
    if name not in MEDIA_TYPES or not STATIC.is_dir():
        raise HttpProblem(404, "not_found", "no route matches this path")
    headers = {"Cache-Control": "public, max-age=86400"}
    return FileResponse(STATIC / name, headers=headers, media_type=MEDIA_TYPES[name])


@router.get("/openapi.json")
async def get_openapi(request: Request) -> Response:
    """Return the OpenAPI document, with the root path under which this client reaches the service."""
    document = request.scope["app"].openapi()
    if root_path := request.scope["root_path"]:  # such as a stage of API Gateway
        document = {**document, "servers": [{**document["servers"][0], "url": root_path}]}
    return EncodedResponse(msgspec.json.encode(document))
