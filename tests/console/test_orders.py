"""The orders screen."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderkeep.bootstrap import UseCases, bootstrap
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.personal_data import Customer, PersonalData
from orderkeep.entrypoints.console.rendering import relative
from orderkeep.entrypoints.sample_orders import store_samples
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command
from tests.console.console_calls import Html, console, key_of, text_of
from tests.console.test_order import handled
from tests.entrypoints.credentials import use_cases_with_keys

BULK = "/console/bulk"
EMAIL = "Jo@Example.com"


@pytest.fixture
def do() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


async def place(do: UseCases, ref: str, user_id: str = "anna", total: int = 9_900, **of: Any) -> str:
    """Place an order and return its ID."""
    command = replace(place_command(), user_id=user_id, total=total, currency="EUR", lines=(), external_ref=ref, **of)
    return (await do.place_order.execute(command)).order_id


def listed(page: Html) -> list[str]:
    """Return the references of the orders in the list."""
    return [text_of(link) for link in page.all("a") if "/console/orders/" in link.get("href", "") and link.text]


async def test_empty_store_invites_to_load_samples() -> None:
    async with console() as browser:
        page = await browser.open()
        assert page.text("h1") == "Orders"
        assert page.all("table") == []
        page = await browser.send(page, "/console/load-samples")
        assert "60 sample orders were placed." in page.text("div", role="status")
        assert len(listed(page)) == 50
        assert "placed" not in " ".join((await browser.open()).texts("div", role="status"))


async def test_samples_have_something_of_everything(do: UseCases) -> None:
    samples = [order for order, _ in await store_samples(do, 60)]
    assert {order.status for order in samples} == set(OrderStatus)
    assert {refund.status for order in samples for refund in order.refunds} == {"succeeded"}
    assert any(order.refund_due for order in samples)
    assert any(order.on_hold for order in samples)
    assert any(order.notes for order in samples)
    assert {order.return_status for order in samples} >= {"none", "requested", "returned"}
    assert len({order.created_at.date() for order in samples}) > 14


async def test_samples_are_not_added_to_other_orders() -> None:
    async with console() as browser:
        page = await browser.open()
        await place(browser.use_cases, "W-1")
        page = await browser.send(page, "/console/load-samples")
        assert "No sample orders were placed" in page.text("div", role="status")
        assert listed(page) == ["W-1"]


async def test_samples_need_the_scope_admin(do: UseCases) -> None:
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(await key_of(do, "orders:read", "orders:write"))
        assert page.texts("button") == ["Sign out"]
        token = page.form("/console/sign-out")["form_token"]
        assert (await browser.post("/console/load-samples", {"form_token": token})).status_code == 403
        assert (await do.list_orders.execute()).json == b""


async def test_row_shows_what_staff_look_for(do: UseCases) -> None:
    personal = PersonalData(Customer("Jo Doe", EMAIL))
    order_id = await place(do, "W-1", total=123_450, personal=personal)
    await do.record_payment.execute(order_id, "pay-1", "captured", 123_450)
    await do.cancel_order.execute(order_id)
    async with console(do) as browser:
        page = await browser.open()
        table = page.one("table")
        heads = ["Select", "Order", "Placed", "Customer", "Units", "Total", "Status", "Payment", "Attention"]
        assert page.texts("th", page.one("thead", table)) == heads
        [[_, order, placed, *rest]] = page.rows(table)
        assert order == f"W-1 {order_id[:8]}"
        assert placed == "just now"
        assert rest == ["Jo Doe", "0", "€1,234.50", "Cancelled", "Overpaid", "Refund due €1,234.50"]
        time = page.one("time")
        assert time.get("title", "").endswith(" UTC")
        assert time.get("tabindex") == "0"
        await do.add_refund.execute(order_id, "ref-1", 123_450)
        [row] = (page := await browser.open()).rows(page.one("table"))
        assert row[-2:] == ["Overpaid", "Refund pending €1,234.50"]
        page = await browser.open(page.link("Needs attention"))
        assert "A pending refund is not listed here" in page.text("main")


async def test_each_view_and_status_is_a_link_that_filters(do: UseCases) -> None:
    held, confirmed, paid = await place(do, "W-1"), await place(do, "W-2"), await place(do, "W-3")
    await do.hold_order.execute(held, "address check")
    await do.confirm_order.execute(confirmed)
    await do.record_payment.execute(paid, "pay-1", "captured", 9_900)
    await do.cancel_order.execute(paid)
    expected = {
        "All orders": ["W-3", "W-2", "W-1"],
        "Needs attention": ["W-3", "W-1"],
        "Today": ["W-3", "W-2", "W-1"],
        "On hold": ["W-1"],
        "Refund due": ["W-3"],
        "All 3": ["W-3", "W-2", "W-1"],
        "Pending 1": ["W-1"],
        "Processing 1": ["W-2"],
        "Cancelled 1": ["W-3"],
        "Shipped 0": [],
    }
    async with console(do) as browser:
        start = await browser.open()
        for name, orders in expected.items():
            page = await browser.open(start.link(name))
            assert listed(page) == orders, name
            current = [text_of(each) for each in page.all("a", aria_current="true")]
            assert name in current, name


@pytest.mark.parametrize("query", ["", "?status=pending", "?tag=gift"])
async def test_statuses_have_the_number_of_orders_that_their_link_lists(do: UseCases, query: str) -> None:
    for number in range(1_200):
        await place(do, f"W-{number}")
    await do.get_statistics.execute()
    async with console(do) as browser:
        assert chips(await browser.open(f"/{query}"))[:2] == ["All 1,200", "Pending 1,200"]
        await place(do, "W-1200")
        assert chips(await browser.open(f"/{query}"))[:2] == ["All 1,201", "Pending 1,201"]


@pytest.mark.parametrize(
    "query, total",
    [("", "3"), ("?status=pending", "2"), ("?status=shipped", "0"), ("?tag=x", None), ("?user_id=a", None)],
)
async def test_export_has_the_number_of_orders_of_the_statistics(do: UseCases, query: str, total: str | None) -> None:
    for number in range(3):
        confirmed = await place(do, f"W-{number}")
    await do.confirm_order.execute(confirmed)
    async with console(do) as browser:
        page = await browser.open(f"/{query}")
        assert page.all("details", class_="menu")[0].get("data-total") == total


async def test_search_is_not_offered_with_a_status_and_says_so(do: UseCases) -> None:
    await place(do, "W-1")
    async with console(do) as browser:
        page = await browser.open("/?q=W-1")
        assert page.all("nav", aria_label="Filter by status") == []
        assert "The search covers all orders, in every status. A view or a filter replaces it." in page.texts("p")
        page = await browser.open(page.link("Today"))
        assert page.one("input", id="q").get("value") == ""
        assert chips(page)[0] == "All"


async def test_view_stays_chosen_with_a_status(do: UseCases) -> None:
    await place(do, "W-1")
    async with console(do) as browser:
        for view in ("All orders", "Today"):
            start = await browser.open((await browser.open()).link(view))
            link = start.one("a", id="chip-pending").get("href", "")
            page = await browser.open(link)
            current = page.texts("a", aria_current="true")
            assert (current[0], current[1].split()[0], len(current)) == (view, "Pending", 2)
            assert "Clear" not in page.texts("a")


def chips(page: Html) -> list[str]:
    """Return the texts of the links by status."""
    return page.texts("a", page.one("nav", aria_label="Filter by status"))


async def test_number_that_lacks_a_few_changes_is_approximate(do: UseCases) -> None:
    for number in range(2_200):
        await place(do, f"W-{number}")
    await do.get_statistics.execute()
    for number in range(30):
        await place(do, f"X-{number}")
    async with console(do) as browser:
        assert chips(await browser.open())[:2] == ["All ~about 2,220", "Pending ~about 2,220"]


@pytest.mark.parametrize("query", ["?user_id=ben", "?created_from=today", "?created_to=2999-12-31&status=pending"])
async def test_statuses_within_another_filter_have_no_number(do: UseCases, query: str) -> None:
    await place(do, "W-1", user_id="ben")
    async with console(do) as browser:
        assert chips(await browser.open(f"/{query}"))[:2] == ["All", "Pending"]


async def test_statuses_have_no_number_while_the_statistics_are_far_behind(do: UseCases) -> None:
    for number in range(30):
        await place(do, f"W-{number}")
    async with console(do) as browser:
        assert chips(await browser.open())[:2] == ["All", "Pending"]
        while await do.update_statistics.execute():  # as a relay does
            pass
        assert chips(await browser.open())[:2] == ["All 30", "Pending 30"]


async def test_statuses_have_no_number_if_the_statistics_cannot_be_read(do: UseCases) -> None:
    await place(do, "W-1")
    newer = replace(await do.update_statistics.projector.start(), format=99)
    await do.update_statistics.open_records().write_records([newer.written()])
    async with console(do) as browser:
        page = await browser.open()
        assert chips(page)[0] == "All"
        assert listed(page) == ["W-1"]


@pytest.mark.parametrize("of", [{"user_id": "anna"}, {"scopes": ("orders:read",)}])
async def test_statuses_have_no_number_without_the_scope_of_statistics(do: UseCases, of: dict[str, Any]) -> None:
    await place(do, "W-1", user_id="anna")
    key = await key_of(do, *of.get("scopes", ()), user_id=of.get("user_id"))
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(key)
        assert listed(page) == ["W-1"]
        assert chips(page)[:2] == ["All", "Pending"]


@pytest.mark.parametrize(
    "query, orders",
    [
        ("?user_id=ben", ["W-2"]),
        ("?user_id=ben&status=pending&created_from=today", ["W-2"]),
        ("?tag=gift", ["W-1"]),
        ("?external_ref=W-1", ["W-1"]),
        ("?payment_status=unpaid", ["W-2", "W-1"]),
        ("?created_to=2020-01-01", []),
        ("?created_from=2020-01-01&created_to=2999-12-31", ["W-2", "W-1"]),
        ("?q=w-1", []),
        ("?q=W-1", ["W-1"]),
        ("?q=jo@example.COM", ["W-1"]),
        ("?status=", ["W-2", "W-1"]),
    ],
)
async def test_filters_are_the_address(do: UseCases, query: str, orders: list[str]) -> None:
    await place(do, "W-1", tags=("gift",), personal=PersonalData(Customer("Jo Doe", EMAIL)))
    await place(do, "W-2", user_id="ben")
    async with console(do) as browser:
        page = await browser.open(f"/{query}")
        assert listed(page) == orders
        assert ("No orders match" in page.texts("h2")) == (not orders)


@pytest.mark.parametrize(
    "query, message",
    [
        ("?status=pending&tag=gift", "Tag cannot be used together with status"),
        ("?status=lost", "Status must be one of"),
        ("?created_from=yesterday", "Placed from must be a date such as"),
        ("?created_from=2026-12-01&created_to=2026-11-01", "Placed until must not be before placed from."),
        ("?statsu=pending", "The parameter statsu is not a known filter: did you mean status?"),
        ("?cursor=lost", "This page of the list does not exist any more"),
        ("?q=a&status=pending", "Status cannot be used together with search: search, or filter."),
    ],
)
async def test_a_filter_that_is_not_supported_says_what_to_do(do: UseCases, query: str, message: str) -> None:
    await place(do, "W-1")
    async with console(do) as browser:
        page = await browser.open(f"/{query}", 422)
        assert page.text("div", role="alert").startswith(message)
        assert page.texts("h1") == ["Orders"]


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/orders"])
async def test_folders_of_the_pages_lead_to_the_list(do: UseCases, path: str) -> None:
    async with console(do) as browser:
        assert (await browser.open(path)).response.url.path == "/"


async def test_reference_in_the_address_of_an_order_can_be_searched(do: UseCases) -> None:
    await place(do, "W-1")
    async with console(do) as browser:
        page = await browser.open("/console/orders/W-1", 404)
        assert listed(await browser.open(page.link("search for it"))) == ["W-1"]


@pytest.mark.parametrize("text, found", [("#1001", ["1001"]), ("#1002", ["#1002"]), ("#", [])])
async def test_search_finds_references_without_their_hash(do: UseCases, text: str, found: list[str]) -> None:
    await place(do, "1001")
    await place(do, "#1002")
    async with console(do) as browser:
        assert listed(await browser.open("/?q=" + text.replace("#", "%23"))) == found


async def test_pages_follow_one_another(do: UseCases) -> None:
    for number in range(53):
        await place(do, f"W-{number}")
    async with console(do) as browser:
        page = await browser.open("/?status=pending")
        seen = listed(page)
        assert len(seen) == 50
        page = await browser.open(page.link("Older"))
        assert seen + listed(page) == [f"W-{number}" for number in range(52, -1, -1)]
        assert page.texts("a", rel="next") == []
        assert page.link("Newest") == "/?status=pending"


async def test_read_only_staff_see_no_actions(do: UseCases) -> None:
    await place(do, "W-1")
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(await key_of(do, "orders:read"))
        assert listed(page) == ["W-1"]
        assert page.all("input", type="checkbox") == []
        assert [text for text in page.texts("a") if text == "New order"] == []


async def test_page_without_the_scope_names_it(do: UseCases) -> None:
    async with console(do, auth="keys") as browser:
        await browser.send(
            await browser.open("/console/sign-in"), "/console/sign-in", 404, key=await key_of(do, "orders:ship")
        )
        page = await browser.open("/", 404)
        assert "orders:read" in page.text("main")


async def test_customers_see_their_own_orders_only(do: UseCases) -> None:
    await place(do, "W-1", user_id="anna")
    await place(do, "W-2", user_id="ben")
    async with console(do, auth="keys") as browser:
        assert listed(await browser.sign_in(await key_of(do, user_id="ben"))) == ["W-2"]
        assert listed(await browser.open("/?q=W-1")) == []
        assert listed(await browser.open("/?user_id=anna")) == []
        exported = (await browser.client.get("/console/export?format=jsonl")).text
        assert [json.loads(line)["external_ref"] for line in exported.splitlines()] == ["W-2"]


async def test_export_has_the_orders_of_the_filter(do: UseCases) -> None:
    for number in range(120):
        await place(do, f"W-{number}", user_id="ben" if number % 2 else "anna")
    async with console(do) as browser:
        page = await browser.open("/?user_id=ben")
        response = await browser.client.get(page.link("CSV"))
        assert 'filename="orders-' in response.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert [row["external_ref"] for row in rows] == [f"W-{number}" for number in range(119, 0, -2)]
        lines = (await browser.client.get(page.link("JSON Lines"))).text.splitlines()
        assert [json.loads(line)["id"] for line in lines] == [row["id"] for row in rows]


@pytest.mark.parametrize("query", ["", "?format=xml", "?format=csv&q=W-1"])
async def test_export_that_is_not_possible_is_an_error_page(do: UseCases, query: str) -> None:
    async with console(do) as browser:
        assert (await browser.open(f"/console/export{query}", 404)).text("h1") == "Path not found"


async def test_export_with_an_invalid_filter_is_an_error_page(do: UseCases) -> None:
    async with console(do) as browser:
        await browser.open("/console/export?format=csv&status=lost", 422)


async def test_bulk_action_shows_the_effect_before_anything_changes(do: UseCases) -> None:
    first, second = await place(do, "W-1"), await place(do, "W-2")
    await do.cancel_order.execute(second)
    async with console(do) as browser:
        page = await browser.send(await browser.open(), BULK, do="confirm", order=[first, second])
        assert page.rows(page.one("table")) == [
            ["W-1", "Will change", "Status from Pending → to Processing"],
            ["W-2", "Not possible", "Order cannot be confirmed: it is cancelled."],
        ]
        assert json.loads((await do.get_order.execute(first)).json)["status"] == "pending"
        assert "Confirm 1 order" in page.texts("button")
        page = await browser.send(page, BULK)
        assert page.rows(page.one("table")) == [["W-1", "Done", "Status from Pending → to Processing"]]
        assert json.loads((await do.get_order.execute(first)).json)["status"] == "processing"


async def test_bulk_action_names_the_status_that_rejects_it(do: UseCases) -> None:
    order_id = await handled(do)
    async with console(do) as browser:
        page = await browser.send(await browser.open(), BULK, do="cancel", order=order_id)
        [row] = page.rows(page.one("table"))
        assert row[1:] == ["Not possible", "Order cannot be cancelled: it is partially shipped."]


async def test_bulk_action_does_not_change_an_order_that_changed_meanwhile(do: UseCases) -> None:
    first, second = await place(do, "W-1"), await place(do, "W-2")
    async with console(do) as browser:
        page = await browser.send(await browser.open(), BULK, do="cancel", order=[first, second])
        await do.add_note.execute(first, "Called.")
        page = await browser.send(page, BULK, reason="out_of_stock", order=[first, second])
        assert [row[:2] for row in page.rows(page.one("table"))] == [["W-1", "Not done"], ["W-2", "Done"]]
        assert json.loads((await do.get_order.execute(first)).json)["status"] == "pending"
        cancelled = json.loads((await do.get_order.execute(second)).json)
        assert cancelled["cancellation"]["reason"] == "out_of_stock"


async def test_bulk_action_that_is_sent_twice_has_one_effect(do: UseCases) -> None:
    first = await place(do, "W-1")
    async with console(do) as browser:
        page = await browser.send(await browser.open(), BULK, do="confirm", order=first)
        for _ in range(2):
            await browser.send(page, BULK)
        assert json.loads((await do.get_order.execute(first)).json)["version"] == 2


async def test_tags_are_added_to_those_that_an_order_has(do: UseCases) -> None:
    first, second = await place(do, "W-1", tags=("gift",)), await place(do, "W-2", tags=("gift", "vip"))
    async with console(do) as browser:
        page = await browser.send(await browser.open(), BULK, do="tag", tag="vip", order=[first, second])
        assert [row[1] for row in page.rows(page.one("table"))] == ["Will change", "Nothing to change"]
        assert "Tag 1 order" in page.texts("button")
        await browser.send(page, BULK)
        assert json.loads((await do.get_order.execute(first)).json)["tags"] == ["gift", "vip"]


@pytest.mark.parametrize(
    "values, notice", [({"do": "cancel"}, "No order is selected."), ({"do": "tag", "order": "x"}, "No tag was added")]
)
async def test_bulk_action_without_input_says_what_is_missing(
    do: UseCases, values: dict[str, str], notice: str
) -> None:
    await place(do, "W-1")
    async with console(do) as browser:
        page = await browser.send(await browser.open(), BULK, **values)
        assert notice in page.text("div", role="status")


async def test_bulk_action_on_another_customers_order_is_not_found(do: UseCases) -> None:
    own, other = await place(do, "W-1", user_id="ben"), await place(do, "W-2", user_id="anna")
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(await key_of(do, user_id="ben"))
        page = await browser.send(page, BULK, do="cancel", order=[own, other])
        rows = page.rows(page.one("table"))
        assert [row[1] for row in rows] == ["Will change", "Not possible"]
        assert rows[1][0] == other[:8]
        assert "W-2" not in page.response.text


async def test_the_console_can_be_turned_off() -> None:
    async with console(bootstrap("memory://"), console=False) as browser:
        response = await browser.client.get("/")
        assert (response.status_code, response.headers["location"]) == (307, "/docs")
        assert (await browser.client.get("/console/orders/1")).status_code == 404


async def test_addresses_have_the_root_path() -> None:
    async with console(root_path="/shop") as browser:
        await place(browser.use_cases, "W-1")
        page = await browser.open("/shop/")
        links = [each.get("href", "") for each in page.all("a")] + [each.get("action", "") for each in page.all("form")]
        assert [link for link in links if not link.startswith(("/shop/", "#"))] == []


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "just now"),
        (-59, "just now"),
        (1, "in a moment"),
        (-240, "4 min ago"),
        (240, "in 4 min"),
        (-7_300, "2 h ago"),
        (7_300, "in 2 h"),
        (86_400, "Tue 1 Dec"),
        (-86_400 * 400, "26 Oct 2025"),
    ],
)
def test_times_near_now_are_relative(seconds: int, text: str) -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert relative(now + timedelta(seconds=seconds), now) == text
