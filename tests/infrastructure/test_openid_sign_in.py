"""The client of an OpenID provider: its endpoints, how many codes it exchanges at once, and its fingerprint."""

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import Key

from orderkeep.application.access.actor import Scope
from orderkeep.application.access.openid_sign_in import Failure, SignIn, SignInFailed
from orderkeep.application.errors import AuthenticationUnavailable, Overloaded
from orderkeep.infrastructure.openid.authenticator import OpenIdAuthenticator
from orderkeep.infrastructure.openid.keys import MAX_AGE_SECONDS, FetchFailed
from orderkeep.infrastructure.openid.provider import ClaimsMapping
from orderkeep.infrastructure.openid.sign_in import MOST_AT_ONCE, OpenIdClient, OpenIdSignIn, fingerprint_of
from tests.infrastructure.openid_samples import ISSUER, JWKS_URL, NOW, jwks, provider, published, token
from tests.infrastructure.openid_scripted import FIRST, SECOND

CLIENT = OpenIdClient("console-7", "https://orders.example.com/console/sign-in/callback")
SIGN_IN = SignIn.start("b" * 43, datetime.fromtimestamp(NOW, UTC), bytes)
DISCOVERY = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://login.example.com/authorize",
    "token_endpoint": "https://login.example.com/token",
}
RESPONSE = {"code": "code-1", "state": SIGN_IN.state}


class Scripted:
    """A provider with a discovery document and a token endpoint that a test controls."""

    def __init__(self) -> None:
        self.document: dict[str, Any] | None = DISCOVERY
        self.seconds = 0.0
        self.sent: list[str] = []
        self.signed_by: tuple[str, Key] | None = None
        """The key that it publishes and signs tokens with. Without one, it rejects codes."""

        self.may_respond = threading.Event()

    def fetch(self, url: str) -> bytes:
        if url == JWKS_URL and self.signed_by:
            key_id, key = self.signed_by
            return jwks(published(key, key_id))
        assert url == f"{ISSUER}/.well-known/openid-configuration"
        if self.document is None:
            raise FetchFailed("status 503")
        return json.dumps(self.document).encode()

    def send(self, url: str, form: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        assert headers == {}
        self.sent.append(f"{url} {form.decode()}")
        self.may_respond.wait(30)
        if self.signed_by:
            key_id, key = self.signed_by
            id_token = token({"aud": CLIENT.id, "nonce": SIGN_IN.nonce}, {"typ": "JWT", "kid": key_id}, key=key)
            access_token = token({"jti": key_id}, {"kid": key_id}, key=key)
            return 200, json.dumps({"id_token": id_token, "access_token": access_token}).encode()
        return 400, b'{"error":"invalid_grant"}'

    def client(self) -> OpenIdSignIn:
        times: dict[str, Any] = {"now": lambda: NOW, "clock": lambda: self.seconds}
        authenticator = OpenIdAuthenticator(provider(), fetch=self.fetch, **times)
        return OpenIdSignIn(provider(), CLIENT, authenticator, fetch=self.fetch, send=self.send, **times)


async def test_codes_that_are_exchanged_at_once_are_limited() -> None:
    scripted = Scripted()
    client = scripted.client()
    await client.url_of(SIGN_IN)  # so that all have the endpoints
    waiting = [asyncio.create_task(client.redeem(RESPONSE, SIGN_IN)) for _ in range(MOST_AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await client.redeem(RESPONSE, SIGN_IN)
    scripted.may_respond.set()
    failed = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in failed} == {SignInFailed}
    with pytest.raises(SignInFailed):
        await client.redeem(RESPONSE, SIGN_IN)


async def test_code_and_verifier_are_sent_to_the_token_endpoint() -> None:
    scripted = Scripted()
    scripted.may_respond.set()
    with pytest.raises(SignInFailed) as failed:
        await scripted.client().redeem(RESPONSE, SIGN_IN)
    assert failed.value.failure is Failure.REJECTED
    [(url, _, form)] = [each.partition(" ") for each in scripted.sent]
    assert url == DISCOVERY["token_endpoint"]
    assert parse_qs(form) == {
        "grant_type": ["authorization_code"],
        "code": ["code-1"],
        "redirect_uri": [CLIENT.redirect_uri],
        "code_verifier": [SIGN_IN.verifier],
        "client_id": ["console-7"],
    }


async def test_url_of_the_provider_keeps_its_own_query() -> None:
    scripted = Scripted()
    scripted.document = {**DISCOVERY, "authorization_endpoint": "https://login.example.com/authorize?tenant=a%26b"}
    url = urlsplit(await scripted.client().url_of(SIGN_IN))
    query = parse_qs(url.query)
    assert (url.netloc, query["tenant"]) == ("login.example.com", ["a&b"])
    assert (query["state"], query["nonce"]) == ([SIGN_IN.state], [SIGN_IN.nonce])
    assert SIGN_IN.verifier not in url.query


async def test_new_signing_key_of_the_provider_is_accepted() -> None:
    scripted = Scripted()
    scripted.may_respond.set()
    client = scripted.client()
    for key in (FIRST, SECOND):
        scripted.signed_by = key
        found = await client.redeem(RESPONSE, SIGN_IN)
        assert (found.actor.id, found.expires_at.timestamp()) == (f"{ISSUER}#user-42", NOW + 600)
        scripted.seconds += 60


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.test"},
        {"authorization_endpoint": "http://login.example.com/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"token_endpoint": "http://login.example.com/token"},
        {"token_endpoint": ["https://login.example.com/token"]},
        None,
    ],
)
async def test_invalid_discovery_document_is_an_outage(changes: dict[str, Any] | None) -> None:
    scripted = Scripted()
    scripted.document = None if changes is None else {**DISCOVERY, **changes}
    with pytest.raises(AuthenticationUnavailable):
        await scripted.client().url_of(SIGN_IN)


async def test_endpoints_are_used_for_a_day_while_the_provider_is_down() -> None:
    scripted = Scripted()
    client = scripted.client()
    url = await client.url_of(SIGN_IN)
    scripted.document = None
    scripted.seconds = MAX_AGE_SECONDS
    assert await client.url_of(SIGN_IN) == url
    await client.close()
    scripted.seconds += 60
    with pytest.raises(AuthenticationUnavailable):
        await client.url_of(SIGN_IN)


def test_fingerprint_is_that_of_the_configuration() -> None:
    def mapped(*scopes: Scope, term: str = "shop") -> ClaimsMapping:
        return ClaimsMapping(scopes={term: frozenset(scopes)})

    given = provider(claims=mapped(Scope.READ, Scope.WRITE))
    others = [
        fingerprint_of(replace(given, issuer="https://other.example"), CLIENT),
        fingerprint_of(replace(given, audience="https://other.example"), CLIENT),
        fingerprint_of(replace(given, claims=mapped(Scope.READ)), CLIENT),
        fingerprint_of(replace(given, claims=mapped(Scope.READ, Scope.WRITE, term="other")), CLIENT),
        fingerprint_of(replace(given, claims=replace(given.claims, user_claim="customer")), CLIENT),
        fingerprint_of(replace(given, claims=replace(given.claims, scopes_claim="roles")), CLIENT),
        fingerprint_of(given, replace(CLIENT, id="other-8")),
    ]
    same = fingerprint_of(replace(given, claims=mapped(Scope.WRITE, Scope.READ)), replace(CLIENT, secret="other"))
    assert fingerprint_of(given, CLIENT) == same
    assert len({same, *others}) == len(others) + 1
