"""Every page and every form of the console: forms of other sites, other customers' orders, and missing scopes."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import PlaceOrder
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.console import SCREENS
from orderkeep.entrypoints.console.pages import Menu, Screen
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.console.console_calls import Console, Html, console, key_of
from tests.entrypoints.credentials import use_cases_with_keys

ROUTES: list[tuple[Screen, str, str]] = [
    (screen, "POST" if "POST" in (route.methods or ()) else "GET", route.path)
    for screen in SCREENS
    for route in screen.routes_in(Menu(SCREENS))
]
FORMS = [path for _, method, path in ROUTES if method == "POST"]
OF_ORDERS = [(method, path) for _, method, path in ROUTES if "{order_id}" in path]
WITH_SCOPES = [(method, path) for screen, method, path in ROUTES if screen.scope]
OF_ANN = CommandContext(actor=Actor(ActorKind.STAFF, "tests", frozenset(Scope)))


def filled(path: str, order_id: str = "none") -> str:
    """Return a path with values for its parameters."""
    values = {"order_id": order_id, "command": "cancel", "action": "cancel", "document_id": "0" * 16}
    for name in ("key_id", "webhook_id", "event_id", "position", "note_id", "name", "id"):
        values[name] = "none"
    return path.format(**values)


@pytest.fixture
def do() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


async def order_of_ann(do: UseCases) -> str:
    command = PlaceOrder(user_id="ann-3", total=100, currency="EUR")
    return (await do.place_order.execute(command, OF_ANN)).order_id


async def called(browser: Console, method: str, path: str, page: Html, **headers: str) -> httpx.Response:
    """Open a path, or send a form with the token of the browser to it."""
    if method == "GET":
        return await browser.client.get(path)
    return await browser.client.post(path, data=page.form("/console/sign-out"), headers=headers)


def test_there_are_forms_of_every_kind() -> None:
    assert len(FORMS) >= 15
    assert {method for method, _ in OF_ORDERS} == {method for method, _ in WITH_SCOPES} == {"GET", "POST"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": "https://["},
    ],
    ids=["cross-site", "same-site", "origin", "opaque origin", "no origin"],
)
@pytest.mark.parametrize("path", FORMS)
async def test_every_form_of_another_site_is_rejected(do: UseCases, path: str, headers: dict[str, str]) -> None:
    """Even with the cookie and the token of the form, of someone who may do everything."""
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(await key_of(do, "admin"))
        order = await order_of_ann(do)
        response = await called(browser, "POST", filled(path, order), page, **headers)
        assert response.status_code == 403
        assert Html(response).text("h1") == "Request from another site"
        assert (await do.get_order.execute(order)).version == 1


@pytest.mark.parametrize("path", FORMS)
async def test_every_form_without_the_token_is_rejected(do: UseCases, path: str) -> None:
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, "admin"))
        response = await browser.client.post(filled(path), data={"form_token": "0" * 64})
        assert response.status_code == 403
        assert Html(response).text("h1") == "Form out of date"


@pytest.mark.parametrize("method, path", OF_ORDERS)
async def test_order_of_another_customer_is_not_found(do: UseCases, method: str, path: str) -> None:
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(await key_of(do, user_id="ben-4"))
        order = await order_of_ann(do)
        known = await called(browser, method, filled(path, order), page)
        unknown = await called(browser, method, filled(path, "0" * 8), page)
        assert known.status_code == unknown.status_code
        assert known.status_code in ((404,) if method == "GET" else (404, 403))
        assert "ann-3" not in known.text


@pytest.mark.parametrize("method, path", WITH_SCOPES)
async def test_page_of_another_scope_is_not_found(do: UseCases, method: str, path: str) -> None:
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(await key_of(do, "orders:read"))
        response = await called(browser, method, filled(path), page)
        assert response.status_code == (404 if method == "GET" else 403)


async def test_customer_sees_and_exports_own_orders_only(do: UseCases) -> None:
    await order_of_ann(do)
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, user_id="ben-4"))
        for path in ("/", "/?user_id=ann-3", "/?q=ann-3", "/console/export?format=jsonl"):
            response = await browser.client.get(path, follow_redirects=True)
            assert "€1.00" not in response.text
            assert '"total"' not in response.text


async def test_session_of_an_expired_key_ends_at_once(do: UseCases) -> None:
    later = do.resume_session.clock() + timedelta(minutes=20)
    made = await do.create_api_key.execute("tests", scopes=["orders:read"], expires_at=later)
    async with console(do, auth="keys") as browser:
        assert (await browser.sign_in(made.key)).text("h1") == "Orders"
        do.resume_session.clock = lambda: later
        assert (await browser.open()).response.url.path == "/console/sign-in"
