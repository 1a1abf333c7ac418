"""One document of the provider, over real TLS: from servers that are slow, too talkative, or somebody else's."""

import json
import ssl
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler

import pytest
import trustme

from orderkeep.application.access.actor import ActorKind
from orderkeep.application.openid_provider import OpenIdProvider
from orderkeep.infrastructure.openid_tokens import OpenIdTokens
from orderkeep.infrastructure.openid_tokens.fetching import MAX_BYTES, FetchFailed, fetch
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


async def test_from_the_providers_name_to_a_token_that_counts_over_tls(authority: trustme.CA) -> None:
    pages: dict[str, Page | bytes] = {"/shop/keys?version=1": BODY}
    with serving(pages, of_server(authority, "localhost")) as (address, asked):
        issuer = f"{address}/shop"
        document = {"issuer": issuer, "jwks_uri": f"{issuer}/keys?version=1"}
        pages["/shop/.well-known/openid-configuration"] = json.dumps(document).encode()
        trusted = partial(fetch, tls=of_client(authority))
        tokens = OpenIdTokens(OpenIdProvider(issuer, AUDIENCE), fetch=trusted, now=lambda: NOW)
        found = await tokens.authenticate(token({"iss": issuer, "sub": "Ada"}))
        assert found is not None
        assert (found.kind, found.id) == (ActorKind.CUSTOMER, "Ada")
        assert asked == ["/shop/.well-known/openid-configuration", "/shop/keys?version=1"]
        await tokens.close()


def test_a_server_that_nobody_vouches_for_is_not_listened_to(authority: trustme.CA) -> None:
    with serving({"/keys": BODY}, of_server(authority, "localhost")) as (address, asked):
        with pytest.raises(FetchFailed, match=r"^SSL"):
            fetch(f"{address}/keys")
        assert asked == []


def test_a_server_of_another_name_is_not_listened_to(authority: trustme.CA) -> None:
    with serving({"/keys": BODY}, of_server(authority, "login.example.com")) as (address, asked):
        with pytest.raises(FetchFailed, match=r"^SSL"):
            fetch(f"{address}/keys", tls=of_client(authority))
        assert asked == []


def test_a_provider_on_this_machine_may_speak_plain_http() -> None:
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
def test_a_document_comes_as_servers_send_it(page: Page) -> None:
    with serving({"/keys": page}) as (address, _):
        assert fetch(f"{address}/keys") == BODY


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        answer(handler, BODY, status, Location="/other")

    with serving({"/keys": elsewhere, "/other": BODY}) as (address, asked):
        with pytest.raises(FetchFailed, match=f"it answers {status}"):
            fetch(f"{address}/keys")
        assert asked == ["/keys"]


@pytest.mark.parametrize("status", [201, 204, 206, 304, 401, 404, 500, 503])
def test_an_answer_other_than_200_is_none(status: int) -> None:
    body = b"" if status in (204, 304) else BODY
    with (
        serving({"/keys": lambda handler: answer(handler, body, status)}) as (address, _),
        pytest.raises(FetchFailed, match=f"it answers {status}"),
    ):
        fetch(f"{address}/keys")


def test_a_document_is_no_larger_than_it_may_be() -> None:
    pages: dict[str, Page | bytes] = {"/most": b"x" * MAX_BYTES, "/more": b"x" * (MAX_BYTES + 1)}
    with serving(pages) as (address, _):
        assert len(fetch(f"{address}/most")) == MAX_BYTES
        with pytest.raises(FetchFailed, match="larger than 262,144 bytes"):
            fetch(f"{address}/more")


def test_a_document_without_end_is_not_read_to_its_end() -> None:
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


def test_half_a_document_is_none() -> None:
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
def test_a_server_that_sends_a_letter_now_and_then_is_cut_off(start: bytes, tls: bool, authority: trustme.CA) -> None:
    over = threading.Event()
    context = of_server(authority, "localhost") if tls else None
    with serving({"/keys": a_letter_now_and_then(start, over)}, context) as (address, _):
        with pytest.raises(FetchFailed, match="not answer in time"):
            fetch(f"{address}/keys", tls=of_client(authority), seconds=0.3)
        over.set()


def test_a_server_that_answers_too_late_is_not_waited_for() -> None:
    over = threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        over.wait(10)
        answer(handler, BODY)

    with serving({"/keys": late}) as (address, _):
        with pytest.raises(FetchFailed, match="not answer in time"):
            fetch(f"{address}/keys", seconds=0.1)
        over.set()


def test_a_server_that_is_not_there_is_an_outage() -> None:
    with serving({}) as (address, _):
        pass
    with pytest.raises(FetchFailed, match="NewConnectionError"):
        fetch(f"{address}/keys")
