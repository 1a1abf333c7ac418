"""The new order screen: what is typed becomes the order; what is wrong is at its field, and nothing typed is lost."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from orderkeep.application.use_cases.list_orders import EVERYTHING
from orderkeep.bootstrap import UseCases
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.console.console_calls import Console, Html, console, key_of, text_of
from tests.entrypoints.credentials import use_cases_with_keys

PATH = "/console/new-order"
ORDER = {"user_id": "ada-17", "external_ref": "SO-1", "currency": "eur", "tags": "gift, express,,"}
LAMP = {"sku": "LAMP-01", "name": "Desk lamp", "quantity": "2", "unit_price": "89.00", "discount": "5", "tax": "10.25"}
BULB = {"sku": "BULB-E27", "name": "Bulb", "quantity": "3", "unit_price": "6.49", "discount": "", "tax": ""}
ADDRESS = {
    "name": "Ada Byron", "company": "Analytical Ltd", "line1": "12 Square", "line2": "2nd floor",
    "postal_code": "SW1Y 4JH", "city": "London", "region": "Greater London", "country": "gb",
}  # fmt: skip


@pytest.fixture
def do() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


def lines(*given: dict[str, str]) -> dict[str, str]:
    return {f"lines/{index}/{name}": text for index, line in enumerate(given) for name, text in line.items()}


async def stored(do: UseCases) -> list[dict[str, Any]]:
    found = await do.list_orders.execute(EVERYTHING)
    orders: list[dict[str, Any]] = msgspec.json.decode(b"[" + found.json + b"]")
    return orders


async def send(browser: Console, status: int = 200, /, do: str = "place", **values: str) -> Html:
    return await browser.send(await browser.open(PATH), PATH, status, do=do, **values)


def errors_of(page: Html) -> dict[str, str]:
    """Return the text that describes each invalid field."""
    fields = page.all("input", aria_invalid="true")
    return {each.get("name", ""): page.text("p", id_=each.get("aria-describedby", "")) for each in fields}


def outputs(page: Html) -> dict[str, str]:
    return {each.get("id", ""): text_of(each) for each in page.all("output")}


async def test_form_says_that_its_user_has_just_placed_an_order(do: UseCases) -> None:
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, "admin"))
        assert (await browser.open(PATH)).all("div", class_="note") == []
        await send(browser, **ORDER, **lines(LAMP))
        [order] = await stored(do)
        at = datetime.fromisoformat(order["created_at"])
        do.get_order_actions.clock = lambda: at + timedelta(seconds=20)
        page = await browser.open(PATH)
        text = "You placed an order 20 seconds ago: SO-1. Send this form only for a further order."
        assert page.texts("div", class_="note") == [text]
        assert page.link("SO-1") == f"/console/orders/{order['id']}"
        do.get_order_actions.clock = lambda: at + timedelta(seconds=301)
        assert (await browser.open(PATH)).all("div", class_="note") == []


@pytest.mark.parametrize("scopes", [("orders:read", "orders:write"), ("orders:write",)])
async def test_form_does_not_show_an_order_that_another_user_placed(do: UseCases, scopes: tuple[str, ...]) -> None:
    async with console(do) as browser:
        await send(browser, **ORDER, **lines(LAMP))
        cookie = {"orderkeep-placed": browser.client.cookies["orderkeep-placed"]}
    for order_id in (cookie["orderkeep-placed"], "unknown"):
        async with console(do, auth="keys") as browser:
            page = await browser.open("/console/sign-in")
            token = page.form("/console/sign-in")["form_token"]
            await browser.post("/console/sign-in", {"form_token": token, "key": await key_of(do, *scopes)})
            browser.client.cookies.set("orderkeep-placed", order_id)
            assert (await browser.open(PATH)).all("div", class_="note") == []


async def test_places_what_is_typed(do: UseCases) -> None:
    customer = {"customer/name": "Ada", "customer/email": "ada@example.com", "customer/phone": "+44 1"}
    shipping = {f"shipping_address/{name}": text for name, text in ADDRESS.items()}
    billing = {"billing_address/city": "Leeds", "billing_address/country": "IE"}
    amounts = {"shipping": "4.95", "tax": "3", "discount": "12.50"}
    async with console(do) as browser:
        page = await send(browser, **ORDER, **lines(LAMP, BULB), **amounts, **customer, **shipping, **billing)
    [order] = await stored(do)
    assert page.response.url.path == f"/console/orders/{order['id']}"
    assert (order["user_id"], order["external_ref"], order["currency"]) == ("ada-17", "SO-1", "EUR")
    assert (order["tags"], order["shipping"], order["tax"], order["discount"]) == (["gift", "express"], 495, 300, 1_250)
    assert order["total"] == 17_800 - 500 + 1_025 + 1_947 + 495 + 300 - 1_250
    wanted = ("sku", "name", "quantity", "unit_price", "discount", "tax")
    assert [[line[name] for name in wanted] for line in order["lines"]] == [
        ["LAMP-01", "Desk lamp", 2, 8_900, 500, 1_025],
        ["BULB-E27", "Bulb", 3, 649, 0, 0],
    ]
    assert order["customer"] == {"name": "Ada", "email": "ada@example.com", "phone": "+44 1"}
    assert order["shipping_address"] == {**ADDRESS, "country": "GB"}
    assert {name: text for name, text in order["billing_address"].items() if text} == {"city": "Leeds", "country": "IE"}


async def test_an_empty_line_is_left_out(do: UseCases) -> None:
    empty = dict.fromkeys(LAMP, "") | {"quantity": "1"}
    async with console(do) as browser:
        await send(browser, **ORDER, **lines(empty, LAMP))
        page = await send(browser, 422, **ORDER, **lines(empty, BULB | {"sku": ""}))
        assert list(errors_of(page)) == ["lines/1/sku"]
        page = await send(browser, 422, **ORDER, **lines(empty))
        assert "at least one line" in errors_of(page)["lines/0/sku"]
    [order] = await stored(do)
    assert [line["sku"] for line in order["lines"]] == ["LAMP-01"]


async def test_calculates_without_placing(do: UseCases) -> None:
    async with console(do) as browser:
        page = await send(browser, do="calculate", **ORDER, **lines(LAMP, BULB), shipping="1", tax="2", discount="0.5")
        assert outputs(page) == {"amount-0": "€183.25", "amount-1": "€19.47", "items": "€202.72", "total": "€205.22"}
        page = await send(browser, do="calculate", currency="JPY", **lines({"quantity": "2", "unit_price": "150"}))
        assert outputs(page)["total"] == "¥300"
    assert await stored(do) == []


@pytest.mark.parametrize("currency, example", [("EUR", "12.50"), ("JPY", "1250"), ("KWD", "1.250")])
async def test_example_of_an_amount_fits_the_currency(do: UseCases, currency: str, example: str) -> None:
    async with console(do) as browser:
        page = await send(browser, do="calculate", currency=currency)
        assert page.text("p", id="calculated") == f"Type amounts such as {example}."


async def test_adds_and_removes_lines_and_keeps_what_was_typed(do: UseCases) -> None:
    async with console(do) as browser:
        page = await send(browser, do="add", **ORDER, **lines(LAMP))
        assert "autofocus" in page.one("input", id_="lines/1/sku").attrib
        page = await browser.send(page, PATH, do="add", **lines({}, BULB))
        page = await browser.send(page, PATH, do="remove 0")
        form = page.form(PATH)
    assert {name: form[name] for name in lines(BULB)} == {name: [text] for name, text in lines(BULB).items()}
    assert form["lines/1/sku"] == [""]
    assert "lines/2/sku" not in form
    assert form["user_id"] == ["ada-17"]


async def test_the_last_line_is_emptied(do: UseCases) -> None:
    async with console(do) as browser:
        page = await send(browser, do="remove 0", **lines(LAMP))
    assert page.form(PATH)["lines/0/sku"] == [""]


async def test_each_error_is_at_its_field_and_what_was_typed_is_kept(do: UseCases) -> None:
    wrong = {
        **lines(LAMP | {"unit_price": "1,50"}, BULB | {"quantity": "two"}),
        "user_id": "", "tags": "a, a", "customer/email": "ada", "shipping_address/country": "XX", "tax": "1.234",
        "currency": "EUR",
    }  # fmt: skip
    async with console(do) as browser:
        page = await send(browser, 422, **wrong)
    found = errors_of(page)
    assert found == {
        "user_id": "Customer ID is required.",
        "tags": "Tags repeats an earlier tag: remove it.",
        "lines/0/unit_price": "Unit price must be an amount such as 1234.50: digits with a decimal point, no thousands "
        "separator or currency. Did you mean 1.50?",
        "lines/1/quantity": "Quantity must be a whole number of at least 1.",
        "customer/email": "E-mail must be an e-mail address, such as jo@example.com, with one @ and no spaces.",
        "shipping_address/country": "Country code must be an ISO 3166-1 alpha-2 code in upper case, such as DE or US.",
        "tax": "Tax must have at most 2 decimal places in EUR.",
    }
    summary = page.one("div", role="alert")
    assert [each.get("href") for each in page.all("a", summary)] == [f"#{name}" for name in found]
    assert "autofocus" in page.one("input", id_="user_id").attrib
    form = page.form(PATH)
    assert {name: form[name] for name in wrong} == {name: [text] for name, text in wrong.items()}
    assert await stored(do) == []


@pytest.mark.parametrize(
    "values, field",
    [
        ({"discount": "500"}, "discount"),
        ({"currency": "XXX"}, "currency"),
        ({"lines/0/discount": "500"}, "lines/0/discount"),
        ({"lines/0/quantity": "0"}, "lines/0/quantity"),
        ({"lines/0/quantity": "9999999"}, "lines/0/quantity"),
        ({"lines/0/unit_price": ""}, "lines/0/unit_price"),
        ({"shipping": "99999999999999"}, "shipping"),
        ({"external_ref": "x" * 129}, "external_ref"),
        ({"tags": ",".join(map(str, range(21)))}, "tags"),
    ],
)
async def test_a_value_out_of_range_is_reported_at_its_field(values: dict[str, str], field: str, do: UseCases) -> None:
    async with console(do) as browser:
        page = await send(browser, 422, **{**ORDER, **lines(LAMP), **values})
    assert list(errors_of(page)) == [field]
    assert "minor units" not in page.response.text


async def test_a_double_click_places_one_order(do: UseCases) -> None:
    async with console(do) as browser:
        form = (await browser.open(PATH)).form(PATH) | {"do": ["place"], **ORDER, **lines(LAMP)}
        both = await asyncio.gather(browser.post(PATH, form), browser.post(PATH, form))
    assert len({each.url for each in both}) == len(await stored(do)) == 1


async def test_a_corrected_form_has_the_same_key(do: UseCases) -> None:
    async with console(do) as browser:
        first = await browser.open(PATH)
        page = await browser.send(first, PATH, 422, do="place", **ORDER, **lines(BULB | {"sku": ""}))
        page = await browser.send(page, PATH, 422, do="place")
    assert page.form(PATH)["once"] == first.form(PATH)["once"]


async def test_a_form_that_placed_an_order_places_another_one_only_on_purpose(do: UseCases) -> None:
    async with console(do) as browser:
        form = await browser.open(PATH)
        await browser.send(form, PATH, do="place", **ORDER, **lines(LAMP))
        page = await browser.send(form, PATH, 422, do="place", **ORDER, **lines(BULB))
        assert "placed an order already" in page.text("div", role="alert")
        await browser.send(page, PATH, do="place")
    assert sorted(order["lines"][0]["sku"] for order in await stored(do)) == ["BULB-E27", "LAMP-01"]


async def test_starts_with_the_currency_of_the_newest_order(do: UseCases) -> None:
    async with console(do) as browser:
        assert (await browser.open(PATH)).form(PATH)["currency"] == ["EUR"]
        await send(browser, **ORDER | {"currency": "USD"}, **lines(LAMP))
        assert (await browser.open(PATH)).form(PATH)["currency"] == ["USD"]


async def test_needs_the_scope_to_write(do: UseCases) -> None:
    for scopes, status in ((("orders:read", "orders:cancel"), 404), (("orders:read", "orders:write"), 200)):
        async with console(do, auth="keys") as browser:
            await browser.sign_in(await key_of(do, *scopes))
            await browser.open(PATH, status)
