"""An OpenID provider where people sign in, with PKCE, and which is as wrong as a test requires."""

from __future__ import annotations

import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from joserfc.jwk import Key

from tests.infrastructure.openid_samples import jwks, key_of, published, token
from tests.servers.openid import Page, answer, serving

AUDIENCE, CLIENT, SECRET = "https://orders.example.com", "console-7", "s3cret:+/ü"
SECONDS = 900
"""The lifetime of access tokens."""

Changes = dict[str, Any]
LOGIN = b"""<!doctype html><html lang="en"><title>Sign in</title><form method="post" action="%s"><button>Go
on</button></form></html>"""


@dataclass
class SignInServer:
    """The state of the provider. Tests change what it does."""

    address: str
    redirect_uri: str
    asked: list[str]
    secret: str = SECRET
    auth_methods: list[str] = field(default_factory=lambda: ["client_secret_basic"])
    error: str = ""
    """The error code with which it sends browsers back."""

    subject: str = "mira-7"
    id_claims: Changes = field(default_factory=dict)
    access_claims: Changes = field(default_factory=lambda: {"scope": "shop.staff"})
    id_header: Changes = field(default_factory=dict)
    algorithm: str = "RS256"
    key: Key | bytes = field(default_factory=lambda: key_of("RS256"))
    """What signs ID tokens."""

    change_tokens: Callable[[Changes], object] = lambda tokens: tokens
    reject_code: tuple[int, bytes] | None = None
    response_parameters: Changes = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    has_form: bool = False
    """Whether it shows a form, as providers do. Otherwise it sends browsers back at once."""

    seen: list[str] = field(default_factory=list)
    """What was wrong with requests that it rejected."""

    verifiers: list[str] = field(default_factory=list)

    def discovery(self) -> bytes:
        return json.dumps(
            {
                "issuer": self.address,
                "jwks_uri": f"{self.address}/keys",
                "authorization_endpoint": f"{self.address}/authorize?tenant=1",
                "token_endpoint": f"{self.address}/token",
                "token_endpoint_auth_methods_supported": self.auth_methods,
            }
        ).encode()

    def authorize(self, handler: BaseHTTPRequestHandler) -> None:
        """Check the request as RFC 6749 and RFC 7636 say, and send the browser back with a code."""
        asked = dict(parse_qsl(urlsplit(handler.path).query, keep_blank_values=True))
        right = {
            "tenant": "1",
            "audience": AUDIENCE,
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": self.redirect_uri,
            "scope": "openid shop",
            "code_challenge_method": "S256",
        }
        if wrong := [name for name, value in right.items() if asked.get(name) != value]:
            self.seen.append(f"wrong {wrong}")
            return answer(handler, b"wrong request", 400)
        if self.has_form and handler.command == "GET":
            return answer(handler, LOGIN % handler.path.replace("&", "&amp;").encode(), Content_Type="text/html")
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        response = {"error": self.error, "error_description": "<b>secret</b>"} if self.error else {"code": code}
        response |= {"state": asked["state"], "iss": self.address, **self.response_parameters}
        return answer(handler, b"", 302, Location=f"{self.redirect_uri}?{urlencode(response)}")

    def exchange(self, handler: BaseHTTPRequestHandler) -> None:
        """Check the client, the code and the verifier, and send the tokens."""
        body = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        form = dict(parse_qsl(body, strict_parsing=True))
        if self.reject_code is not None:
            status, content = self.reject_code
            return answer(handler, content, status)
        if not self._is_client(handler, form):
            self.seen.append("wrong client")
            return answer(handler, b'{"error":"invalid_client"}', 401)
        asked = self.codes.pop(form["code"], None)
        verifier = form.get("code_verifier", "")
        self.verifiers.append(verifier)
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != challenge or form["redirect_uri"] != asked["redirect_uri"]:
            self.seen.append("wrong code" if asked is None else "wrong verifier")
            return answer(handler, b'{"error":"invalid_grant"}', 400)
        content = json.dumps(self.change_tokens(self.tokens(asked["nonce"]))).encode()
        return answer(handler, content, Content_Type="application/json")

    def tokens(self, nonce: str) -> Changes:
        now = int(time.time())
        times = {"iss": self.address, "sub": self.subject, "iat": now, "nbf": now}
        id_claims = {**times, "aud": CLIENT, "exp": now + 60, "nonce": nonce, "scope": "shop.admin", **self.id_claims}
        access = {**times, "aud": AUDIENCE, "exp": now + SECONDS, **self.access_claims}
        header = {"typ": "JWT", "kid": "RS256 1", **self.id_header}
        return {
            "token_type": "Bearer",
            "id_token": token(id_claims, header, algorithm=self.algorithm, key=self.key),
            "access_token": token(access),
        }

    def _is_client(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> bool:
        if self.secret and self.auth_methods == ["client_secret_basic"]:
            kind, _, text = handler.headers.get("Authorization", "").partition(" ")
            found = [unquote_plus(each) for each in b64decode(text).decode().split(":")]
            return kind == "Basic" and found == [CLIENT, self.secret] and "client_secret" not in form
        return (form.get("client_id"), form.get("client_secret", "")) == (CLIENT, self.secret)


@contextmanager
def signing_in(redirect_uri: str) -> Iterator[SignInServer]:
    """Yield a provider, with the redirect URI of its client."""
    pages: dict[str, Page | bytes] = {"/keys": jwks(published(key_of("RS256"), "RS256 1")), "/favicon.ico": b" "}
    with serving(pages) as (address, asked):
        provider = SignInServer(address, redirect_uri, asked)
        pages["/.well-known/openid-configuration"] = lambda handler: answer(handler, provider.discovery())
        pages["/authorize"], pages["/token"] = provider.authorize, provider.exchange
        yield provider
