"""The documentation to read and try: Swagger UI from our own files, so that no other host is asked for anything."""

from __future__ import annotations

from pathlib import Path

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from orderkeep.entrypoints.api.problems import Refused
from orderkeep.entrypoints.api.routing import StrictRoute

router = APIRouter(route_class=StrictRoute, include_in_schema=False)

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
    """Answer the page, where its files are: the package for Lambda comes without."""
    if not STATIC.is_dir():
        raise Refused(404, "not_found", "Swagger UI is not installed here; the document is at /openapi.json")
    return Response(PAGE, headers={"Content-Security-Policy": POLICY}, media_type="text/html")


@router.get("/docs/start.js")
async def get_start() -> Response:
    """Answer the script that starts the page; it is no part of it, so that no inline script need be allowed."""
    return Response(START, media_type="text/javascript")


@router.get("/docs/{name}")
async def get_file(name: str) -> Response:
    """Answer a file of Swagger UI's."""
    if name not in MEDIA_TYPES or not STATIC.is_dir():
        raise Refused(404, "not_found", "there is nothing under this address")
    headers = {"Cache-Control": "public, max-age=86400"}
    return FileResponse(STATIC / name, headers=headers, media_type=MEDIA_TYPES[name])


@router.get("/openapi.json")
async def get_openapi(request: Request) -> Response:
    """Answer the OpenAPI document, of the service as this client reaches it."""
    document = request.app.openapi()
    if root_path := request.scope["root_path"]:  # a stage of a gateway's, say, which the settings do not know
        document = {**document, "servers": [{**document["servers"][0], "url": root_path}]}
    return Response(msgspec.json.encode(document), media_type="application/json")
