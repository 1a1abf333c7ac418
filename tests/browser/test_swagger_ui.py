"""`/docs` in a browser: each operation succeeds with what Swagger UI fills in, and no request leaves the machine."""

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import httpx

from tests.entrypoints.http_calls import ORDER, document
from tests.entrypoints.served import serving

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.servers.chromium import Browsing

PAYMENT = {"reference": "pay-1", "kind": "captured", "amount": 9_900}
REFUND = {"reference": "ref-1", "amount": 1}
DELIVERED: list[tuple[str, Any]] = [(command, None) for command in ("confirm", "ship", "deliver")]
OF_A_RETURN = ("receive_return", "reject_return", "cancel_return")
COMMANDS: dict[str, list[tuple[str, Any]]] = {
    "ship_order": DELIVERED[:1],
    "add_shipment": DELIVERED[:1],
    "deliver_order": DELIVERED[:2],
    "update_shipment": DELIVERED[:2],
    "deliver_shipment": DELIVERED[:2],
    "release_order": [("hold", {"reason": "fraud"})],
    "add_refund": [("payments", PAYMENT)],
    "close_refund": [("payments", PAYMENT), ("refunds", REFUND)],
    "request_return": DELIVERED,
    **{name: [*DELIVERED, ("returns", {})] for name in OF_A_RETURN},
    "edit_note": [("notes", {"text": "Called."})],
}
"""What must be done to a new order before the operation accepts it."""


def ids_of(operation: str, client: httpx.Client) -> dict[str, str]:
    """Return the path parameters of an order with a receipt, in a status that the operation accepts."""
    path = client.post("/orders", json=ORDER | {"external_ref": None}).headers["location"]
    for command, body in COMMANDS.get(operation, []):
        client.post(f"{path}/{command}", json=body or {}).raise_for_status()
    receipt = client.post(f"{path}/documents/receipt").raise_for_status().json()
    webhook = client.post("/webhooks", json={"url": "http://localhost:9000/hooks"}).raise_for_status().json()
    event = client.get("/events").raise_for_status().json()["data"][0]
    webhook_and_event = {"webhook_id": webhook["id"], "event_id": event["id"]}
    parts = {"shipment_id": "s1", "return_id": "r1", "note_id": "n1", "reference": "ref-1"}
    return {"order_id": path.rpartition("/")[2], "document_id": receipt["id"], **webhook_and_event, **parts}


async def execute(page: "Page", operation: str, ids: dict[str, str]) -> tuple[str, int]:
    """Execute an operation with what is filled in, except for the path parameters. Return its request and status."""
    block = page.locator(f'[id$="-{operation}"]')
    await block.locator(".opblock-summary-control").click()
    await block.locator(".responses-table .highlight-code").first.wait_for()  # the form is complete
    if await (try_it_out := block.get_by_role("button", name="Try it out")).count():
        await try_it_out.click()
    for name, value in ids.items():
        if await (field := block.locator(f'tr[data-param-name="{name}"] input')).count():
            await field.fill(value)
            await field.blur()  # Swagger UI reads a field after a pause, or when it loses the focus
    await block.get_by_role("button", name="Execute").click()
    status = await block.locator(".live-responses-table .response > .response-col_status").first.inner_text()
    url = await block.locator(".request-url pre").inner_text()
    await block.locator(".opblock-summary-control").click()
    return url, int(re.findall(r"\d+", status)[0])


async def operations_on(page: "Page") -> list[str]:
    await page.locator(".opblock").first.wait_for()
    ids = await page.locator(".opblock").evaluate_all("blocks => blocks.map(block => block.id)")
    return [each.rpartition("-")[2] for each in ids]


async def test_each_operation_succeeds_with_what_is_filled_in(browser: "Browsing") -> None:
    page, requests = browser
    with serving(store="memory://", relay="false") as (
        client,
        _,
    ):  # its log, which is not read here, would fill the pipe
        base = str(client.base_url).rstrip("/")
        await page.goto(f"{base}/docs")
        operations = await operations_on(page)
        results = {each: await execute(page, each, ids_of(each, client)) for each in operations}
    assert {each: result for each, result in results.items() if not 200 <= result[1] < 300} == {}
    declared = [each["operationId"] for path in document()["paths"].values() for each in path.values()]
    assert sorted(results) == sorted(declared)
    assert requests.outside(base) == []
    assert len(requests) >= len(results)


async def test_finds_a_planted_example_that_is_filled_in(browser: "Browsing") -> None:
    page, _ = browser
    planted = deepcopy(document())
    parameters = planted["paths"]["/orders/{order_id}/confirm"]["post"]["parameters"]
    [if_match] = [each for each in parameters if each["name"] == "If-Match"]
    if_match["example"] = '"7"'
    await page.route("**/openapi.json", lambda route: route.fulfill(json=planted))
    with serving(store="memory://") as (client, _):
        await page.goto(str(client.base_url.join("/docs")))
        await operations_on(page)
        assert (await execute(page, "confirm_order", ids_of("confirm_order", client)))[1] == 412


async def test_finds_a_planted_request_to_another_host(browser: "Browsing") -> None:
    page, requests = browser
    with serving(store="memory://") as (client, _):
        base = str(client.base_url).rstrip("/")
        await page.route(
            "**/docs/start.js", lambda route: route.fulfill(body='new Image().src = "http://planted.test/"')
        )
        await page.goto(f"{base}/docs")
    assert requests.outside(base) == ["http://planted.test/"]
