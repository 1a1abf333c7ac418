"""Requests to an orderkeep server: connection, TLS, proxy, retries, and the errors that its responses report."""

import re
from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any, TypeVar
from urllib.parse import urlencode
from urllib.request import getproxies, proxy_bypass

import click
import msgspec
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import make_headers, parse_url

from orderkeep.application.access.loopback import host_in, is_loopback
from orderkeep.application.errors import InvalidCredentials, InvalidQuery, NotAuthenticated
from orderkeep.domain.exceptions import (
    HasAmounts,
    InvalidInput,
    OrderkeepError,
    ServiceUnavailable,
    StoreUnusable,
    VersionMismatch,
)

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0

RETRIES = urllib3.Retry(
    total=2, read=1, other=0, allowed_methods=None, backoff_factor=0.2, respect_retry_after_header=False
)
"""Retries after network failures, not after responses. Every write has an idempotency key, so all requests are safe."""

RETRY = "run the command again"
WRONG_URL = "is this the URL of an orderkeep server?"

_KEY = re.compile(r"[A-Za-z0-9._~+/-]+=*")

Response = urllib3.BaseHTTPResponse
T = TypeVar("T")


class _FieldProblem(msgspec.Struct):
    code: str
    message: str
    pointer: str = ""
    parameter: str = ""


class _Problem(msgspec.Struct):
    """A problem document. Without a code, the response is not from orderkeep."""

    code: str
    detail: str
    request_id: str = ""
    errors: tuple[_FieldProblem, ...] = ()


class ServerConnection:
    """Sends requests with an API key, and raises what the server raised. It blocks, and follows no redirects."""

    def __init__(self, url: str, key: str | None) -> None:
        """Raises `click.UsageError` for a URL or a key that cannot be used."""
        host = host_in(url)
        if host is None or "?" in url:
            message = "--remote or ORDERKEEP_REMOTE must be a URL such as https://orders.example.com"
            is_here = "://" not in url and is_loopback(host_in(f"http://{url}") or "")
            nearest = f": did you mean http://{url}?" if is_here else "."
            raise click.UsageError(f"{message}{nearest}")
        if url.startswith("http:") and not is_loopback(host):
            raise click.UsageError(
                "--remote or ORDERKEEP_REMOTE must begin with https://: http:// would send the API key unencrypted, "
                "and is allowed for localhost only."
            )
        if key is not None and not _KEY.fullmatch(key):
            raise click.UsageError("ORDERKEEP_API_KEY is not an API key: it contains a character that no key has.")
        self.url, self.pool = url.rstrip("/").removesuffix("/docs"), _pool(url, host)  # the banner has both URLs
        self._headers = {"User-Agent": "orderkeep"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._kinds = {kind.code: kind for kind in _kinds(OrderkeepError)}

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the response to a request. Raises the error that a problem document reports."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{self.url}{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")
        content = {} if body is None else {"Content-Type": "application/json"}
        encoded = None if body is None else msgspec.json.encode(body)
        response = self._request(method, url, headers={**self._headers, **content, **(headers or {})}, body=encoded)
        if response.status >= 300:
            raise self._error_of(response)
        return response

    def download(self, path: str) -> bytes:
        """Return a file, also from a link in another place, which does not receive the API key."""
        response = self._request("GET", f"{self.url}{path}", headers=self._headers)
        if response.status == 307 and (link := response.headers.get("Location")):
            if link.startswith("http:") and not self.url.startswith("http:"):
                raise ServiceUnavailable(f"{self.url} redirects to a link without TLS")
            response = self._request("GET", link)
        elif response.status >= 300:
            raise self._error_of(response)
        return response.data

    def decode(self, response: Response, kind: type[T]) -> T:
        """Return the decoded body."""
        try:
            return msgspec.json.decode(response.data, type=kind)
        except msgspec.MsgspecError as error:
            raise click.UsageError(f"{self.url} did not respond as orderkeep does: {WRONG_URL}") from error

    def _request(self, method: str, url: str, **content: Any) -> Response:
        try:
            return self.pool.request(method, url, redirect=False, **content)
        except HTTPError as error:
            failure = ServiceUnavailable(f"{self.url} is not available: {_reason(error)}")
            failure.add_note(f"check the URL and the network, then {RETRY}")
            raise failure from error

    def _error_of(self, response: Response) -> Exception:
        status, location = response.status, response.headers.get("Location")
        if location and status < 400:
            return click.UsageError(f"{self.url} redirects to {location}: use the URL of the server itself.")
        try:
            problem = msgspec.json.decode(response.data, type=_Problem)
        except msgspec.MsgspecError:  # from a proxy, or from another program
            problem = _Problem("", f"{self.url} responded with {status} {response.reason or ''}".rstrip())
        kind = self._kinds.get(problem.code)
        if kind is None and status in (401, 403):
            kind = InvalidCredentials
        elif kind is None and status >= 500:
            kind = ServiceUnavailable
        elif problem.code in ("invalid_fields", "body_too_large"):
            kind = self._kinds.get(problem.errors[0].code, InvalidInput) if problem.errors else InvalidInput
        if kind is None:
            hint = f": {WRONG_URL}" if problem.code in ("", "not_found", "method_not_allowed") else "."
            return click.UsageError(f"{problem.detail}{hint}")
        return self._error(kind, problem, response)

    def _error(self, kind: type[OrderkeepError], problem: _Problem, response: Response) -> OrderkeepError:
        """Return the error as the server raised it, with the server's message."""
        detail = problem.detail.replace("this request_id", f"request_id {problem.request_id}")
        if kind is NotAuthenticated:
            detail = f"{self.url} requires an API key"
        if issubclass(kind, HasAmounts):
            content = msgspec.json.decode(response.data) | {"status": ""}  # of the order: not part of the message
            names = signature(kind).parameters
            if names.keys() <= content.keys():  # an older server sends no amounts
                return kind(**{name: content[name] for name in names})
        first = problem.errors[0] if problem.errors else None
        error = kind.__new__(kind, first.message if first else detail)  # each class has other parameters
        if first and first.pointer:
            error.field = first.pointer[1:].replace("~1", "/").replace("~0", "~")
        elif isinstance(error, InvalidQuery):
            error.parameter, error.other = first.parameter if first else "", ""
        elif isinstance(error, VersionMismatch):
            error.actual = int(response.headers.get("ETag", "0").strip('"'))
        elif isinstance(error, ServiceUnavailable):
            is_temporary = response.status in (502, 503, 504) and not isinstance(error, StoreUnusable)
            error.add_note(RETRY if is_temporary else "report this to the operator of the server")
        return error


def _kinds(kind: type[OrderkeepError]) -> Iterator[type[OrderkeepError]]:
    """Yield all subclasses of an exception class; of those that share a code, the most general last."""
    for each in kind.__subclasses__():
        yield from _kinds(each)
        yield each


def _pool(url: str, host: str) -> urllib3.PoolManager:
    """Return a connection pool, with the proxy of the environment; to localhost, which is another host to a proxy,
    without.
    """
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    settings: dict[str, Any] = {"retries": RETRIES, "timeout": timeout}
    proxy = getproxies().get(url.partition(":")[0])
    if proxy is None or is_loopback(host) or proxy_bypass(host):
        return urllib3.PoolManager(**settings)
    try:
        credentials = parse_url(proxy).auth
        headers = make_headers(proxy_basic_auth=credentials) if credentials else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, **settings)
    except HTTPError:
        raise click.UsageError("the proxy that the environment sets must be an http:// or https:// URL.") from None


def _reason(error: BaseException) -> str:
    """Return what failed on the network."""
    match error:
        case MaxRetryError(reason=BaseException() as last):
            return _reason(last)
        case NewConnectionError():  # also a `ConnectTimeoutError`
            return _first_cause(error)
        case ConnectTimeoutError():
            return f"it accepted no connection within {CONNECT_SECONDS:.0f} s"
        case ReadTimeoutError():
            return f"it sent no response within {READ_SECONDS:.0f} s"
        case SSLError():
            return f"its TLS certificate or connection is not valid: {_first_cause(error)}"
        case ProxyError():
            return f"the proxy that the environment sets does not work: {_first_cause(error)}"
    return _first_cause(error)


def _first_cause(error: BaseException) -> str:
    cause = error.__cause__ or (error.args[-1] if error.args else None)
    if isinstance(cause, BaseException):
        return _first_cause(cause)
    return getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error)


def key_header(key: str) -> dict[str, str]:
    """Return the header with an idempotency key. Raises `click.UsageError`."""
    if not _KEY.fullmatch(key):
        raise click.UsageError("--key must be 1 to 255 printable ASCII characters, without quotes at its ends.")
    return {"Idempotency-Key": key if {'"', "\\"} & {*key} else f'"{key}"'}


_KEY = re.compile(r"[ !#-\[\]-~]{1,255}|[!#-~][ -~]{0,253}[!-~]")
"""A key that a header can contain: as a quoted string, or as it is."""
