"""Fetching a document over real TLS, from servers that are slow, endless or untrusted."""

import json
import ssl
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler

import pytest
import trustme

from orderkeep.application.access.actor import ActorKind
from orderkeep.infrastructure.openid.authenticator import OpenIdAuthenticator
from orderkeep.infrastructure.openid.keys import MAX_BYTES, FetchFailed
from orderkeep.infrastructure.openid.keys import fetch_document as fetch
from orderkeep.infrastructure.openid.provider import OpenIdProvider
from tests.infrastructure.openid_samples import AUDIENCE, NOW, jwks, key_of, published, token
from tests.servers.openid import Page, answer, serving

BODY = jwks(published(key_of("RS256"), "RS256 1"))


@pytest.fixture(scope="module", name="authority")
def certificate_authority() -> trustme.CA:
    return trustme.CA()


def of_server(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def of_client(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_token_is_verified_with_keys_discovered_over_tls(authority: trustme.CA) -> None:
    pages: dict[str, Page | bytes] = {"/shop/keys?version=1": BODY}
    with serving(pages, of_server(authority, "localhost")) as (address, asked):
        issuer = f"{address}/shop"
        document = {"issuer": issuer, "jwks_uri": f"{issuer}/keys?version=1"}
        pages["/shop/.well-known/openid-configuration"] = json.dumps(document).encode()
        trusted = partial(fetch, tls=of_client(authority))
        tokens = OpenIdAuthenticator(OpenIdProvider(issuer, AUDIENCE), fetch=trusted, now=lambda: NOW)
        found = await tokens.authenticate(token({"iss": issuer, "sub": "Ada"}))
        assert found is not None
        assert (found.kind, found.id) == (ActorKind.CUSTOMER, "Ada")
        assert asked == ["/shop/.well-known/openid-configuration", "/shop/keys?version=1"]
        await tokens.close()


def test_untrusted_certificate_is_rejected(authority: trustme.CA) -> None:
    with serving({"/keys": BODY}, of_server(authority, "localhost")) as (address, asked):
        with pytest.raises(FetchFailed, match=r"^SSL"):
            fetch(f"{address}/keys")
        assert asked == []


def test_certificate_of_another_name_is_rejected(authority: trustme.CA) -> None:
    with serving({"/keys": BODY}, of_server(authority, "login.example.com")) as (address, asked):
        with pytest.raises(FetchFailed, match=r"^SSL"):
            fetch(f"{address}/keys", tls=of_client(authority))
        assert asked == []


@pytest.mark.parametrize("url", ["http://login.example.com/keys", "ftp://localhost/keys", "file:///etc/passwd", "keys"])
def test_url_without_tls_is_not_fetched_except_from_this_machine(url: str) -> None:
    with pytest.raises(FetchFailed, match="its URL is not https"):
        fetch(url)


def test_provider_on_this_machine_may_use_http() -> None:
    with serving({"/": BODY}) as (address, _):
        assert fetch(address) == BODY


def chunked(handler: BaseHTTPRequestHandler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.send_header("Connection", "close")
    handler.end_headers()
    for start in range(0, len(BODY), 50):
        piece = BODY[start : start + 50]
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def without_a_length(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(BODY)


@pytest.mark.parametrize("page", [chunked, without_a_length], ids=["chunked", "without a length"])
def test_document_may_be_chunked_or_without_length(page: Page) -> None:
    with serving({"/keys": page}) as (address, _):
        assert fetch(f"{address}/keys") == BODY


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(status: int) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        answer(handler, BODY, status, Location="/other")

    with serving({"/keys": elsewhere, "/other": BODY}) as (address, asked):
        with pytest.raises(FetchFailed, match=f"status {status}"):
            fetch(f"{address}/keys")
        assert asked == ["/keys"]


@pytest.mark.parametrize("status", [201, 204, 206, 304, 401, 404, 500, 503])
def test_status_other_than_200_fails(status: int) -> None:
    body = b"" if status in (204, 304) else BODY
    with (
        serving({"/keys": lambda handler: answer(handler, body, status)}) as (address, _),
        pytest.raises(FetchFailed, match=f"status {status}"),
    ):
        fetch(f"{address}/keys")


def test_document_size_is_limited() -> None:
    pages: dict[str, Page | bytes] = {"/most": b"x" * MAX_BYTES, "/more": b"x" * (MAX_BYTES + 1)}
    with serving(pages) as (address, _):
        assert len(fetch(f"{address}/most")) == MAX_BYTES
        with pytest.raises(FetchFailed, match="larger than 262,144 bytes"):
            fetch(f"{address}/more")


def test_endless_document_is_not_read_to_its_end() -> None:
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while len(sent) < 1_000:
            handler.wfile.write(b"x" * 65_536)
            sent.append(1)

    with serving({"/keys": endless}) as (address, _), pytest.raises(FetchFailed, match="larger"):
        fetch(f"{address}/keys")
    assert len(sent) < 1_000


def test_incomplete_document_fails() -> None:
    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BODY)))
        handler.end_headers()
        handler.wfile.write(BODY[:100])

    with serving({"/keys": half}) as (address, _), pytest.raises(FetchFailed, match="ProtocolError"):
        fetch(f"{address}/keys")


def a_letter_now_and_then(start: bytes, over: threading.Event) -> Page:
    def page(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(start)
        while not over.wait(0.02):
            handler.wfile.write(b"x")

    return page


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.0 200 OK\r\nX-Header: ", b"HTTP/1.0 200 OK\r\n\r\n"],
    ids=["in its status", "in a header", "in its body"],
)
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_server_that_trickles_bytes_is_cut_off(start: bytes, tls: bool, authority: trustme.CA) -> None:
    over = threading.Event()
    context = of_server(authority, "localhost") if tls else None
    with serving({"/keys": a_letter_now_and_then(start, over)}, context) as (address, _):
        with pytest.raises(FetchFailed, match="timeout"):
            fetch(f"{address}/keys", tls=of_client(authority), seconds=0.3)
        over.set()


def test_late_response_times_out() -> None:
    over = threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        over.wait(10)
        answer(handler, BODY)

    with serving({"/keys": late}) as (address, _):
        with pytest.raises(FetchFailed, match="timeout"):
            fetch(f"{address}/keys", seconds=0.1)
        over.set()


def test_refused_connection_fails() -> None:
    with serving({}) as (address, _):
        pass
    with pytest.raises(FetchFailed, match="NewConnectionError"):
        fetch(f"{address}/keys")
