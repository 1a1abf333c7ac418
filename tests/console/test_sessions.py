"""Sign-in and sign-out in a browser, cookies, and forms from other sites."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from orderkeep.application.access.api_keys import id_of_key
from orderkeep.bootstrap import UseCases
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.console.console_calls import Console, Html, console, key_of
from tests.entrypoints.credentials import use_cases_with_keys

SIGN_IN = "/console/sign-in"
ISSUER = {"jwt_issuer": "https://login.example", "jwt_audience": "orders"}


@pytest.fixture
def do() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


def cookies_of(response: httpx.Response) -> list[str]:
    return response.headers.get_list("set-cookie")


async def test_local_mode_needs_no_sign_in_and_says_so() -> None:
    async with console() as browser:
        page = await browser.open()
        assert "Local mode, no sign-in" in page.texts("span")
        assert (await browser.open(SIGN_IN)).response.url.path == "/"


async def test_a_visitor_is_sent_to_the_sign_in_page_and_back(do: UseCases) -> None:
    key = await key_of(do, "orders:read")
    async with console(do, auth="keys") as browser:
        page = await browser.open("/?status=pending")
        assert page.response.url.path == SIGN_IN
        page = await browser.send(page, SIGN_IN, key=key)
        assert str(page.response.url) == "http://localhost/?status=pending"
        assert page.text("h1") == "Orders"


@pytest.mark.parametrize("target", ["//evil.test", "https://evil.test/", "/\\evil.test", "/docs", "javascript:0"])
async def test_sign_in_leads_to_no_other_place(do: UseCases, target: str) -> None:
    key = await key_of(do, "orders:read")
    async with console(do, auth="keys") as browser:
        page = await browser.open(f"{SIGN_IN}?next={target}")
        assert page.form(SIGN_IN)["next"] == ["/"]
        page = await browser.send(page, SIGN_IN, key=key, next=target)
        assert str(page.response.url) == "http://localhost/"


@pytest.mark.parametrize("key", ["", "wrong", "ok_0123456789_" + "0" * 49])
async def test_a_wrong_key_is_rejected_with_what_to_do(do: UseCases, key: str) -> None:
    async with console(do, auth="keys") as browser:
        page = await browser.send(await browser.open(SIGN_IN), SIGN_IN, 422, key=key)
        assert "use another one" in page.text("p", role="alert")
        assert page.one("input", id="key").get("value") is None


async def test_a_key_is_rejected_if_the_service_uses_none(do: UseCases) -> None:
    key = await key_of(do, "orders:read")
    async with console(do, auth="keys") as before, console(do, auth="jwt", **ISSUER) as browser:
        form = (await before.open(SIGN_IN)).form(SIGN_IN)
        browser.client.cookies = before.client.cookies
        assert "Sign-in is not set up" in (await browser.open(SIGN_IN)).texts("p")[0]
        response = await browser.post(SIGN_IN, {**form, "key": key})
        assert response.status_code == 422
        assert "ORDERKEEP_AUTH" in Html(response).text("div", role="alert")


async def test_session_of_a_key_ends_when_keys_are_disabled(do: UseCases) -> None:
    async with console(do, auth="keys,jwt", **ISSUER) as before, console(do, auth="jwt", **ISSUER) as after:
        assert (await before.sign_in(await key_of(do, "orders:read"))).text("h1") == "Orders"
        after.client.cookies = before.client.cookies
        assert (await after.open()).response.url.path == SIGN_IN


async def test_cookie_is_not_readable_by_scripts_and_new_after_sign_in(do: UseCases) -> None:
    key = await key_of(do, "orders:read")
    async with console(do, auth="keys") as browser:
        page = await browser.open(SIGN_IN)
        before = browser.client.cookies["orderkeep"]
        response = await browser.client.post(SIGN_IN, data={**page.form(SIGN_IN), "key": key})
        [cookie] = cookies_of(response)
        assert re.fullmatch(r"orderkeep=[A-Za-z0-9_-]{43}; HttpOnly; Path=/; SameSite=lax", cookie)
        assert browser.client.cookies["orderkeep"] != before
        assert key not in response.text + str(response.headers)


@pytest.mark.parametrize("base_url", ["https://shop.example", "http://shop.example", "https://localhost"])
async def test_cookie_is_for_this_host_and_https_alone(do: UseCases, base_url: str) -> None:
    """With http at another host, TLS may end at a proxy; if it does not, the browser rejects the cookie."""
    async with console(do, base_url, auth="keys") as browser:
        [cookie] = cookies_of((await browser.open(SIGN_IN)).response)
        assert re.fullmatch(r"__Host-orderkeep=[A-Za-z0-9_-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", cookie)


async def test_sign_out_ends_the_session_everywhere(do: UseCases) -> None:
    key = await key_of(do, "orders:read")
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(key)
        token = browser.client.cookies["orderkeep"]
        valid = await browser.client.get("/", headers={"Cookie": f"orderkeep={token}"})
        assert valid.status_code == 200
        page = await browser.send(page, "/console/sign-out")
        assert "You are signed out." in page.text("div", role="status")
        browser.client.cookies.clear()
        again = await browser.client.get("/", headers={"Cookie": f"orderkeep={token}"})
        assert again.headers["location"].startswith(SIGN_IN)


async def test_a_revoked_key_ends_its_sessions(do: UseCases) -> None:
    key = await key_of(do, "orders:read")
    async with console(do, auth="keys") as browser:
        await browser.sign_in(key)
        await do.revoke_api_key.execute(id_of_key(key) or "")
        assert (await browser.open()).response.url.path == SIGN_IN


async def test_an_old_session_is_signed_out_without_doing_what_its_form_says(do: UseCases) -> None:
    key = await key_of(do, "orders:read")
    async with console(do, auth="keys") as browser:
        await browser.sign_in(key)
        later = do.resume_session.clock() + timedelta(hours=13)
        do.resume_session.clock = lambda: later
        response = await browser.post("/console/bulk", {"form_token": "x"})
        assert response.status_code == 401
        assert Html(response).text("h1") == "Signed out"


async def test_two_processes_share_sessions(do: UseCases) -> None:
    key = await key_of(do, "orders:read")
    async with console(do, auth="keys") as first, console(do, auth="keys") as second:
        await first.sign_in(key)
        second.client.cookies = first.client.cookies
        assert (await second.open()).text("h1") == "Orders"


async def test_a_session_is_no_credential_of_the_api(do: UseCases) -> None:
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, "orders:read"))
        assert (await browser.client.get("/orders")).status_code == 401


async def send_to_sign_out(browser: Console, page: Html, **headers: str) -> httpx.Response:
    return await browser.post("/console/sign-out", page.form("/console/sign-out"), **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "http://localhost:9"},
        {"Origin": "null"},
    ],
)
async def test_forms_of_other_sites_are_rejected(do: UseCases, headers: dict[str, str]) -> None:
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(await key_of(do, "orders:read"))
        response = await send_to_sign_out(browser, page, **headers)
        assert response.status_code == 403
        assert Html(response).text("h1") == "Request from another site"
        assert (await browser.open()).text("h1") == "Orders"


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_a_form_without_its_token_is_rejected(do: UseCases, token: str) -> None:
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, "orders:read"))
        response = await browser.post("/console/sign-out", {"form_token": token})
        assert response.status_code == 403
        assert (await browser.open()).text("h1") == "Orders"


async def test_a_form_without_the_cookie_is_rejected() -> None:
    async with console() as browser:
        page = await browser.open("/console/sign-in", 200)
        response = await browser.post("/console/sign-in", {"form_token": "x"})
        assert response.status_code == 403
        assert Html(response).text("h1") in ("Cookie missing", "Form out of date")
        assert page.response.status_code == 200


@pytest.mark.parametrize(
    "body, media_type, status",
    [
        (b"{}", "application/json", 415),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(1_001)), "application/x-www-form-urlencoded", 400),
        (b"a=" + b"b" * 70_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_other_bodies_are_rejected(body: bytes, media_type: str, status: int) -> None:
    async with console() as browser:
        response = await browser.client.post(SIGN_IN, content=body, headers={"Content-Type": media_type})
        assert response.status_code == status
        Html(response)


async def test_each_page_has_a_strict_policy_and_no_inline_code() -> None:
    async with console() as browser:
        page = await browser.open()
        policy = page.response.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'; ")
        assert page.response.headers["referrer-policy"] == "same-origin"
        for element in page.root.iter():
            attributes: dict[str, Any] = dict(element.attrib)
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert element.tag != "style"
            assert element.tag != "script" or not element.text


async def test_a_session_needs_a_store_of_records(do: UseCases) -> None:
    def reject() -> Any:
        from orderkeep.bootstrap.stores import records_of

        return records_of(object())  # type: ignore[arg-type]

    do = replace(do, start_session=type(do.start_session)(do.authenticate, reject))
    async with console(do, auth="keys") as browser:
        page = await browser.open(SIGN_IN)
        response = await browser.client.post(SIGN_IN, data={**page.form(SIGN_IN), "key": await key_of(do, "admin")})
        assert response.status_code == 503
