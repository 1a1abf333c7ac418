"""Markup in the values of an order is shown as text on every page: nothing of it is executed, with the policy of the
pages switched off, and nothing of it would be blocked, with the policy on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orderkeep.application.dtos import LineDTO, PlaceOrder
from orderkeep.bootstrap import UseCases, bootstrap
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import PaymentKind
from orderkeep.domain.personal_data import Address, Customer, PersonalData
from orderkeep.entrypoints.console.action_forms import ACTIONS

if TYPE_CHECKING:
    from tests.browser.console_pages import Tab

PAYLOADS = (
    "<script>ran()</script>",
    "</script><script>ran()</script>",
    "<ScRiPt>ran()</sCrIpT>",
    "<script src=data:,ran()></script>",
    "<img src=x onerror=ran()>",
    '"><img src=x onerror=ran()>',
    "'><img src=x onerror=ran()>",
    "<img/src=x/onerror=ran()>",
    "<img src=x onerror=ran()//",
    "<svg onload=ran()>",
    '"><svg onload=ran()>',
    "<svg><script>ran()</script></svg>",
    "<svg><animate onbegin=ran() attributeName=x>",
    "<svg><set onbegin=ran() attributeName=x>",
    "<body onload=ran()>",
    "<iframe srcdoc='<script>parent.ran()</script>'>",
    "<iframe src=javascript:parent.ran()>",
    "<iframe onload=ran()>",
    "<object data=javascript:ran()>",
    "<embed src=javascript:ran()>",
    "<details open ontoggle=ran()>",
    "<video><source onerror=ran()>",
    "<audio src=x onerror=ran()>",
    "<input autofocus onfocus=ran()>",
    '" autofocus onfocus=ran() x="',
    "' autofocus onfocus=ran() x='",
    '" onmouseover=ran() style="position:fixed" x="',
    "` onerror=ran() `",
    "<select autofocus onfocus=ran()>",
    "<textarea autofocus onfocus=ran()>",
    "</textarea><script>ran()</script>",
    "</title><script>ran()</script>",
    "</pre><script>ran()</script>",
    "</option></select><img src=x onerror=ran()>",
    "--><script>ran()</script>",
    "]]><script>ran()</script>",
    "<math><mtext><img src=x onerror=ran()></math>",
    "<a href=javascript:ran() autofocus>x</a>",
    "javascript:ran()",
    "<style>@import'javascript:ran()'</style>",
    "<link rel=stylesheet href=//planted.test/x.css>",
    "<meta http-equiv=refresh content=0;//planted.test>",
    "<base href=//planted.test/>",
    "<form action=//planted.test><button>x",
    "<marquee onstart=ran()>",
    "<div hx-get=//planted.test hx-trigger=load>",
    "<div hx-on:htmx:load=ran()>",
    "{{ 7*7 }}{% x %}",
    "${ran()}#{ran()}<%=ran()%>",
    "&lt;script&gt;ran()&lt;/script&gt;&#x3c;script>",
)
"""Markup that would execute `ran()`, or request a page of another host, if it were not escaped."""


async def place(do: UseCases, payload: str) -> str:
    """Place an order whose values contain the payload wherever a text is accepted; return its ID."""
    local = payload.translate(dict.fromkeys(map(ord, " @"), "_"))
    part = Address(payload, payload, payload, payload, payload, payload, payload[:20], "DE")
    personal = PersonalData(Customer(payload, f"{local}@example.com", payload), part, part)
    lines = tuple(LineDTO(payload, payload, 3, 1_000, id=name) for name in ("a", "b"))
    command = PlaceOrder(
        user_id=payload,
        total=6_000,
        currency="EUR",
        lines=lines,
        external_ref=payload,
        tags=(payload,),
        metadata={payload[:40]: payload},
        personal=personal,
    )
    order = (await do.place_order.execute(command)).order_id
    a = [LineQuantity("a", 1)]
    await do.record_payment.execute(order, payload, PaymentKind.CAPTURED, 6_000, method=payload)
    await do.confirm_order.execute(order)
    await do.add_shipment.execute(order, lines=a, carrier=payload, tracking_number=payload)
    await do.deliver_shipment.execute(order, "s1")
    await do.cancel_lines.execute(order, lines=[LineQuantity("b", 1)], reason=payload, note=payload)
    await do.add_refund.execute(order, payload, 100, reason=payload)
    await do.request_return.execute(order, lines=a, reason=payload)
    await do.add_note.execute(order, payload)
    await do.hold_order.execute(order, payload, note=payload)
    await do.issue_receipt.execute(order)
    return order


def paths_of(order: str, number: int) -> list[str]:
    """Return the page of an order, and one of its others: each of them for several payloads."""
    here, action = f"/console/orders/{order}", list(ACTIONS)[number // 2 % len(ACTIONS)]
    return [here, (f"{here}/{action}", f"{here}/print", f"{here}/{action}", f"{here}?version=3")[number % 4]]


@pytest.mark.parametrize("policy", ["without policy", "with policy"])
async def test_no_value_of_an_order_is_executed(policy: str, chromium: str) -> None:
    from tests.browser.console_pages import open_tab, served

    do = bootstrap("memory://", documents_url="memory://")
    orders = [await place(do, payload) for payload in PAYLOADS]
    for payload in PAYLOADS:
        await do.create_api_key.execute(payload, scopes=["orders:read"])
    paths = ["/", "/console/keys", "/console/events", "/console/statistics"]
    some = list(enumerate(orders))[:: 1 if policy == "without policy" else 10]
    paths += [path for number, order in some for path in paths_of(order, number)]
    ran: list[str] = []
    async with served(do) as url, open_tab(chromium, bypass_csp=policy == "without policy") as tab:
        await watch(tab, ran)
        for path in paths:
            await tab.page.goto(url + path)
            assert tab.status == 200, path
            await tab.page.mouse.move(300, 300)
            assert (ran, tab.console, tab.requests.outside(url)) == ([], [], []), path
        await tab.page.goto(f"{url}/?q={PAYLOADS[5]}")
        await tab.page.get_by_label("Search orders").fill(PAYLOADS[5])
        await tab.page.keyboard.press("Enter")
        await tab.page.wait_for_load_state("networkidle")
        assert (ran, tab.console, tab.requests.outside(url)) == ([], [], [])
        await tab.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=ran()>')")
        while not (ran or tab.console):  # the hook finds a planted injection
            await tab.page.wait_for_timeout(20)


async def watch(tab: Tab, ran: list[str]) -> None:
    """Note each call of `ran()`, and each dialog."""
    await tab.page.expose_function("ran", lambda: ran.append("ran"))
    tab.page.on("dialog", lambda dialog: ran.append(dialog.message))
