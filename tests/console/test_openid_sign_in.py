"""Sign-in at an OpenID provider: the flow with a provider over HTTP, and attacks on it, each of which fails."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from orderkeep.application.access.sessions import KIND
from orderkeep.bootstrap import UseCases, bootstrap_from_settings
from orderkeep.config import Settings
from orderkeep.entrypoints.console.signin import PROBLEMS
from tests.console.console_calls import Console, console, key_of
from tests.infrastructure.openid_samples import LEFT_OUT, published, rsa_key
from tests.infrastructure.openid_samples import key_of as signing_key
from tests.servers.openid_sign_in import AUDIENCE, CLIENT, SECONDS, SECRET, SignInServer, signing_in

ORIGIN = "http://localhost"
CALLBACK = "/console/sign-in/callback"
SIGN_IN = "/console/sign-in"


@pytest.fixture
def provider() -> Iterator[SignInServer]:
    with signing_in(f"{ORIGIN}{CALLBACK}") as found:
        yield found


@pytest.fixture
def settings(provider: SignInServer, tmp_path: Path) -> dict[str, Any]:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n", "utf-8")
    return {
        "store": "memory://",
        "auth": "keys,jwt",
        "jwt_issuer": provider.address,
        "jwt_audience": AUDIENCE,
        "jwt_scopes": "shop.staff=orders:read shop.staff=stats:read shop.admin=admin",
        "oidc_client_id": CLIENT,
        "oidc_client_secret_file": str(secret),
        "oidc_scopes": "openid shop",
        "oidc_parameters": f"audience={AUDIENCE}",
        "console_origin": ORIGIN,
    }


@asynccontextmanager
async def at(settings: dict[str, Any], do: UseCases | None = None) -> AsyncIterator[Console]:
    """Yield a browser at a console, of its own or on the use cases of another one."""
    async with AsyncExitStack() as stack:
        if do is None:
            do = bootstrap_from_settings(Settings(**settings))
            stack.push_async_callback(do.close)
        yield await stack.enter_async_context(console(do, ORIGIN, **settings))


@pytest.fixture
async def browser(settings: dict[str, Any]) -> AsyncIterator[Console]:
    async with at(settings) as found:
        yield found


async def at_provider(browser: Console, target: str = "/") -> str:
    """Start a sign-in, sign in at the provider, and return the URL that it sends the browser back to."""
    started = await browser.client.get(f"{SIGN_IN}/openid", params={"next": target})
    assert started.status_code == 303, started.text
    async with httpx.AsyncClient() as client:
        response = await client.get(started.headers["location"])
    assert response.status_code == 302, response.text
    return response.headers["location"]


async def sign_in(browser: Console, target: str = "/") -> httpx.Response:
    return await browser.client.get(await at_provider(browser, target))


async def problem_of(browser: Console, response: httpx.Response) -> str:
    """Return why a sign-in failed, as the page says that follows. No session has started."""
    assert response.status_code == 303, response.text
    assert response.headers["location"].startswith(f"{SIGN_IN}?problem=")
    page = await browser.open(response.headers["location"])
    assert (await browser.open()).response.url.path == SIGN_IN
    text = page.text("div", role="alert")
    return next(name for name, problem in PROBLEMS.items() if problem == text)


async def sessions_of(do: UseCases) -> list[dict[str, Any]]:
    records = await do.start_session.open_records().list_records(KIND)
    return [json.loads(record.content) for record in records]


async def test_person_is_signed_in_with_the_scopes_of_the_access_token(
    browser: Console, provider: SignInServer
) -> None:
    page = await browser.open("/?status=pending")
    assert page.response.url.path == SIGN_IN
    link = page.link("Sign in with localhost")
    target = parse_qs(urlsplit(link).query)["next"][0]
    response = await sign_in(browser, target)
    assert (response.status_code, response.headers["location"]) == (303, "/?status=pending")
    page = await browser.open(response.headers["location"])
    assert page.text("h1") == "Orders"
    assert "staff mira-7" in page.texts("span")
    menu = page.texts("a", page.one("nav", aria_label="Main"))
    assert "Statistics" in menu
    assert "System" not in menu  # the scope of the ID token does not count
    assert provider.seen == []


async def test_person_without_mapped_scopes_is_a_customer(browser: Console, provider: SignInServer) -> None:
    provider.access_claims = {"scope": "openid"}
    await sign_in(browser)
    assert "customer mira-7" in (await browser.open()).texts("span")


@pytest.mark.parametrize("methods", [["client_secret_post"], ["private_key_jwt", "client_secret_post"]])
async def test_secret_is_sent_as_the_provider_accepts_it(
    settings: dict[str, Any], provider: SignInServer, methods: list[str]
) -> None:
    provider.auth_methods = methods
    async with at(settings) as browser:
        assert (await sign_in(browser)).headers["location"] == "/"


async def test_public_client_sends_its_id(settings: dict[str, Any], provider: SignInServer) -> None:
    provider.secret = ""
    async with at({**settings, "oidc_client_secret_file": ""}) as browser:
        assert (await sign_in(browser)).headers["location"] == "/"


async def test_session_is_new_and_contains_no_token(browser: Console, provider: SignInServer) -> None:
    url = await at_provider(browser)
    before = browser.client.cookies["orderkeep"]
    await browser.client.get(url)
    after = browser.client.cookies["orderkeep"]
    assert after != before
    [stored] = await sessions_of(browser.use_cases)
    assert stored["login"]["id"] == f"{provider.address}#mira-7"
    assert "eyJ" not in str(stored)
    assert after not in str(stored)
    browser.client.cookies.set("orderkeep", before)
    assert (await browser.open()).response.url.path == SIGN_IN


async def test_cookies_are_of_this_host_and_sent_when_the_provider_redirects(settings: dict[str, Any]) -> None:
    async with at({**settings, "console_origin": "https://orders.example"}) as other:
        other.client.base_url = httpx.URL("https://orders.example")
        response = await other.client.get(f"{SIGN_IN}/openid", params={"next": "/?q=ada"})
        flags = "; HttpOnly; {}Path=/; SameSite=lax; Secure"
        cookies = response.headers.get_list("set-cookie")
        assert len(cookies) == 2
        assert all(each.startswith("__Host-orderkeep") for each in cookies)
        assert cookies[0].endswith(flags.format(""))
        assert cookies[1].endswith(flags.format("Max-Age=600; "))


async def test_redirect_uri_is_configured_and_not_of_the_host_header(browser: Console, provider: SignInServer) -> None:
    response = await browser.client.get(
        f"{SIGN_IN}/openid", headers={"Host": "evil.test", "X-Forwarded-Host": "evil.test"}
    )
    query = parse_qs(urlsplit(response.headers["location"]).query)
    assert query["redirect_uri"] == [f"{ORIGIN}{CALLBACK}"] == [provider.redirect_uri]
    assert "evil" not in response.headers["location"]


async def test_redirect_uri_contains_the_root_path(settings: dict[str, Any]) -> None:
    async with at({**settings, "root_path": "/shop"}) as browser:
        response = await browser.client.get(f"{SIGN_IN}/openid")
        query = parse_qs(urlsplit(response.headers["location"]).query)
        assert query["redirect_uri"] == [f"{ORIGIN}/shop{CALLBACK}"]


async def test_provider_gets_neither_the_path_nor_the_token_of_the_browser(browser: Console) -> None:
    response = await browser.client.get(f"{SIGN_IN}/openid", params={"next": "/?q=ada@example.com"})
    assert "ada" not in response.headers["location"]
    assert browser.client.cookies["orderkeep"] not in response.headers["location"]


@pytest.mark.parametrize(
    "target",
    [
        *(
            "//evil.test",
            "///evil.test",
            "https:evil.test",
            "https://evil.test/",
            "http:/evil.test",
            "javascript:alert(1)",
        ),
        *(
            "/\\evil.test",
            "\\\\evil.test",
            "/console/\\evil.test",
            "/docs",
            "/console/sign-in",
            "/%2f/evil.test",
            "evil.test",
        ),
        *("/console/sign-in/callback?code=1", "/?" + "x" * 3_000),
    ],
)
async def test_sign_in_leads_to_no_other_place(browser: Console, target: str) -> None:
    assert (await sign_in(browser, target)).headers["location"] == "/"


@pytest.mark.parametrize("target", ["//evil.test", "https:evil.test", "/\\evil.test"])
async def test_forged_cookie_leads_to_no_other_place(browser: Console, target: str) -> None:
    url = await at_provider(browser)
    browser.client.cookies.set("orderkeep-target", target, domain="localhost.local")
    response = await browser.client.get(
        url, headers={"Cookie": f"orderkeep={browser.client.cookies['orderkeep']}; orderkeep-target={target}"}
    )
    assert response.headers["location"] == "/"


async def test_response_is_useless_in_another_browser(browser: Console, settings: dict[str, Any]) -> None:
    url = await at_provider(browser)
    async with at(settings, browser.use_cases) as other:
        assert await problem_of(other, await other.client.get(url)) == "state"  # without any cookie
        await other.open(SIGN_IN)
        assert await problem_of(other, await other.client.get(url)) == "state"  # with a cookie of its own
        own = parse_qs(urlsplit(await at_provider(other)).query)["state"][0]
        foreign = parse_qs(urlsplit(url).query)["code"][0]
        mixed = f"{CALLBACK}?code={foreign}&state={own}"  # the code of the one with the state of the other
        assert await problem_of(other, await other.client.get(mixed)) == "rejected"
    assert await sessions_of(browser.use_cases) == []


async def test_response_of_an_attacker_does_not_replace_a_session(
    browser: Console, settings: dict[str, Any], provider: SignInServer
) -> None:
    await sign_in(browser)
    token = browser.client.cookies["orderkeep"]
    provider.subject = "mallory-6"
    async with at(settings, browser.use_cases) as other:
        url = await at_provider(other)
    assert (await browser.client.get(url)).headers["location"] == "/"
    assert browser.client.cookies["orderkeep"] == token
    assert "staff mira-7" in (await browser.open()).texts("span")


async def test_response_is_accepted_once(browser: Console, provider: SignInServer) -> None:
    """Even if the provider accepted its code again, and the browser sent its old cookie."""
    url = await at_provider(browser)
    code, asked = next(iter(provider.codes.items()))
    old = {"Cookie": f"orderkeep={browser.client.cookies['orderkeep']}"}
    assert (await browser.client.get(url)).headers["location"] == "/"
    browser.client.cookies.clear()
    response = await browser.client.get(url, headers=old)
    assert await problem_of(browser, response) == "rejected"  # by the provider
    provider.codes[code] = asked
    assert await problem_of(browser, await browser.client.get(url, headers=old)) == "state"
    assert len(await sessions_of(browser.use_cases)) == 1


@pytest.mark.parametrize("state", ["", "x", "0" * 42 + "." + "A" * 43, None])
async def test_state_must_be_one_of_the_service(browser: Console, state: str | None) -> None:
    await at_provider(browser)
    query = {"code": "code-0"} if state is None else {"code": "code-0", "state": state}
    assert await problem_of(browser, await browser.client.get(CALLBACK, params=query)) == "state"


async def test_sign_in_expires(browser: Console) -> None:
    url = await at_provider(browser)
    use_case = browser.use_cases.start_openid_session
    now = use_case.clock()
    use_case.clock = lambda: now + timedelta(minutes=11)
    assert await problem_of(browser, await browser.client.get(url)) == "expired"


async def test_two_tabs_can_sign_in(browser: Console) -> None:
    first, second = await at_provider(browser, "/console/events"), await at_provider(browser)
    assert (await browser.client.get(first)).headers["location"] == "/"
    assert (await browser.client.get(second)).headers["location"] == "/"  # which is signed in
    assert (await browser.open()).text("h1") == "Orders"


EC = signing_key("ES256")
OTHER = signing_key("RS256", 2)
PUBLIC = rsa_key(2048).as_pem(private=False)


def without_signature(tokens: dict[str, Any]) -> dict[str, Any]:
    return {**tokens, "id_token": tokens["id_token"].rpartition(".")[0] + "."}


WRONG_ID_TOKENS: dict[str, tuple[str, dict[str, Any]]] = {
    "nonce of another sign-in": ("rejected", {"id_claims": {"nonce": "A" * 43}}),
    "nonce in a list": ("rejected", {"id_claims": {"nonce": ["A" * 43]}}),
    "no nonce": ("rejected", {"id_claims": {"nonce": LEFT_OUT}}),
    "audience of another client": ("rejected", {"id_claims": {"aud": "other-8"}}),
    "audience of the API": ("rejected", {"id_claims": {"aud": AUDIENCE}}),
    "another audience too": ("rejected", {"id_claims": {"aud": [CLIENT, "other-8"], "azp": CLIENT}}),
    "two audiences without azp": ("rejected", {"id_claims": {"aud": [CLIENT, AUDIENCE]}}),
    "azp of another client": ("rejected", {"id_claims": {"azp": "other-8"}}),
    "no audience": ("rejected", {"id_claims": {"aud": LEFT_OUT}}),
    "issuer": ("rejected", {"id_claims": {"iss": "https://evil.test"}}),
    "subject": ("rejected", {"id_claims": {"sub": "mallory-6"}}),
    "no subject": ("rejected", {"id_claims": {"sub": LEFT_OUT}}),
    "no expiry": ("rejected", {"id_claims": {"exp": LEFT_OUT}}),
    "no time of issue": ("rejected", {"id_claims": {"iat": LEFT_OUT}}),
    "expired": ("clock", {"id_claims": {"exp": 1_700_000_000}}),
    "of the future": ("clock", {"id_claims": {"iat": time.time() + 3_600}}),
    "alg none": ("rejected", {"id_header": {"alg": "none"}, "change_tokens": without_signature}),
    "alg HS256 with the public key": ("rejected", {"algorithm": "HS256", "key": PUBLIC, "id_header": {"alg": "HS256"}}),
    "alg of another family": ("rejected", {"algorithm": "ES256", "key": EC, "id_header": {"alg": "ES256"}}),
    "signature of another key": ("rejected", {"key": OTHER}),
    "unknown key": ("rejected", {"key": OTHER, "id_header": {"kid": "RS256 2"}}),
    "key in the header": ("rejected", {"key": OTHER, "id_header": {"jwk": published(OTHER, "RS256 1")}}),
}
WRONG_ACCESS_TOKENS: dict[str, tuple[str, dict[str, Any]]] = {
    "audience of the client": ("token", {"access_claims": {"aud": CLIENT}}),
    "issuer of the access token": ("token", {"access_claims": {"iss": "https://evil.test"}}),
    "ID token as access token": ("token", {"access_claims": {"at_hash": "x"}}),
    "expired access token": ("clock", {"access_claims": {"exp": 1_700_000_000, "iat": LEFT_OUT}}),
    "access token that has just expired": ("clock", {"access_claims": {"exp": time.time() - 5, "iat": LEFT_OUT}}),
    "access token without expiry": ("token", {"access_claims": {"exp": LEFT_OUT}}),
}


@pytest.mark.parametrize("name", [*WRONG_ID_TOKENS, *WRONG_ACCESS_TOKENS])
async def test_wrong_token_starts_no_session(browser: Console, provider: SignInServer, name: str) -> None:
    expected, changes = (WRONG_ID_TOKENS | WRONG_ACCESS_TOKENS)[name]
    for attribute, value in changes.items():
        setattr(provider, attribute, value)
    assert await problem_of(browser, await sign_in(browser)) == expected
    assert await sessions_of(browser.use_cases) == []


@pytest.mark.parametrize("audience", [[CLIENT], [CLIENT, AUDIENCE]])
async def test_id_token_may_name_client_and_api_as_audience(
    browser: Console, provider: SignInServer, audience: list[str]
) -> None:
    provider.id_claims = {"aud": audience, "azp": CLIENT}
    assert (await sign_in(browser)).headers["location"] == "/"


OPAQUE = {"access_token": "opaque-text"}
RESPONSES: dict[str, tuple[str, Any]] = {
    "no ID token": ("settings", lambda tokens: {**tokens, "id_token": None}),
    "no access token": ("settings", lambda tokens: {"id_token": tokens["id_token"]}),
    "opaque access token": ("token", lambda tokens: {**tokens, **OPAQUE}),
    "long access token": ("token", lambda tokens: {**tokens, "access_token": "a.b." + "c" * 9_000}),
    "not a JSON object": ("unavailable", lambda tokens: [tokens]),
}


@pytest.mark.parametrize("name", RESPONSES)
async def test_incomplete_response_of_the_token_endpoint_is_explained(
    browser: Console, provider: SignInServer, name: str
) -> None:
    expected, provider.change_tokens = RESPONSES[name]
    assert await problem_of(browser, await sign_in(browser)) == expected


@pytest.mark.parametrize(
    "status, body, expected",
    [
        (400, b'{"error":"invalid_grant"}', "rejected"),
        (401, b'{"error":"invalid_client"}', "settings"),
        (400, b'{"error":"unauthorized_client"}', "settings"),
        (400, b'{"error":"<script>"}', "rejected"),
        (400, b"not JSON", "unavailable"),
        (429, b"{}", "unavailable"),
        (500, b"{}", "unavailable"),
        (503, b"", "unavailable"),
        (302, b"", "unavailable"),
        (200, b"x" * 300_000, "unavailable"),
    ],
)
async def test_error_of_the_token_endpoint_is_explained(
    browser: Console, provider: SignInServer, status: int, body: bytes, expected: str
) -> None:
    provider.reject_code = (status, body)
    assert await problem_of(browser, await sign_in(browser)) == expected


@pytest.mark.parametrize(
    "error, expected",
    [
        ("access_denied", "denied"),
        ("invalid_scope", "settings"),
        ("unauthorized_client", "settings"),
        ("server_error", "rejected"),
        ("<script>alert(1)</script>", "rejected"),
    ],
)
async def test_error_of_the_provider_is_explained(
    browser: Console, provider: SignInServer, error: str, expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider.error = error
    response = await sign_in(browser)
    assert await problem_of(browser, response) == expected
    assert "secret" not in response.headers["location"] + caplog.text
    assert "script" not in caplog.text


async def test_response_of_another_issuer_is_rejected(browser: Console, provider: SignInServer) -> None:
    provider.response_parameters = {"iss": "https://evil.test"}
    assert await problem_of(browser, await sign_in(browser)) == "rejected"
    assert "/token" not in provider.asked


@pytest.mark.parametrize("code", ["", "x" * 5_000])
async def test_response_needs_a_code(browser: Console, provider: SignInServer, code: str) -> None:
    provider.response_parameters = {"code": code}
    assert await problem_of(browser, await sign_in(browser)) == "rejected"
    assert "/token" not in provider.asked


async def test_failed_sign_in_starts_again_with_another_cookie(browser: Console, provider: SignInServer) -> None:
    provider.error = "access_denied"
    url = await at_provider(browser, "/console/new-order")
    before = browser.client.cookies["orderkeep"]
    page = await browser.open(url)
    assert browser.client.cookies["orderkeep"] != before
    assert "next=%2Fconsole%2Fnew-order" in page.link("Sign in with localhost")
    provider.error = ""
    assert (await sign_in(browser)).headers["location"] == "/"


async def test_provider_that_is_down_is_explained(settings: dict[str, Any]) -> None:
    async with at({**settings, "jwt_issuer": "http://localhost:9"}) as browser:
        assert await problem_of(browser, await browser.client.get(f"{SIGN_IN}/openid")) == "unavailable"


async def test_session_ends_with_the_access_token(browser: Console) -> None:
    await sign_in(browser)
    use_case = browser.use_cases.resume_session
    now = use_case.clock()
    use_case.clock = lambda: now + timedelta(seconds=SECONDS - 5)
    assert (await browser.open()).text("h1") == "Orders"
    use_case.clock = lambda: now + timedelta(seconds=SECONDS + 1)
    assert (await browser.open()).response.url.path == SIGN_IN


async def test_sign_out_ends_the_session(browser: Console) -> None:
    await sign_in(browser)
    old = {"Cookie": f"orderkeep={browser.client.cookies['orderkeep']}"}
    await browser.send(await browser.open(), "/console/sign-out")
    assert (await browser.client.get("/", headers=old)).headers["location"].startswith(SIGN_IN)
    assert await sessions_of(browser.use_cases) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"auth": "keys"},
        {"jwt_scopes": "shop.staff=orders:read"},
        {"oidc_client_id": "other-8"},
        {"jwt_audience": "https://other.example"},
    ],
)
async def test_session_ends_when_the_configuration_changes(
    browser: Console, settings: dict[str, Any], changes: dict[str, str]
) -> None:
    await sign_in(browser)
    token = browser.client.cookies["orderkeep"]
    async with at({**settings, **changes}) as other:
        records = other.use_cases.start_session.open_records()
        own = browser.use_cases.start_session.open_records()
        await records.write_records(
            [type(each)(each.kind, each.id, each.content) for each in await own.list_records(KIND)]
        )
        response = await other.client.get("/", headers={"Cookie": f"orderkeep={token}"})
        assert response.headers["location"].startswith(SIGN_IN)


async def test_no_secret_is_logged(browser: Console, provider: SignInServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = await at_provider(browser)
    await browser.client.get(url)
    provider.id_claims = {"nonce": "A" * 43}
    browser.client.cookies.clear()
    other = await at_provider(browser)
    await browser.client.get(other)
    own = [record for record in caplog.records if record.name.startswith("orderkeep")]
    logged = " ".join(str(record.__dict__) for record in own)
    assert "invalid_claim nonce" in logged
    values = [value for each in (url, other) for values in parse_qs(urlsplit(each).query).values() for value in values]
    for secret in (*values, *provider.verifiers, SECRET, "eyJ"):
        assert secret == provider.address or secret not in logged


async def test_both_ways_are_offered(browser: Console) -> None:
    page = await browser.open(SIGN_IN)
    assert page.link("Sign in with localhost") == f"{SIGN_IN}/openid?next=%2F"
    await browser.sign_in(await key_of(browser.use_cases, "orders:read"))
    assert (await browser.open()).text("h1") == "Orders"


async def test_sign_in_with_openid_alone_shows_no_form(settings: dict[str, Any]) -> None:
    async with at({**settings, "auth": "jwt"}) as browser:
        page = await browser.open(SIGN_IN)
        assert page.all("form") == []
        assert page.link("Sign in with localhost")


async def test_sign_in_with_openid_is_not_offered_without_its_settings(settings: dict[str, Any]) -> None:
    async with at({**settings, "oidc_client_id": ""}) as browser:
        assert "Sign in with localhost" not in (await browser.open(SIGN_IN)).texts("a")
        assert await problem_of(browser, await browser.client.get(f"{SIGN_IN}/openid")) == "settings"
