"""The console: HTML pages without scripts, for people. An application of its own, mounted at /console."""

import logging
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from sample_service.application.errors import InvalidQuery
from sample_service.bootstrap import UseCases
from sample_service.domain.entities import SampleItem
from sample_service.domain.exceptions import Conflict, SampleServiceError, StoreUnavailable
from sample_service.domain.lifecycle import LIFECYCLE, Command, CommandRejected, SampleItemStatus
from sample_service.entrypoints.api.dependencies import OWN_SITE, UseCasesOfApp
from sample_service.entrypoints.api.problems import status_of

log = logging.getLogger("sample_service.console")
router = APIRouter()

PAGE_SIZE = 50

FOLDER = Path(__file__).parent
STYLESHEET = (FOLDER / "console.css").read_text(encoding="utf-8")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send `Origin: null` with forms
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every page: no script runs, and no other site shows the page in a frame."""


@router.get("/")
async def show_list(
    request: Request,
    use_cases: UseCasesOfApp,
    status: SampleItemStatus | None = None,
    cursor: str | None = None,
) -> Response:
    """Show a page of the list, newest first, of all statuses or one."""
    found = await use_cases.list_sample_items.execute(status, limit=PAGE_SIZE, cursor=cursor)
    filters = {} if status is None else {"status": status.value}
    return _page(
        request,
        "sample_items.html",
        sample_items=found.sample_items,
        statuses=[*SampleItemStatus],
        selected=status,
        newest=f"?{urlencode(filters)}" if cursor else "",
        older=f"?{urlencode(filters | {'cursor': found.next_cursor})}" if found.next_cursor else "",
    )


@router.get("/console.css")
async def send_stylesheet() -> Response:
    """Return the stylesheet of all pages."""
    return Response(STYLESHEET, media_type="text/css", headers={"X-Content-Type-Options": "nosniff"})


@router.get("/sample-items/{sample_item_id}")
async def show_sample_item(request: Request, use_cases: UseCasesOfApp, sample_item_id: str) -> Response:
    """Show one, with a button for each command that its status allows."""
    found = await use_cases.get_sample_item.execute(sample_item_id)
    return _page_of(request, found)


@router.post("/sample-items/{sample_item_id}/{command}")
async def run_command(
    request: Request,
    use_cases: UseCasesOfApp,
    sample_item_id: str,
    command: Command,
    version: int,
) -> Response:
    """Run a command on the version that the page showed, and show the result."""
    try:
        await getattr(use_cases, f"{command}_sample_item").execute(sample_item_id, version)
    except (CommandRejected, Conflict) as error:
        found = await use_cases.get_sample_item.execute(sample_item_id)
        return _page_of(request, found, error)
    return RedirectResponse(f"{request.scope['root_path']}/sample-items/{sample_item_id}", 303)


def create_console(use_cases: UseCases) -> FastAPI:
    """Return the application on the use cases. It is in no OpenAPI document."""
    app = FastAPI(openapi_url=None, dependencies=[OWN_SITE])
    app.state.use_cases = use_cases
    app.include_router(router)

    @app.exception_handler(SampleServiceError)
    async def of_service(request: Request, error: SampleServiceError) -> Response:
        detail = str(error)
        match error:
            case InvalidQuery():
                detail = f"{error.parameter} {error}"
            case StoreUnavailable():
                log.error("store unavailable: %s", error)
                detail = "the change may or may not have been made: look again in a moment"
        return _error_page(request, status_of(type(error)), error.title, detail)

    @app.exception_handler(RequestValidationError)
    async def of_validation(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return _error_page(request, 422, "Invalid request", f"{first['loc'][-1]} is invalid: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> Response:
        phrase = HTTPStatus(error.status_code).phrase
        return _error_page(request, error.status_code, phrase, error.detail.removeprefix(phrase))

    @app.exception_handler(Exception)
    async def of_bug(request: Request, _: Exception) -> Response:  # the server logs the exception
        return _error_page(request, 500, "Internal error", "see the log of the service")

    return app


def _page_of(
    request: Request,
    found: SampleItem,
    error: CommandRejected | Conflict | None = None,
) -> Response:
    return _page(
        request,
        "sample_item.html",
        status_of(type(error)) if error else 200,
        sample_item=found,
        commands=[command for command in Command if (found.status, command) in LIFECYCLE],
        error=error,
    )


def _error_page(request: Request, status: int, title: str, detail: str) -> Response:
    return _page(request, "error.html", status, title=title, detail=detail)


def _page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    text = TEMPLATES.get_template(template).render(root=request.scope["root_path"], **values)
    return HTMLResponse(text, status, HEADERS)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _sentence(text: object) -> str:
    return f"{str(text)[:1].upper()}{str(text)[1:]}."


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {"words": _words, "sentence": _sentence, "utc": _utc}
