"""Sign-in at an OpenID provider: the authorization code flow with PKCE, as the console's client of the provider."""

from __future__ import annotations

import logging
import re
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus, urlencode

from joserfc.errors import ExpiredTokenError, InvalidClaimError
from joserfc.jwt import JWTClaimsRegistry

from orderkeep.application.access.openid_sign_in import Failure, SignedIn, SignIn, SignInFailed, SignInProvider
from orderkeep.application.errors import AuthenticationUnavailable, InvalidCredentials, Overloaded
from orderkeep.application.strict_json import InvalidJSON
from orderkeep.infrastructure.openid.authenticator import LEEWAY, REJECTIONS, OpenIdAuthenticator, reason_of
from orderkeep.infrastructure.openid.keys import (
    Fetch,
    FetchFailed,
    ProviderCache,
    discovery_document,
    endpoint_in,
    exchange,
    fetch_document,
    in_daemon_thread,
)
from orderkeep.infrastructure.openid.provider import OpenIdProvider, read_object

MOST_AT_ONCE = 16
"""How many codes are exchanged at once: a provider that hangs must not occupy all requests of the service."""

MAX_CODE_LENGTH = 4_096

OF_SETTINGS = {"invalid_client", "unauthorized_client", "invalid_scope", "invalid_request", "unsupported_response_type"}
"""Error codes of providers that an administrator must act on (RFC 6749)."""

REFUSALS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
"""The statuses of a token endpoint that rejects the code or the client."""

_ERROR_CODE = re.compile(r"[a-z_]{1,40}")
_TIMES = ("exp", "iat", "nbf")

log = logging.getLogger("orderkeep.openid")

Exchange = Callable[[str, bytes, Mapping[str, str]], tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class OpenIdClient:
    """The console as a client of the provider. `Settings` has checked the values. Without a secret, it is a public
    client, and PKCE alone protects the code.
    """

    id: str
    redirect_uri: str
    scopes: str = "openid"
    parameters: tuple[tuple[str, str], ...] = ()
    """Further parameters of the authorization request."""

    secret: str = ""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What a sign-in needs of the discovery document."""

    authorization: str
    token: str
    has_basic: bool
    """Whether the token endpoint accepts the client secret in a header."""


class OpenIdSignIn(SignInProvider):
    """Signs people in. `OpenIdAuthenticator` verifies the access token and maps it to an actor, as for the API.
    The ID token proves that it was issued to this client, for this sign-in.
    """

    def __init__(
        self,
        provider: OpenIdProvider,
        client: OpenIdClient,
        authenticator: OpenIdAuthenticator,
        *,
        fetch: Fetch = fetch_document,
        send: Exchange = exchange,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider, self._client, self._authenticator = provider, client, authenticator
        self._send, self._now, self._in_progress = send, now, 0
        self._endpoints = ProviderCache("the endpoints", partial(load_endpoints, provider, fetch), clock)
        self.fingerprint = fingerprint_of(provider, client)

    async def url_of(self, sign_in: SignIn) -> str:
        endpoint = (await self._endpoints.current()).authorization
        challenge = urlsafe_b64encode(sha256(sign_in.verifier.encode()).digest()).decode().rstrip("=")
        query = {
            **dict(self._client.parameters),
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": self._client.redirect_uri,
            "scope": self._client.scopes,
            "state": sign_in.state,
            "nonce": sign_in.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def redeem(self, response: Mapping[str, str], sign_in: SignIn) -> SignedIn:
        if response.get("iss", self._provider.issuer) != self._provider.issuer:  # RFC 9207
            raise _failed(Failure.REJECTED, "the response is of another issuer")
        if error := response.get("error"):
            raise _failed(_failure_of(error), _shown(error))
        code = response.get("code", "")
        if not 0 < len(code) <= MAX_CODE_LENGTH:
            raise _failed(Failure.REJECTED, "the response has no code")
        if self._in_progress >= MOST_AT_ONCE:
            raise Overloaded("sign-ins")
        self._in_progress += 1
        try:
            tokens = await self._tokens_for(code, sign_in.verifier)
        finally:
            self._in_progress -= 1
        return await self._signed_in(tokens, sign_in.nonce)

    async def close(self) -> None:
        await self._endpoints.close()

    async def _tokens_for(self, code: str, verifier: str) -> dict[str, Any]:
        endpoints = await self._endpoints.current()
        form, headers = self._token_request(code, verifier, endpoints)
        try:
            status, body = await in_daemon_thread(partial(self._send, endpoints.token, form, headers))
            if status in REFUSALS:
                error = read_object(body).get("error")
                raise _failed(_failure_of(error), f"the token endpoint responded with {status} {_shown(error)}")
            if status != HTTPStatus.OK:
                raise FetchFailed(f"status {status}")
            return read_object(body)
        except (FetchFailed, InvalidJSON) as error:
            reason = "a response that is not JSON" if isinstance(error, InvalidJSON) else error
            log.warning("sign-in failed", extra={"reason": f"the token endpoint is not available: {reason}"})
            raise AuthenticationUnavailable("the token endpoint of the OpenID provider is not available") from None

    def _token_request(self, code: str, verifier: str, endpoints: Endpoints) -> tuple[bytes, dict[str, str]]:
        client, headers = self._client, dict[str, str]()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        }
        if client.secret and endpoints.has_basic:
            pair = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"  # RFC 6749, section 2.3.1
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client.id} | ({"client_secret": client.secret} if client.secret else {})
        return urlencode(form).encode(), headers

    async def _signed_in(self, tokens: dict[str, Any], nonce: str) -> SignedIn:
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise _failed(Failure.SETTINGS, "the token endpoint sent no ID token or no access token")
        try:
            claims, _ = await self._authenticator.signed_claims(id_token)
            IdTokenClaims(self._provider, self._client.id, nonce, self._now).validate(claims)
        except REJECTIONS as error:
            is_clock = isinstance(error, (ExpiredTokenError, InvalidClaimError)) and error.claim in _TIMES
            raise _failed(Failure.CLOCK if is_clock else Failure.REJECTED, f"ID token: {reason_of(error)}") from None
        try:
            found = await self._authenticator.verify(access_token)
        except (*REJECTIONS, InvalidCredentials) as error:
            reason = "a claim of the actor" if isinstance(error, InvalidCredentials) else reason_of(error)
            is_clock = isinstance(error, ExpiredTokenError)
            raise _failed(Failure.CLOCK if is_clock else Failure.TOKEN, f"access token: {reason}") from None
        if found.subject != claims["sub"]:
            raise _failed(Failure.REJECTED, "the tokens have different subjects")
        return SignedIn(found.actor, datetime.fromtimestamp(found.expires, UTC))


class IdTokenClaims(JWTClaimsRegistry):
    """The claims of an ID token (OpenID Connect Core 1.0, section 3.1.3.7)."""

    def __init__(self, provider: OpenIdProvider, client_id: str, nonce: str, now: Callable[[], float]) -> None:
        super().__init__(
            now=lambda: int(now()),
            leeway=LEEWAY,
            iss={"essential": True, "value": provider.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True},
        )
        self._nonce, self._client_id, self._audiences = nonce, client_id, {client_id, provider.audience}

    def validate(self, claims: dict[str, Any]) -> None:
        """Raise `JoseError` if a claim is invalid. Other audiences than the client and the API are not trusted."""
        super().validate(claims)
        audiences = {claims["aud"]} if isinstance(claims["aud"], str) else set(claims["aud"])
        if not audiences <= self._audiences:
            raise InvalidClaimError("aud")
        if claims.get("azp", self._client_id if len(audiences) == 1 else None) != self._client_id:
            raise InvalidClaimError("azp")
        if claims["nonce"] != self._nonce:
            raise InvalidClaimError("nonce")


def load_endpoints(provider: OpenIdProvider, fetch: Fetch) -> Endpoints:
    """Fetch the endpoints from the discovery document. Blocks."""
    document = discovery_document(provider, fetch)
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Endpoints(
        endpoint_in(document, "authorization_endpoint", provider),
        endpoint_in(document, "token_endpoint", provider),
        isinstance(methods, list) and "client_secret_basic" in methods,
    )


def fingerprint_of(provider: OpenIdProvider, client: OpenIdClient) -> str:
    """Return a text that changes with what decides who may sign in, and as whom."""
    claims = provider.claims
    scopes = sorted((term, sorted(scopes)) for term, scopes in claims.scopes.items())
    parts = (provider.issuer, provider.audience, client.id, claims.user_claim, claims.scopes_claim, scopes)
    return sha256(repr(parts).encode()).hexdigest()


def _failure_of(error: object) -> Failure:
    if error == "access_denied":
        return Failure.DENIED
    return Failure.SETTINGS if error in OF_SETTINGS else Failure.REJECTED


def _shown(error: object) -> str:
    """Return an error code of the provider for the log; not another text, which may contain anything."""
    return error if isinstance(error, str) and _ERROR_CODE.fullmatch(error) else "an unknown error"


def _failed(failure: Failure, reason: str) -> SignInFailed:
    log.warning("sign-in failed", extra={"reason": reason})
    return SignInFailed(failure)
