"""The console's own files: each has the hash of its content in its name, so that browsers need not ask for it again."""

from __future__ import annotations

import gzip
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from orderkeep.entrypoints.api.problems import HttpProblem

FOLDER = Path(__file__).with_name("static")
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class StaticFile(NamedTuple):
    """A file as it is served: `path` is its URL below the root path."""

    path: str
    media_type: str
    content: bytes
    compressed: bytes


@cache
def static_file(name: str) -> StaticFile:
    """Return a file of the folder by its name. Raises `OSError` if it does not exist."""
    content = (FOLDER / name).read_bytes()
    stem, _, suffix = name.rpartition(".")
    path = f"/console/static/{stem}-{sha256(content).hexdigest()[:12]}.{suffix}"
    return StaticFile(path, MEDIA_TYPES[f".{suffix}"], content, gzip.compress(content, mtime=0))


@cache
def _by_path() -> dict[str, StaticFile]:
    files = [static_file(path.name) for path in FOLDER.iterdir() if path.suffix in MEDIA_TYPES]
    return {file.path: file for file in files}


async def _get_file(request: Request) -> Response:
    file = _by_path().get(f"/console/static/{request.path_params['name']}")
    if file is None:
        raise HttpProblem("not_found")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, headers=headers | {"Content-Encoding": "gzip"}, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)


class ConsoleRoute(Route):
    """A route that metrics and log lines name by its pattern."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return match, {**child, "route": self}


route = ConsoleRoute("/console/static/{name}", _get_file)
