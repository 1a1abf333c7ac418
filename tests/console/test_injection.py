"""Texts of customers are shown as text: in every field of an order, in every parameter and in every form."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element

import pytest

from orderkeep.application.webhooks.sending import WebhookResponse
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.lines import LineQuantity
from orderkeep.entrypoints.schemas import PlaceOrderBody, parse_json
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.application.webhook_world import Receivers
from tests.console.console_calls import Html, console
from tests.entrypoints.credentials import use_cases_with_keys
from tests.entrypoints.http_calls import ORDER

PAYLOADS = (
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</option></select><script>alert(1)</script>",
    '" autofocus onfocus="alert(1)',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "<!--<script>",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<a href=javascript:alert(1)>x</a>",
    "<form action=//evil.test><button>x</button>",
    "<base href=//evil.test>",
    "<meta http-equiv=refresh content=0;url=//x.test>",
    "<style>*{display:none}</style>",
    "<div hx-get=//evil.test hx-trigger=load>",
    "＜script＞alert(1)＜/script＞",  # noqa: RUF001  # some databases fold these
)
ALLOWED_SCRIPTS = tuple(
    f"/console/static/{name}-" for name in ("htmx.min", "console", "export", "uPlot.iife.min", "charts")
)


@pytest.fixture
def do() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


def with_payload(payload: str) -> dict[str, Any]:
    """Return an order with the payload in each text that is not checked for its form."""
    address = dict.fromkeys(("name", "company", "line1", "line2", "city", "region"), payload) | {"country": "GB"}
    lines = [line | {"sku": f"{payload}{number}"[:100], "name": payload} for number, line in enumerate(ORDER["lines"])]
    return ORDER | {
        "user_id": payload,
        "external_ref": payload,
        "lines": lines,
        "tags": [payload],
        "metadata": {"channel": payload, "note": payload},
        "customer": {"name": payload, "email": "jo@example.com", "phone": payload[:30]},
        "shipping_address": address,
        "billing_address": address,
    }


async def prepared(do: UseCases, payload: str) -> str:
    """Return an order with the payload in each text of each of its parts."""
    body = parse_json(PlaceOrderBody, json.dumps(with_payload(payload)).encode())
    order_id = (await do.place_order.execute(body.to_command())).order_id
    await do.record_payment.execute(order_id, payload, "captured", 10_260, method=payload[:50])
    await do.add_refund.execute(order_id, payload, 100, reason=payload)
    await do.confirm_order.execute(order_id)
    tracking: dict[str, Any] = {
        "carrier": payload,
        "tracking_number": payload,
        "tracking_url": f"https://t.test/{payload}".split()[0],
    }
    await do.add_shipment.execute(order_id, lines=(LineQuantity("l1", 2),), **tracking)
    await do.deliver_shipment.execute(order_id, "s1")
    await do.request_return.execute(order_id, lines=(LineQuantity("l1", 1),), reason=payload)
    await do.cancel_lines.execute(order_id, lines=(LineQuantity("l2", 1),), reason=payload, note=payload)
    await do.hold_order.execute(order_id, payload, note=payload)
    await do.add_note.execute(order_id, payload)
    await do.add_note.execute(order_id, payload, visibility="customer")
    return order_id


def check(page: Html, payload: str) -> int:
    """Fail if the page has an element or attribute of the payload. Return how often it is shown as text."""
    for element in page.root.iter():
        if element.tag == "script":
            assert (element.get("src") or "").startswith(ALLOWED_SCRIPTS), payload
            assert not element.text
        assert element.tag not in ("img", "base", "style", "iframe", "object", "embed"), payload
        for name, value in element.attrib.items():
            assert not name.startswith("on"), (payload, name)
            if name in ("href", "action", "src", "hx-get", "hx-post"):
                assert value.startswith(("/", "#", "https://t.test/", "?")), (payload, name, value)
    return sum(payload in text for text in texts_of(page.root))


def texts_of(element: Element) -> Iterator[str]:
    for each in element.iter():
        yield from filter(None, (each.text, each.tail, *each.attrib.values()))


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_texts_of_an_order_are_shown_as_text(do: UseCases, payload: str) -> None:
    order_id = await prepared(do, payload)
    async with console(do) as browser:
        assert check(await browser.open(), payload) >= 4  # reference, customer twice, hold
        assert check(await browser.open(f"/console/orders/{order_id}"), payload) >= 25
        assert check(await browser.open(f"/console/orders/{order_id}?version=3"), payload) >= 10
        for action in ("cancel_lines", "edit", "edit_note", "update_shipment", "close_refund", "receive_return"):
            assert check(await browser.open(f"/console/orders/{order_id}/{action}"), payload) >= 2, action
        page = await browser.send(await browser.open(), "/console/bulk", do="tag", tag=payload, order=order_id)
        assert check(page, payload) >= 2


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_texts_of_events_webhooks_and_statistics_are_shown_as_text(payload: str) -> None:
    receivers = Receivers()
    receivers.respond = lambda _: WebhookResponse(400, payload.encode(), payload)
    do = build_use_cases(InMemoryOrderRepository(), sender=receivers)
    order_id = await prepared(do, payload)
    url = f"https://t.test/{payload}"
    webhook = await do.create_webhook.execute(url, tag=payload, description=payload, start="beginning")
    await do.deliver_webhooks.execute()
    here = f"/console/webhooks/{webhook.id}"
    async with console(do) as browser:
        assert check(await browser.open("/console/webhooks"), payload) >= 3
        assert check(await browser.open(here), payload) >= 5
        assert check(await browser.send(await browser.open(here), f"{here}/test"), payload) >= 6
        for name in ("edit", "rotate", "delete", "replay?first=1&last=2"):
            assert check(await browser.open(f"{here}/{name}"), payload) >= 2, name
        assert check(await browser.open("/console/statistics"), payload) >= 1
        assert check(await browser.open("/console/events"), payload) >= 1
        check(await browser.open(f"/console/events/{order_id}.2.1"), payload)  # JSON escapes quotes
        form = "/console/webhooks/new"
        page = await browser.send(await browser.open(form), form, 422, url=payload, tag=payload, position=payload)
        assert check(page, payload) >= 3
        of_statistics = (("statistics?timezone=", 422), ("statistics?currency=", 200))
        for path, status in (("events?order=", 200), ("events?position=", 422), *of_statistics):
            response = await browser.client.get(f"/console/{path}{quote(payload)}")
            assert response.status_code == status
            assert check(Html(response), payload) >= 1, path


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_what_is_typed_is_shown_as_text(do: UseCases, payload: str) -> None:
    order_id = await prepared(do, "A1")
    action = f"/console/orders/{order_id}/hold"
    async with console(do) as browser:
        page = await browser.open(action)
        page = await browser.send(page, action, do="preview", reason=payload, note=payload)
        assert check(page, payload) >= 2
        page = await browser.send(page, action, 422, reason=payload, note=payload, until=payload)
        assert check(page, payload) >= 3
        for name in ("q", "tag", "user_id"):
            response = await browser.client.get("/", params={name: payload})
            assert check(Html(response), payload) >= 1, name
        response = await browser.client.get("/", params={"status": payload, "created_from": payload})
        assert check(Html(response), payload) >= 1
        response = await browser.client.get(f"/console/orders/{order_id}", params={"version": payload})
        check(Html(response), payload)
        notice = {"Cookie": f"orderkeep-notice={quote(payload)}"}
        assert check(Html(await browser.client.get("/", headers=notice)), payload) >= 1


def test_finds_a_planted_payload() -> None:
    """The check is of use: it fails for a page that escapes nothing."""

    class Page:
        text = "<!doctype html><title>x</title><p>{}"

        def __init__(self, payload: str) -> None:
            self.text = self.text.format(payload)

    found = []
    for payload in (
        "<img src=x>",
        "<a href=javascript:alert(1)>x</a>",
        "<script>alert(1)</script>",
        "<b onclick=a>x</b>",
    ):
        try:
            check(Html(Page(payload)), payload)  # type: ignore[arg-type]
        except AssertionError:
            found.append(payload)
    assert len(found) == 4
