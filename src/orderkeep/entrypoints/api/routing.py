"""Routes that FastAPI declares, validates and documents, compiled once.

What an operation takes is in the signature of its endpoint, as in any FastAPI application: path, query and header
parameters, a body, `Request`, `Depends`. FastAPI reads the signature (`APIRoute.dependant`) and documents it. Only the
work per request differs: a plan, made once, reads each parameter with its pydantic field and calls the endpoint,
instead of `solve_dependencies` with its exit stacks and threads. For that:

- Dependencies are plain functions that do not block; they run on the event loop. Coroutine functions, generators and
  classes as dependencies, background tasks, cookies, forms, websockets and path parameters other than strings are not
  supported: a server does not start, or in an app that was created with use cases, the first request fails.
- Endpoints are coroutine functions that return a `Response`. The response model is for the documentation.
- Unknown query parameters are rejected by name, repeated ones unless they are lists, and bodies that are not taken.

This is the only module that depends on FastAPI's internals; tests/entrypoints/test_routing.py fails if they change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction, isfunction, isgeneratorfunction, signature
from typing import Any, get_origin
from urllib.parse import parse_qsl

from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope

from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.entrypoints.api.headers import WHITESPACE, is_utf8_json, members_of
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.field_errors import FieldError, InvalidFields, parameter_error, unknown_name
from orderkeep.entrypoints.schemas import parse_json

MAX_PARAMETERS = 50
"""Maximum number of query parameters of a request."""

_HEADERS = "orderkeep.headers"
_PRESENTABLE = re.compile(r"[A-Za-z0-9_.\-]{1,64}", re.ASCII)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_TAKES_BODY = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """How a header is read, in the metadata of its parameter: `Annotated[str, Header(), HeaderRule("must be …")]`.

    `message` is the error if the value does not match the parameter's type. A `comma_separated` header may be repeated:
    its values are joined with commas (RFC 9110, 5.3). Any other header is rejected if it is repeated.
    """

    message: str
    comma_separated: bool = False


_PRECONDITIONS = ((b"if-match", "If-Match"), (b"if-none-match", "If-None-Match"))
_NO_CONDITION = HeaderRule("cannot be used with this operation: omit it")

Values = dict[bytes, bytes | list[bytes]]
"""Headers by name; of a header that is repeated, the list of its values."""

Reader = Callable[[Request, Mapping[str, Any]], Any]
"""Returns an argument of a function, given the request and its validated query parameters."""


def headers_of(scope: Scope) -> Values:
    """Return the headers of a request by name; of a header that is repeated, the list of its values. Whitespace around
    a value is not part of it (5.5), so it is removed, in the scope as well.
    """
    headers: Values | None = scope.get(_HEADERS)
    if headers is None:
        given = scope["headers"] = [(name, value.strip(WHITESPACE)) for name, value in scope["headers"]]
        headers = scope[_HEADERS] = dict(given)
        if len(headers) != len(given):
            names = [name for name, _ in given]
            for name in {name for name in names if names.count(name) > 1}:
                headers[name] = [value for other, value in given if other == name]
    return headers


class CompiledRoute(APIRoute):
    """An `APIRoute` whose signature is compiled into a plan: when a server starts, or else with the first use, because
    a cold start on Lambda responds to one request.
    """

    methods: set[str]

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if not iscoroutinefunction(endpoint):
            raise TypeError(f"{endpoint.__qualname__}: the endpoint of a compiled route must be a coroutine function")
        self.path, self.endpoint, self._options = path, endpoint, options
        self.name, self.methods = endpoint.__name__, set(options.get("methods") or ("GET",))
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)

    def __getattr__(self, name: str) -> Any:
        if "_options" not in self.__dict__:
            raise AttributeError(name)
        self.compile()
        return getattr(self, name)

    def compile(self) -> None:
        """Let FastAPI read the signature, and make the plan, unless that was done."""
        if (options := self.__dict__.pop("_options", None)) is None:
            return
        super().__init__(self.path, self.endpoint, **options)
        self._call: Callable[..., Any] = self.endpoint
        self._arguments = _compile(self.dependant)
        self._read_query = _QueryReader(_query_fields(self.dependant)).read
        self._body = _body_field(self.dependant)
        self._takes_body = bool(self.methods & _TAKES_BODY)
        self._not_evaluated = _not_evaluated(self.dependant, is_safe=not self._takes_body)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what FastAPI calls for a request that does not come through the request shell."""

        async def respond(request: Request) -> Response:
            return await self.respond(request.scope, request.receive)

        return respond

    async def respond(self, scope: Scope, receive: Receive) -> Response:
        """Return the response of the endpoint. Raises `HttpProblem` if the request is invalid."""
        for precondition, header in self._not_evaluated:
            if precondition in headers_of(scope):
                raise _invalid_header(header, _NO_CONDITION)
        query = self._read_query(scope["query_string"])
        body = await _receive(receive) if self._takes_body else b""
        values = self._arguments(Request(scope, receive), query)
        if self._body is not None:
            name, model, default = self._body
            values[name] = _parse(model, body, scope) if body or default is None else default
        elif body:
            _expect_nothing(body, scope)
        response: Response = await self._call(**values)
        return response


class RouteTable:
    """Finds the compiled route of a request."""

    def __init__(self, routes: Sequence[CompiledRoute]) -> None:
        self._routes = routes
        methods = {method for route in routes for method in route.methods}
        matching = [(route.path_regex.fullmatch, route) for route in routes]
        self._by_method = {method: [each for each in matching if method in each[1].methods] for method in methods}

    def find(self, method: str, path: str) -> tuple[CompiledRoute, dict[str, str]] | None:
        """Return the route and its path parameters, or None."""
        for match, route in self._by_method.get(method, ()):
            if found := match(path):
                return route, found.groupdict()
        return None

    def at(self, path: str) -> list[CompiledRoute]:
        """Return the routes of the path, whatever their methods."""
        matching = [route for route in self._routes if route.path_regex.fullmatch(path)]
        # A fixed path comes before a pattern that matches it too: see documents/receipt.
        return [route for route in matching if route.path == matching[0].path]


def _compile(dependant: Dependant) -> Callable[[Request, Mapping[str, Any]], dict[str, Any]]:
    """Return what reads all arguments of the dependant's function but a body."""
    _reject_unsupported(dependant)
    readers = [(each.name or "", _dependency(each)) for each in dependant.dependencies]
    readers += [(each.name, _path_param(each.alias)) for each in dependant.path_params]
    readers += [(each.name, _query_param(each.name)) for each in dependant.query_params]
    readers += [(each.name, _header_param(each)) for each in dependant.header_params]
    if dependant.request_param_name:
        readers.append((dependant.request_param_name, lambda request, _: request))
    return lambda request, query: {name: read(request, query) for name, read in readers}


def _reject_unsupported(dependant: Dependant) -> None:
    given = {
        "cookies": dependant.cookie_params,
        "WebSocket": dependant.websocket_param_name,
        "HTTPConnection": dependant.http_connection_param_name,
        "Response as a parameter": dependant.response_param_name,
        "BackgroundTasks": dependant.background_tasks_param_name,
        "SecurityScopes": dependant.security_scopes_param_name,
        "path parameters other than str": [
            each for each in dependant.path_params if each.field_info.annotation is not str
        ],
        "headers without a HeaderRule": [each for each in dependant.header_params if _rule_of(each) is None],
        "dependencies that are not plain functions, or take a body": [
            each for each in dependant.dependencies if each.body_params or not _is_plain(each.call)
        ],
    }
    if unsupported := [kind for kind, found in given.items() if found]:
        name = getattr(dependant.call, "__qualname__", dependant.call)
        raise TypeError(f"{name}: a compiled route does not support {', '.join(unsupported)}")


def _is_plain(function: Any) -> bool:
    return isfunction(function) and not iscoroutinefunction(function) and not isgeneratorfunction(function)


def _dependency(dependant: Dependant) -> Reader:
    function: Any = dependant.call
    arguments = _compile(dependant)
    if dependant.request_param_name and len(signature(function).parameters) == 1:  # the most frequent dependencies
        return lambda request, _: function(request)
    return lambda request, query: function(**arguments(request, query))


def _path_param(alias: str) -> Reader:
    return lambda request, _: request.scope["path_params"][alias]


def _query_param(name: str) -> Reader:
    return lambda _, query: query[name]


def _header_param(field: ModelField) -> Reader:
    header, default, rule = field.alias, field.get_default(), _rule_of(field)
    name, validate = header.lower().encode(), field._type_adapter.validator.validate_python  # noqa: SLF001
    assert rule is not None  # noqa: S101  # as `_reject_unsupported` checked

    def read(request: Request, _: Mapping[str, Any]) -> Any:
        given = headers_of(request.scope).get(name)
        if given is None:
            return default
        if isinstance(given, list):
            if not rule.comma_separated:
                raise _invalid_header(header, rule)
            given = b",".join(given)
        try:
            return validate(given.decode("latin-1"))
        except ValidationError:
            raise _invalid_header(header, rule) from None

    return read


def _rule_of(field: ModelField) -> HeaderRule | None:
    return next((each for each in field.field_info.metadata if isinstance(each, HeaderRule)), None)


def _invalid_header(header: str, rule: HeaderRule) -> HttpProblem:
    return HttpProblem("invalid_header", errors=[FieldError("invalid_header", rule.message, header=header)])


def _not_evaluated(dependant: Dependant, *, is_safe: bool) -> list[tuple[bytes, str]]:
    """Return the preconditions that a request must not have, because the operation would ignore them. One that neither
    changes anything nor has an entity tag may ignore them.
    """
    declared = {field.alias for each in _flattened(dependant) for field in each.header_params}
    return [each for each in _PRECONDITIONS if each[1] not in declared] if declared or not is_safe else []


def _flattened(dependant: Dependant) -> list[Dependant]:
    return [dependant, *(below for each in dependant.dependencies for below in _flattened(each))]


def _query_fields(dependant: Dependant) -> list[ModelField]:
    return [field for each in _flattened(dependant) for field in each.query_params]


class _QueryReader:
    """Reads the query parameters of a route and of its dependencies at once, so that all errors are reported."""

    def __init__(self, fields: list[ModelField]) -> None:
        self._models = [(each.name, m, frozenset(m.model_fields)) for each in fields if (m := _model_of(each))]
        self._scalars = [field for field in fields if not _model_of(field)]
        kinds = {name: each.annotation for _, model, _ in self._models for name, each in model.model_fields.items()}
        kinds |= {field.alias: field.field_info.annotation for field in self._scalars}
        self._names = frozenset(kinds)
        self._lists = frozenset(name for name, kind in kinds.items() if get_origin(kind) is list)
        self._defaults = self._validated({}, [])

    def read(self, query: bytes) -> Mapping[str, Any]:
        """Return the values by the names of the endpoint's parameters. Raises `HttpProblem`."""
        if not query:
            return self._defaults
        errors: list[FieldError] = []
        values = self._validated(self._parsed(query, errors), errors)
        if errors:
            raise HttpProblem("invalid_query", errors=errors)
        return values

    def _parsed(self, query: bytes, errors: list[FieldError]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for name, text in _pairs(query):
            shown = name if _PRESENTABLE.fullmatch(name) else "?"
            if name not in self._names:
                errors.append(FieldError("unknown_parameter", unknown_name(name, self._names), parameter=shown))
            elif not text.isascii() and _LONE_SURROGATE.search(text):
                errors.append(FieldError("invalid_parameter", "must be percent-encoded UTF-8", parameter=shown))
            elif name in self._lists:
                given.setdefault(name, []).append(text)
            elif name in given:
                errors.append(FieldError("parameter_repeated", "must not be repeated", parameter=shown))
            else:
                given[name] = text
        return given

    def _validated(self, given: dict[str, Any], errors: list[FieldError]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, model, fields in self._models:
            try:
                values[name] = model.model_validate({k: v for k, v in given.items() if k in fields})
            except ValidationError as error:
                errors += [parameter_error(found) for found in error.errors()]
        for field in self._scalars:
            values[field.name] = field.get_default()
            if field.alias in given:
                values[field.name], found = field.validate(given[field.alias], loc=(field.alias,))
                errors += [parameter_error(each) for each in found]
        return values


def _model_of(field: ModelField) -> type[BaseModel] | None:
    kind = field.field_info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _pairs(query: bytes) -> list[tuple[str, str]]:
    """Return names and values. Bytes that are not UTF-8 are lone surrogates in them."""
    try:
        text = query.decode("ascii", "surrogateescape")
        return parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise HttpProblem("invalid_query", limit=MAX_PARAMETERS) from None


def _body_field(dependant: Dependant) -> tuple[str, type[BaseModel], BaseModel | None] | None:
    if not dependant.body_params:
        return None
    [field] = dependant.body_params
    model = _model_of(field)
    if model is None:
        raise TypeError(f"a compiled route takes a pydantic model as body: {dependant.call!r}")
    return field.name, model, None if field.field_info.is_required() else field.get_default()


async def _receive(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        if not message.get("more_body"):
            return b"".join([*parts, message.get("body", b"")]) if parts else message.get("body", b"")
        parts.append(message["body"])


def _parse(model: type[BaseModel], body: bytes, scope: Scope) -> BaseModel:
    _expect_json(body, scope)
    try:
        return parse_json(model, body)
    except InvalidJSON as error:
        raise HttpProblem("malformed_json", error=error, limit=error.limit) from None
    except InvalidFields as error:
        raise HttpProblem(error.code, errors=error.errors) from None


def _expect_nothing(body: bytes, scope: Scope) -> None:
    """Reject a body that an operation does not take; an empty object is allowed."""
    _expect_json(body, scope)
    try:
        content = read_json(body)
    except InvalidJSON as error:
        raise HttpProblem("malformed_json", error=error, limit=error.limit) from None
    if content != {}:
        unexpected = FieldError("unexpected_body", "must be empty: this operation takes no body", pointer="")
        raise HttpProblem("invalid_fields", errors=[unexpected])


def _expect_json(body: bytes, scope: Scope) -> None:
    headers = headers_of(scope)
    given = headers.get(b"content-type", b"")
    is_patch = scope["method"] == "PATCH"
    if body and given != b"application/json" and not (isinstance(given, bytes) and is_utf8_json(given, patch=is_patch)):
        raise HttpProblem("unsupported_media_type")
    encoding = headers.get(b"content-encoding")
    if encoding is not None and members_of(encoding) not in ([], [b"identity"]):
        detail = "the body must not be compressed: omit Content-Encoding"
        raise HttpProblem("unsupported_media_type", detail, headers={"Accept-Encoding": "identity"})
