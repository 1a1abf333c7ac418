"""The console as it is served, with orders of every kind, and the table of its pages that are checked in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import CDPSession, ConsoleMessage, Page, Response, async_playwright

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import LineDTO, PlaceOrder
from orderkeep.application.webhooks.sending import WebhookResponse
from orderkeep.bootstrap import UseCases, bootstrap, bootstrap_from_settings, build_use_cases
from orderkeep.config import Settings
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import PaymentKind
from orderkeep.domain.personal_data import Address, Customer, PersonalData
from orderkeep.entrypoints.sample_orders import store_samples
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.application.webhook_world import OK, Receivers
from tests.console.console_calls import served as served
from tests.servers.chromium import FLAGS, Requests

MILLISECONDS = 20_000
"""Maximum time to wait for anything on a page."""

STAFF = CommandContext(actor=Actor(ActorKind.STAFF, "mira", frozenset(Scope)))


@dataclass(frozen=True)
class Look:
    """A state of a page: its path, with `{order}` in place of the ID of an order that has everything, and `{key}` and
    `{webhook}` in place of those; then what is
    filled in and clicked there. `on` names the shop that is opened.
    """

    path: str
    fill: Mapping[str, str] = field(default_factory=dict)
    check: str = ""
    click: str = ""
    status: int = 200
    on: str = "shop"


LOOKS = {
    "orders": Look("/"),
    "no orders match": Look("/?tag=none-has-this"),
    "search": Look("/?q=SO-10482"),
    "order": Look("/console/orders/{order}"),
    "order at a version": Look("/console/orders/{order}?version=3"),
    "order, receipt issued": Look("/console/orders/{order}", click="Issue receipt"),
    "print view": Look("/console/orders/{order}/print"),
    "cancel lines": Look("/console/orders/{order}/cancel_lines"),
    "refund, rejected": Look(
        "/console/orders/{order}/add_refund", {"Reason (optional)": "a" * 101}, click="Refund €1.37", status=422
    ),
    "orders, cancel some": Look("/", check="Select SO-10482", click="Cancel…"),
    "new order": Look("/console/new-order"),
    "new order, another line": Look("/console/new-order", {"Name": "Desk lamp"}, click="Add a line"),
    "new order, rejected": Look(
        "/console/new-order", {"Name": "Desk lamp", "E-mail": "ada"}, click="Place order", status=422
    ),
    "API keys": Look("/console/keys"),
    "a new API key": Look("/console/keys", {"Name": "Warehouse Leipzig"}, click="Create key"),
    "API key rejected": Look(
        "/console/keys", {"Name": "x", "Valid until (optional)": "2001-01-01"}, click="Create key", status=422
    ),
    "revoke an API key": Look("/console/keys/{key}/revoke"),
    "no API keys": Look("/console/keys", on="empty"),
    "system": Look("/console/system"),
    "system, orders checked": Look("/console/system?check=orders"),
    "events": Look("/console/events"),
    "events of a type, older": Look("/console/events?type=OrderPlaced&position=20"),
    "events of an order": Look("/console/events?order={order}"),
    "no events match": Look("/console/events?order=none-has-this"),
    "events, rejected": Look("/console/events?position=x", status=422),
    "event": Look("/console/events/{order}.1.1"),
    "no events": Look("/console/events", on="empty"),
    "webhooks": Look("/console/webhooks"),
    "webhook": Look("/console/webhooks/{webhook}"),
    "webhook, no deliveries match": Look("/console/webhooks/{webhook}?state=failed&type=OrderPlaced"),
    "webhook, test event": Look("/console/webhooks/{webhook}", click="Send test event"),
    "add a webhook": Look("/console/webhooks/new"),
    "secret of a webhook": Look("/console/webhooks/new", {"URL": "https://erp.example/orders"}, click="Add webhook"),
    "webhook, rejected": Look(
        "/console/webhooks/new", {"URL": "http://erp.example/orders"}, click="Add webhook", status=422
    ),
    "change a webhook": Look("/console/webhooks/{webhook}/edit"),
    "replay to a webhook": Look("/console/webhooks/{webhook}/replay?first=1&last=20"),
    "replay, rejected": Look("/console/webhooks/{webhook}/replay?first=9&last=1", status=422),
    "replace a secret": Look("/console/webhooks/{webhook}/rotate"),
    "delete a webhook": Look("/console/webhooks/{webhook}/delete"),
    "no webhooks": Look("/console/webhooks", on="empty"),
    "statistics": Look("/console/statistics?period=90&timezone=Europe/Berlin"),
    "statistics without orders": Look("/console/statistics?from=2001-01-01&to=2001-01-01"),
    "statistics, rejected": Look("/console/statistics?timezone=Mars", status=422),
    "no statistics": Look("/console/statistics", on="empty"),
    "an empty store": Look("/", on="empty"),
    "an unknown address": Look("/console/no-such-page", status=404),
    "sign in": Look("/console/sign-in", on="keys"),
    "sign-in rejected": Look("/console/sign-in", {"API key": "ok_wrong"}, click="Sign in", status=422, on="keys"),
    "sign in with OpenID or a key": Look("/console/sign-in", on="openid and keys"),
    "sign-in rejected, with OpenID": Look(
        "/console/sign-in", {"API key": "ok_wrong"}, click="Sign in", status=422, on="openid and keys"
    ),
    "sign in with OpenID": Look("/console/sign-in", on="openid"),
    "sign-in with OpenID failed": Look("/console/sign-in?problem=token&next=/console/events", on="openid"),
    "sign-in is not set up": Look("/console/sign-in", on="jwt"),
}
"""All pages, by what they show. To add a screen, add a line."""

NO_PAGES = (
    *("/console", "/console/", "/console/orders", "/console/export"),
    "/console/orders/{order_id}/documents/{document_id}",
    *("/console/statistics/csv", "/console/events/stream"),
    *("/console/sign-in/openid", "/console/sign-in/callback"),
)
"""Paths of GET that return files, streams and redirects."""

OPENID: dict[str, Any] = {
    "store": "memory://",
    "jwt_issuer": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab1",
    "jwt_audience": "https://orders.example.com",
    "oidc_client_id": "console-7",
    "console_origin": "https://orders.example.com",
}


async def place_everything(do: UseCases) -> str:
    """Place an order that has one of everything, and return its ID."""
    street = "12 St James's Square"
    address = Address("Ada Byron", "Analytical Ltd", street, "2nd floor", "London", None, "SW1Y 4JH", "GB")
    lines = (
        LineDTO("LAMP-01", "Desk lamp, brass", 2, 8_900, 500, 1_000, "lamp"),
        LineDTO("CHAIR-OAK", "Chair, oak, with a name that is longer than its column in every table", 3, 8_300),
        LineDTO("BULB-E27", "Bulb E27, warm white", 4, 649, id="bulb"),
    )
    shipping, discount, tax = 495, 1_200, 299
    values = sum(each.quantity * each.unit_price - each.discount + each.tax for each in lines)
    total = values + shipping - discount + tax
    command = PlaceOrder(
        user_id="ada-17",
        total=total,
        currency="EUR",
        lines=lines,
        shipping=shipping,
        discount=discount,
        tax=tax,
        external_ref="SO-10482",
        tags=("gift", "express"),
        metadata={"channel": "web"},
        personal=PersonalData(Customer("Ada Byron", "ada@example.com", "+44 20 7946 0958"), address, address),
    )
    order = (await do.place_order.execute(command, STAFF)).order_id
    await do.record_payment.execute(order, "pay-1", PaymentKind.CAPTURED, total, STAFF, method="card")
    await do.confirm_order.execute(order, STAFF)
    lamp, bulb = LineQuantity("lamp", 1), LineQuantity("bulb", 1)
    await do.add_shipment.execute(order, STAFF, lines=[lamp], carrier="DHL", tracking_number="JD014600006281")
    await do.deliver_shipment.execute(order, "s1", STAFF)
    await do.cancel_lines.execute(order, STAFF, lines=[bulb], reason="out_of_stock")
    await do.add_refund.execute(order, "ref-1", 500, STAFF, reason="late")
    await do.request_return.execute(order, STAFF, lines=[lamp])
    await do.add_note.execute(order, "Call before delivery.", STAFF)
    await do.hold_order.execute(order, "fraud_check", STAFF)
    await do.issue_receipt.execute(order, STAFF)
    return order


async def place_webhooks(do: UseCases, receivers: Receivers) -> str:
    """Create a webhook that is paused, and one with deliveries of every kind; return the ID of that one."""
    paused = await do.create_webhook.execute("https://mail.example.com/notify", types=["OrderPlaced"], tag="gift")
    await do.pause_webhook.execute(paused.id)
    found = await do.create_webhook.execute("https://erp.example.com/hooks", start="beginning", description="ERP")
    down = WebhookResponse(503, b"<h1>Maintenance until 18:00</h1>", seconds=5.0)
    receivers.respond = lambda event: down if event["type"].endswith("confirmed") else OK
    await do.deliver_webhooks.execute()
    return found.id


@dataclass
class Shops:
    """The consoles that pages are opened on, by name."""

    urls: dict[str, str]
    do: UseCases
    ids: dict[str, str]

    def url_of(self, look: Look) -> str:
        return self.urls[look.on] + look.path.format(**self.ids)


@asynccontextmanager
async def open_shops() -> AsyncIterator[Shops]:
    """Yield consoles with orders, with none, and with each method of authentication."""
    receivers = Receivers()
    do, empty = build_use_cases(InMemoryOrderRepository(), sender=receivers), bootstrap("memory://")
    await store_samples(do, 60)
    order = await place_everything(do)
    key = await do.create_api_key.execute("Shop", scopes=["orders:read", "orders:write"])
    await do.create_api_key.execute("Ada's account", user_id="ada-17")
    webhook = await place_webhooks(do, receivers)
    await do.get_statistics.execute()
    ids = {"order": order, "key": key.kept.id, "webhook": webhook}
    openid = bootstrap_from_settings(Settings(auth="jwt", **OPENID))
    consoles: dict[str, tuple[UseCases, dict[str, Any]]] = {
        "shop": (do, {}),
        "empty": (empty, {}),
        "keys": (do, {"auth": "keys"}),
        "jwt": (do, {**OPENID, "auth": "jwt"}),
        "openid": (openid, {**OPENID, "auth": "jwt"}),
        "openid and keys": (openid, {**OPENID, "auth": "keys,jwt"}),
    }
    async with AsyncExitStack() as stack:
        urls = {name: await stack.enter_async_context(served(of, **how)) for name, (of, how) in consoles.items()}
        yield Shops(urls, do, ids)


@dataclass
class Tab:
    """A page of a browser: what it requested, and what it wrote to its console."""

    page: Page
    requests: Requests
    console: list[str]
    devtools: CDPSession
    status: int = 0

    def note_message(self, message: ConsoleMessage) -> None:
        """Note an error or a warning, except that of a page whose own status is an error."""
        is_of_status = message.text.startswith("Failed to load resource") and f" {self.status} " in message.text
        if message.type in ("error", "warning") and not (is_of_status and message.location["url"] == self.page.url):
            self.console.append(f"{message.type}: {message.text}")

    def note_response(self, response: Response) -> None:
        """Note the status of the page."""
        if response.request.is_navigation_request():
            self.status = response.status

    async def look_at(self, look: Look, shops: Shops, *, scripts: bool = True) -> None:
        """Bring the page into a state, with or without the scripts of the console."""
        await self.devtools.send("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        await self.page.set_viewport_size({"width": 1280, "height": 800})
        await self.page.goto("about:blank")
        self.requests.clear()
        self.console.clear()
        await self.page.goto(shops.url_of(look))
        for label, value in look.fill.items():
            await self.page.get_by_label(label, exact=True).first.fill(value)
        if look.check:
            await self.page.get_by_label(look.check, exact=True).check()
        if look.click:
            await (
                self.page.get_by_role("button", name=look.click, exact=True)
                .or_(self.page.get_by_role("link", name=look.click, exact=True))
                .first.click()
            )
            await self.page.wait_for_load_state("networkidle")
        await self.devtools.send("Emulation.setScriptExecutionDisabled", {"value": False})  # so that axe can run


@asynccontextmanager
async def open_tab(program: str, *, bypass_csp: bool = False) -> AsyncIterator[Tab]:
    """Open a browser with one page. `bypass_csp` switches off the policies of pages."""
    requests, console = Requests(), list[str]()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        place: dict[str, Any] = {"locale": "en-GB", "timezone_id": "Europe/Berlin"}
        context = await browser.new_context(reduced_motion="reduce", bypass_csp=bypass_csp, **place)
        context.set_default_timeout(MILLISECONDS)
        context.on("request", lambda request: requests.append(request.url))
        page = await context.new_page()
        tab = Tab(page, requests, console, await context.new_cdp_session(page))
        page.on("console", tab.note_message)
        page.on("pageerror", lambda error: console.append(f"error: {error}"))
        page.on("response", tab.note_response)
        try:
            yield tab
        finally:
            await browser.close()
