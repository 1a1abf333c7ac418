"""Compiled routes: the same results as FastAPI's own routes, for what they support, and an error at start-up for the
rest.
"""

import asyncio
import dataclasses
from pathlib import Path as FilePath
from typing import Annotated, Any

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, Header, Path, Query
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orderkeep.bootstrap import bootstrap
from orderkeep.config import Settings
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.api.problems import HttpProblem, problem_response
from orderkeep.entrypoints.api.routing import CompiledRoute, HeaderRule, RouteTable
from orderkeep.entrypoints.api.shell import RequestShell
from tests.entrypoints.http_calls import http_client


class Filters(BaseModel):
    tag: str | None = None
    limit: Annotated[int, Field(ge=1, le=9)] = 5
    stars: list[int] = []


class Note(BaseModel):
    text: str
    stars: int = 3


def get_caller(
    request: Request, agent: Annotated[str, HeaderRule("must be a name"), Header(alias="X-Agent")] = "nobody"
) -> str:
    return f"{agent}@{request.url.path}"


def get_context(caller: Annotated[str, Depends(get_caller)], dry: Annotated[bool, Query()] = False) -> tuple[str, bool]:
    return caller, dry


Context = Annotated[tuple[str, bool], Depends(get_context)]


def router_of(route_class: type[APIRoute]) -> APIRouter:
    router = APIRouter(prefix="/notes", route_class=route_class)

    @router.get("/{note_id}")
    async def get_note(
        note_id: Annotated[str, Path()], filters: Annotated[Filters, Query()], context: Context
    ) -> Response:
        return JSONResponse([note_id, filters.tag, filters.limit, filters.stars, *context])

    @router.post("/{note_id}/texts/{name}")
    async def add_text(
        name: str,
        note_id: str,
        note: Annotated[Note, Body()],
        context: Context,
        request: Request,
        labels: Annotated[
            str | None, HeaderRule("must be labels", comma_separated=True), Header(alias="X-Labels")
        ] = None,
    ) -> Response:
        return JSONResponse([name, note_id, note.model_dump(), *context, request.method, labels])

    @router.delete("/{note_id}")
    async def delete_note(note_id: str) -> Response:
        return JSONResponse(note_id)

    return router


def compiled_routes() -> list[CompiledRoute]:
    return [route for route in router_of(CompiledRoute).routes if isinstance(route, CompiledRoute)]


def app_with(route_class: type[APIRoute]) -> FastAPI:
    app = FastAPI()
    app.include_router(router_of(route_class))
    app.add_exception_handler(HttpProblem, lambda _, error: problem_response(error, "call-1"))
    return app


async def responses_of(app: FastAPI, *calls: tuple[str, str, dict[str, Any]]) -> list[tuple[int, Any]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        made = [await client.request(method, path, **options) for method, path, options in calls]
    return [(response.status_code, response.json()) for response in made]


VALID: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/notes/n1", {}),
    ("GET", "/notes/n%C3%A9?tag=a&limit=9&stars=2&dry=true&stars=1", {"headers": {"X-Agent": "ann"}}),
    ("POST", "/notes/n1/texts/t1", {"json": {"text": "hello"}}),
    ("POST", "/notes/n1/texts/t1?dry=true", {"json": {"text": "a:b", "stars": 1}, "headers": {"X-Labels": "a, b"}}),
    ("DELETE", "/notes/n1", {}),
]


async def test_compiled_routes_return_what_fastapi_returns() -> None:
    own, stock = await responses_of(app_with(CompiledRoute), *VALID), await responses_of(app_with(APIRoute), *VALID)
    assert own == stock
    assert {status for status, _ in own} == {200}


async def test_compiled_routes_are_documented_as_fastapi_documents_them() -> None:
    assert app_with(CompiledRoute).openapi() == app_with(APIRoute).openapi()


@pytest.mark.parametrize(
    "method, path, options, expected",
    [
        ("GET", "/notes/n1?limit=10", {}, {"limit": "invalid_parameter"}),
        ("GET", "/notes/n1?limit=x&colour=red", {}, {"limit": "invalid_parameter", "colour": "unknown_parameter"}),
        ("GET", "/notes/n1?dry=maybe", {}, {"dry": "invalid_parameter"}),
        ("GET", "/notes/n1?tag=a&tag=b", {}, {"tag": "parameter_repeated"}),
        ("GET", "/notes/n1?stars=1&stars=x", {}, {"stars": "invalid_parameter"}),
        ("GET", "/notes/n1", {"headers": [("X-Agent", "a"), ("X-Agent", "b")]}, {"X-Agent": "invalid_header"}),
        ("POST", "/notes/n1/texts/t1", {"json": {"stars": 1}}, {"/text": "field_missing"}),
        ("DELETE", "/notes/n1", {"json": {"text": "x"}}, {"": "unexpected_body"}),
    ],
)
async def test_compiled_routes_reject_invalid_requests(
    method: str, path: str, options: Any, expected: dict[str, str]
) -> None:
    [(status, problem)] = await responses_of(app_with(CompiledRoute), (method, path, options))
    found = {e.get("pointer", e.get("parameter", e.get("header"))): e["code"] for e in problem["errors"]}
    assert (status, found) == (422, expected)


async def test_a_header_may_be_repeated_if_it_is_a_list() -> None:
    call = ("POST", "/notes/n1/texts/t1", {"json": {"text": "x"}, "headers": [("X-Labels", "a"), ("X-Labels", "b")]})
    [(status, content)] = await responses_of(app_with(CompiledRoute), call)
    assert (status, content[-1]) == (200, "a,b")


async def waits(request: Request) -> str:
    return "x"


def generates(request: Request) -> Any:
    yield "x"


@pytest.mark.parametrize(
    "annotation, reason",
    [
        (Annotated[str, Cookie()], "cookies"),
        (Annotated[str, Depends(waits)], "plain functions"),
        (Annotated[str, Depends(generates)], "plain functions"),
        (Annotated[int, Path()], "path parameters"),
        (Annotated[str, Header()], "HeaderRule"),
        (BackgroundTasks, "BackgroundTasks"),
        (Annotated[int, Body()], "pydantic model as body"),
    ],
    ids=["cookie", "coroutine", "generator", "path", "header", "background tasks", "body"],
)
def test_what_a_compiled_route_does_not_support_fails_at_start_up(annotation: Any, reason: str) -> None:
    async def endpoint(value: Any) -> Response:
        raise NotImplementedError

    endpoint.__annotations__["value"] = annotation
    with pytest.raises(TypeError, match=f"endpoint.*compiled route.*{reason}|compiled route.*{reason}.*endpoint"):
        CompiledRoute("/{value}" if annotation == Annotated[int, Path()] else "/", endpoint, methods=["POST"]).compile()


def test_endpoint_that_is_no_coroutine_function_fails_at_start_up() -> None:
    def endpoint() -> Response:
        raise NotImplementedError

    with pytest.raises(TypeError, match=r"endpoint.*coroutine function"):
        CompiledRoute("/", endpoint)


def test_middleware_that_compiled_routes_would_bypass_is_rejected() -> None:
    app = create_app(Settings(), bootstrap("memory://"))
    with pytest.raises(TypeError, match="wrap the application"):
        app.add_middleware(GZipMiddleware)


async def test_application_runs_on_stock_uvicorn(tmp_path: FilePath) -> None:
    app = create_app(Settings(store=f"sqlite:///{tmp_path}/orders.db"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="on", log_level="critical"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
    [listener] = server.servers[0].sockets
    async with httpx.AsyncClient() as client:
        response = await client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/orders")
    server.should_exit = True
    await serving
    assert response.status_code == 200


@pytest.mark.parametrize(
    "method, path", [("GET", "/notes/n1"), ("POST", "/notes/n1/texts/t1"), ("DELETE", "/notes/n%1")]
)
def test_the_table_finds_the_route_that_starlette_finds(method: str, path: str) -> None:
    routes = compiled_routes()
    found = RouteTable(routes).find(method, path)
    assert found is not None
    route, path_params = found
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    expected = next(each for each in routes if each.matches(scope)[0].name == "FULL")
    assert (route, path_params) == (expected, expected.matches(scope)[1]["path_params"])


@pytest.mark.parametrize(
    "method, path", [("GET", "/notes"), ("GET", "/notes/"), ("GET", "/notes/a/b"), ("PUT", "/notes/n1")]
)
def test_the_table_finds_nothing_else(method: str, path: str) -> None:
    assert RouteTable(compiled_routes()).find(method, path) is None


async def test_a_route_of_another_kind_runs_inside_the_request_shell() -> None:
    async with http_client() as client:
        app: Any = client._transport.app  # type: ignore[attr-defined]
        assert isinstance(app.shell, RequestShell)

        @app.get("/plain")  # type: ignore[untyped-decorator]
        async def plain() -> dict[str, int]:
            return {"n": 1}

        response = await client.get("/plain")
    assert (response.json(), response.headers["x-content-type-options"]) == ({"n": 1}, "nosniff")


def test_fastapi_has_the_internals_that_compiled_routes_read() -> None:
    """If this fails after an upgrade of FastAPI: see which parameter kinds are new, and read or reject them in
    routing.py.
    """
    assert {each.name for each in dataclasses.fields(Dependant)} == {
        "path_params", "query_params", "header_params", "cookie_params", "body_params", "dependencies", "name", "call",
        "request_param_name", "websocket_param_name", "http_connection_param_name", "response_param_name",
        "background_tasks_param_name", "security_scopes_param_name", "own_oauth_scopes", "parent_oauth_scopes",
        "use_cache",
        "path", "scope", "concurrency",
    }  # fmt: skip
    assert {each.name for each in dataclasses.fields(ModelField)} >= {"name", "field_info"}
    assert {"alias", "validate", "get_default"} <= set(dir(ModelField))
    [route] = [
        route for route in router_of(APIRoute).routes if isinstance(route, APIRoute) and route.name == "get_note"
    ]
    assert isinstance(route.dependant, Dependant)
    assert [type(each) for each in route.dependant.query_params] == [ModelField]
    assert [each.name for each in route.dependant.dependencies] == ["context"]
