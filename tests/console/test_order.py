"""The order screen: what it shows, at any version, and to whom."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orderkeep.application.dtos import ChangeDTO
from orderkeep.bootstrap import UseCases
from orderkeep.domain.lines import LineQuantity
from orderkeep.entrypoints.amounts import outstanding
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command
from tests.console.console_calls import Html, console, key_of, text_of
from tests.entrypoints.credentials import use_cases_with_keys
from tests.entrypoints.http_calls import ORDER
from tests.receipts import PlainReceipts

LAMPS = "€96.50 2 \N{MULTIPLICATION SIGN} €47.50 \N{MINUS SIGN}€0.40 discount +€1.90 tax"
BULBS = "€3.34 3 \N{MULTIPLICATION SIGN} €1.10 \N{MINUS SIGN}€0.07 discount +€0.11 tax"
"""The amounts of the lines of `handled`, with how they are computed."""


@pytest.fixture
def do() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


async def place(do: UseCases) -> str:
    """Place an order that uses every field: 2 lamps and 3 bulbs, 102.60 EUR. Return its ID."""
    from orderkeep.entrypoints.schemas import PlaceOrderBody, parse_json

    body = parse_json(PlaceOrderBody, json.dumps(ORDER).encode())
    return (await do.place_order.execute(body.to_command())).order_id


async def handled(do: UseCases) -> str:
    """Return an order that was paid, shipped in part, cancelled in part, and refunded in part."""
    order_id = await place(do)
    await do.record_payment.execute(order_id, "pay-1", "captured", 10_260, method="card")
    await do.confirm_order.execute(order_id)
    await do.add_shipment.execute(
        order_id, lines=(LineQuantity("l1", 1),), carrier="DHL", tracking_number="JD1", tracking_url="https://t.test/1"
    )
    await do.cancel_lines.execute(order_id, lines=(LineQuantity("l1", 1),), reason="out_of_stock")
    await do.add_refund.execute(order_id, "ref-1", 1_000, reason="late")
    await do.add_note.execute(order_id, "Called at noon.\nWill call again.")
    return order_id


def terms(page: Html, within: Any) -> dict[str, str]:
    """Return the terms and descriptions of a list."""
    return dict(zip(page.texts("dt", within), page.texts("dd", within), strict=True))


async def test_order_shows_what_is_owed_shipped_and_paid(do: UseCases) -> None:
    order_id = await handled(do)
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        assert page.text("h1") == "web-7781"
        assert " for Jo Doe through web. " in page.texts("p", class_="m")[0]
        heading = page.texts("span", class_="s")
        assert heading[:3] == ["Partially shipped", "Overpaid", "Refund pending €10.00"]
        ledger = page.one("dl", class_="ledger")
        amounts = dict(zip(page.texts("dt", ledger), [each.text for each in page.all("dd", ledger)], strict=True))
        assert amounts == {
            "New total": "€55.38",
            "Authorized": "€0.00",
            "Paid": "€102.60",
            "Outstanding": "€0.00",
            "Refunded": "€0.00",
            "Refund due": "€37.22",
        }
        lines = page.rows(page.one("table", page.section("Lines")))
        assert lines[0] == ["Lamp A1", "€47.50", "2", "1", "1", "0", "0", "0", LAMPS]
        assert lines[1] == ["Bulb B2", "€1.10", "3", "0", "0", "0", "0", "3", BULBS]
        [shipment] = page.rows(page.one("table", page.section("Shipments")))
        assert shipment[:3] == ["s1", "1 \N{MULTIPLICATION SIGN} Lamp", "DHL JD1"]
        assert page.link("JD1") == "https://t.test/1"
        refund, payment = page.rows(page.one("table", page.section("Payments and refunds")))
        assert [refund[0], *refund[2:5]] == ["Refund, late", "ref-1", "Pending", "\N{MINUS SIGN}€10.00"]
        assert [payment[0], *payment[2:5]] == ["Captured, card", "pay-1", "Captured", "€102.60"]
        assert page.texts("h2")[:2] == ["Actions", "Lines"]  # on a phone, one column in this order
        customer = terms(page, page.one("dl", page.section("Customer")))
        assert customer["Name"] == "Jo Doe"
        assert customer["E-mail"] == "Jo@Example.com"
        assert "12 Mill Lane" in customer["Ship to"]
        assert "Zürich" in customer["Bill to"]
        assert "Called at noon. Will call again." in page.texts("div", page.section("Notes"))
        assert terms(page, page.one("dl", page.section("Metadata")))["channel"] == "web"
        assert "Tags: gift, express" in page.texts("span")


@pytest.mark.parametrize("path", ["", "/print"])
async def test_line_amounts_add_up_to_what_is_due(do: UseCases, path: str) -> None:
    order_id = await handled(do)
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}{path}")
        table = page.all("table")[0]

        def cents(text: str) -> int:
            return int(text.split()[0].replace("€", "").replace(".", "").replace("\N{MINUS SIGN}", "-"))

        rows = [dict(zip(page.texts("th", page.one("thead", table)), row, strict=True)) for row in page.rows(table)]
        assert [(row["Ordered"], row["Cancelled"], row["Amount"]) for row in rows] == [
            ("2", "1", LAMPS),
            ("3", "0", BULBS),
        ]

        amounts = [cents(row[-1]) for row in page.rows(table)]
        sums = {text_of(row[0]): cents(text_of(row[-1])) for row in page.one("tfoot", table)}
        due = sums.pop("New total")
        names = ("Shipping", "Discount", "Tax", "Cancelled: 1 unit")
        assert sum(amounts) + sum([sums[name] for name in names]) == due
        assert sums.keys() - {*names} <= {"Paid", "Refunded", "Outstanding"}


async def test_outstanding_is_what_is_not_paid(do: UseCases) -> None:
    order_id = await place(do)
    path = f"/console/orders/{order_id}"
    async with console(do) as browser:

        async def shown() -> list[str]:
            page = await browser.open(path)
            ledger = terms(page, page.one("dl", class_="ledger"))
            page = await browser.open(path + "/print")
            printed = {text_of(row[0]): text_of(row[-1]) for row in page.one("tfoot", page.all("table")[0])}
            return [ledger["Outstanding"], printed["Total"], printed["Outstanding"]]

        assert await shown() == ["€102.60to be paid by the customer", "€102.60", "€102.60"]
        await do.record_payment.execute(order_id, "pay-1", "captured", 10_000)
        assert await shown() == ["€2.60to be paid by the customer", "€102.60", "€2.60"]
        await do.record_payment.execute(order_id, "pay-2", "captured", 260)
        assert await shown() == ["€0.00nothing to pay", "€102.60", "€0.00"]


@pytest.mark.parametrize("order, minor", [((9, 5, 0), 4), ((9, 5, 1), 0), ((5, 9, 0), 0)])
def test_nothing_is_outstanding_once_something_was_refunded(order: tuple[int, ...], minor: int) -> None:
    assert outstanding(dict(zip(("current_total", "captured", "refunded"), order, strict=True))) == minor


@pytest.mark.parametrize(
    "referrer, back",
    [
        ("http://localhost/shop/?q=Jo%40Example.com", "/shop/?q=Jo%40Example.com"),
        ("http://localhost/shop/?status=pending&created_from=today", "/shop/?status=pending&created_from=today"),
        ("http://localhost/shop/?status=pending&cursor=abc&unknown=1", "/shop/?status=pending&cursor=abc"),
        ("http://localhost/shop/console/events?q=1", "/shop/"),
        ("http://other.test/shop/?q=1", "/shop/"),
        ("http://localhost@other.test/shop/?q=1", "/shop/"),
        ("http://[/shop/?q=1", "/shop/"),
        ("", "/shop/"),
    ],
)
async def test_way_back_leads_to_the_list_that_the_browser_came_from(do: UseCases, referrer: str, back: str) -> None:
    order_id = await place(do)
    async with console(do, root_path="/shop") as browser:
        response = await browser.client.get(f"/shop/console/orders/{order_id}", headers={"Referer": referrer})
        page = Html(response)
        assert [each.get("href") for each in page.all("a", page.one("nav", aria_label="Breadcrumb"))] == [back]


async def test_actions_are_those_of_the_domain_with_the_reasons(do: UseCases) -> None:
    order_id = await handled(do)
    await do.deliver_shipment.execute(order_id, "s1")
    found = await do.get_order_actions.execute(order_id)
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        section = page.section("Actions")
        base = f"/console/orders/{order_id}/"
        links = {each.get("href", "").removeprefix(base) for each in page.all("a", section)}
        assert links == {each.name for each in found.actions if each.reason is None}
        reasons = {each.get("id", "").removeprefix("why-"): text_of(each) for each in page.all("small", section)}
        assert reasons.keys() == {each.name for each in found.actions if each.reason is not None}
        assert reasons["cancel"] == "Order cannot be cancelled: it is partially shipped."
        assert reasons["deliver_shipment"] == "Nothing would change: all shipments are recorded as delivered."
        disabled = [each.get("aria-describedby") for each in page.all("button", section) if "disabled" in each.attrib]
        assert sorted(filter(None, disabled)) == sorted(f"why-{name}" for name in reasons)


async def test_reason_names_the_actions_that_come_first(do: UseCases) -> None:
    order_id = await place(do)
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        assert page.text("small", id="why-ship") == "Order cannot be shipped: it is pending; confirm it first."
        assert page.text("small", id="why-deliver").endswith(": it is pending; confirm and ship it first.")
        await do.confirm_order.execute(order_id)
        page = await browser.open(f"/console/orders/{order_id}")
        assert page.text("small", id="why-confirm") == "Order cannot be confirmed: it is processing."


async def test_next_actions_come_first(do: UseCases) -> None:
    order_id = await handled(do)
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        [primary] = page.all("a", class_="pri")
        assert text_of(primary).startswith("Refund €")
        assert primary.get("href") == f"/console/orders/{order_id}/add_refund"
        await do.add_refund.execute(order_id, "ref-2", 3_722)
        page = await browser.open(f"/console/orders/{order_id}")
        assert page.texts("a", class_="pri") == ["Settle refund…"]


async def test_timeline_says_who_did_what_and_what_it_changed(do: UseCases) -> None:
    order_id = await place(do)
    key = await key_of(do, "admin")
    async with console(do, auth="keys") as browser:
        await browser.sign_in(key)
        page = await browser.open(f"/console/orders/{order_id}/cancel_lines")
        await browser.send(page, f"/console/orders/{order_id}/cancel_lines", **{"lines:l1": "1"}, reason="late")
        page = await browser.open(f"/console/orders/{order_id}")
        newest, oldest = page.all("li", page.one("ol", class_="tl"))
        text = text_of(newest)
        assert "Lines cancelled by tests (API key)" in text
        assert "1 \N{MULTIPLICATION SIGN} Lamp; reason: late." in text
        assert "Lamp cancelled from 0 → to 1" in text
        assert "Order placed by orderkeep" in text_of(oldest)
        assert "Hash chain intact, 2 of 2 versions" in page.texts("span")


async def test_timeline_shows_what_was_typed_as_it_was_and_amounts_as_elsewhere(do: UseCases) -> None:
    order_id = (await do.place_order.execute(replace(place_command(), lines=(), total=1_500, currency="JPY"))).order_id
    await do.record_payment.execute(order_id, "pay-1", "captured", 1_500)
    await do.add_refund.execute(order_id, "re-42F", 1_500, reason="late")
    await do.add_note.execute(order_id, "iPhone, not 2 of a kind")
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        details = [page.texts("div", entry, class_="d")[:1] for entry in page.all("li", page.one("ol", class_="tl"))]
        assert details[:3] == [["iPhone, not 2 of a kind"], ["re-42F: ¥1,500, late"], ["Captured ¥1,500: pay-1."]]


async def test_hold_shows_until_when(do: UseCases) -> None:
    order_id = await place(do)
    path = f"/console/orders/{order_id}"
    async with console(do) as browser:
        await do.hold_order.execute(order_id, "customer asks")
        assert "On hold: customer asks" in (await browser.open(path)).texts("span")
        until = datetime(2999, 12, 4, 9, tzinfo=UTC)
        await do.hold_order.execute(order_id, "customer asks", note="Is away.", until=until)
        text = "On hold until 4 Dec 2999, 09:00 UTC: customer asks"
        for page in (path, path + "/print", "/"):
            assert text in (await browser.open(page)).texts("span")
        [flag] = [each for each in (await browser.open()).all("span", class_="cut") if text_of(each) == text]
        assert flag.get("title") == text
        form = (await browser.open(path + "/hold")).form(path + "/hold")
        assert (form["reason"], form["note"], form["until"]) == (["customer asks"], ["Is away."], ["2999-12-04T09:00"])


async def test_broken_hash_chain_is_visible(do: UseCases) -> None:
    order_id = await handled(do)
    history = do.get_order_history.history

    class Damaged:
        async def list_changes(self, order_id: str, after: int, limit: int) -> list[ChangeDTO]:
            found = await history.list_changes(order_id, after, limit)
            return [replace(each, intact=each.version != 3) for each in found]

    do.get_order_history.history = Damaged()  # type: ignore[assignment]
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        assert "Hash chain broken: run orderkeep verify" in page.texts("span")
        assert len([text for text in page.texts("code") if text.startswith("broken hash ")]) == 1


async def test_long_timeline_is_divided(do: UseCases) -> None:
    order_id = await place(do)
    for number in range(60):
        await do.edit_order.execute(order_id, {"tags": (f"tag-{number}",)})
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        assert len(page.all("li", page.one("ol", class_="tl"))) == 50
        assert "Hash chain intact, 50 of 61 versions" in page.texts("span")
        page = await browser.open(page.link("Show earlier changes"))
        assert len(page.all("li", page.one("ol", class_="tl"))) == 61


async def test_order_at_an_earlier_version(do: UseCases) -> None:
    order_id = await handled(do)
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}?version=2")
        assert page.texts("span", class_="s")[1:3] == ["Pending", "Paid"]
        assert "This is version 2 of 7" in page.text("div", class_="note")
        assert [text for text in page.texts("h2") if text == "Actions"] == []
        assert len(page.all("li", page.one("ol", class_="tl"))) == 2
        raw = json.loads(next(text for text in page.texts("pre") if text.startswith("{")))
        assert (raw["version"], raw["status"]) == (2, "pending")
        commands = page.texts("pre")
        assert commands[0] == f"curl 'http://localhost/orders/{order_id}?version=2'"
        assert commands[1] == f"orderkeep get --remote http://localhost --version 2 {order_id}"
        slider = page.one("input", id="version")
        assert (slider.get("value"), slider.get("max")) == ("2", "7")
        assert page.link("Show the order as it is now") == f"/console/orders/{order_id}"


@pytest.mark.parametrize("version", ["8", "0", "999999999"])
async def test_version_that_does_not_exist_is_an_error_page(do: UseCases, version: str) -> None:
    order_id = await handled(do)
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}?version={version}", 404)
        assert f"The order has no version {version}." in page.texts("p")


async def test_curl_of_a_service_with_authentication_has_a_key(do: UseCases) -> None:
    order_id = await place(do)
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, "orders:read"))
        page = await browser.open(f"/console/orders/{order_id}")
        assert page.texts("pre")[0].endswith('-H "Authorization: Bearer $ORDERKEEP_API_KEY"')


@pytest.mark.parametrize("path", ["", "?version=1", "/cancel", "/add_note", "/documents/" + "0" * 64])
async def test_order_of_another_customer_is_not_found(do: UseCases, path: str) -> None:
    order_id = await place(do)
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, user_id="ben"))
        page = await browser.open(f"/console/orders/{order_id}{path}", 404)
        other = await browser.open(f"/console/orders/unknown{path}", 404)
        assert page.text("main").partition("Request")[0] == other.text("main").partition("Request")[0]
        assert "web-7781" not in page.response.text


async def test_customer_sees_no_internal_notes_and_only_their_actions(do: UseCases) -> None:
    order_id = await handled(do)
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, user_id="user-42"))
        page = await browser.open(f"/console/orders/{order_id}")
        assert "Called at noon" not in page.response.text
        section = page.section("Actions")
        assert [text_of(each) for each in page.all("a", section)] == ["Cancel lines…"]


async def test_without_a_scope_the_action_is_disabled_with_the_reason(do: UseCases) -> None:
    order_id = await place(do)
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, "orders:read"))
        page = await browser.open(f"/console/orders/{order_id}")
        assert page.all("a", page.section("Actions")) == []
        assert page.text("small", id="why-confirm") == "This operation requires the scope orders:write."
        assert page.all("form", action=f"/console/orders/{order_id}/add_note") == []


@pytest.mark.parametrize(
    "query, name, links",
    [("", "html", {"Open": "inline", "Download": "attachment"}), ("?format=pdf", "pdf", {"Download": "attachment"})],
)
async def test_receipt_is_issued_once_to_open_without_running_anything_and_to_save(
    do: UseCases, query: str, name: str, links: dict[str, str]
) -> None:
    order_id = await handled(do)
    do.issue_receipt.renderers = {"html": PlainReceipts(), "pdf": PlainReceipts("application/pdf")}
    file_name = f"receipt-{order_id}-v7.{name}"
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        action = f"/console/orders/{order_id}/receipt{query}"
        for _ in range(2):
            page = await browser.send(page, action)
            [note] = page.all("div", class_="note")
            assert page.texts("b", note) == [f"The receipt is {file_name}."]
            assert page.texts("a", note) == [*links]
            assert page.texts("li", page.section("Documents")) == [
                f"Receipt, {name.upper()} version 7 {' '.join(links)}"
            ]
        for text, disposition in links.items():
            response = await browser.client.get(page.link(text))
            assert response.headers["content-disposition"] == f'{disposition}; filename="{file_name}"'
            assert response.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


async def test_pdf_is_not_offered_without_what_makes_it(do: UseCases, monkeypatch: pytest.MonkeyPatch) -> None:
    do.issue_receipt.renderers = {"html": PlainReceipts(), "pdf": PlainReceipts("application/pdf")}
    order_id = await place(do)
    async with console(do) as browser:
        for has_pdf in (True, False):
            monkeypatch.setattr("orderkeep.entrypoints.console.order.HAS_PDF", has_pdf)
            page = await browser.open(f"/console/orders/{order_id}")
            assert ("Issue receipt as PDF" in page.texts("button")) == has_pdf


async def test_order_without_lines_or_personal_data(do: UseCases) -> None:
    command = replace(place_command(), lines=(), total=1_000, currency="JPY", external_ref=None)
    order_id = (await do.place_order.execute(command)).order_id
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        assert page.text("h1") == order_id[:8]
        assert "¥1,000" in page.text("dl", class_="ledger")
        assert page.rows(page.one("table", page.section("Lines"))) == [
            ["The order has no lines: it ships and delivers as a whole."]
        ]
