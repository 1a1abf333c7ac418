"""The statistics screen."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from orderkeep.application.ports import utc_now
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.console.charts import BOTTOM, TOP, Point, Row, bars, columns
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command
from tests.console.console_calls import Html, console, key_of, text_of
from tests.entrypoints.credentials import use_cases_with_keys

PATH = "/console/statistics"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def do() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


async def place(do: UseCases, total: int = 9_900, currency: str = "EUR", **of: Any) -> str:
    command = replace(place_command(), lines=(), total=total, currency=currency, shipping=0, discount=0, tax=0, **of)
    return (await do.place_order.execute(command)).order_id


async def shop(do: UseCases) -> None:
    """Place orders of which one was paid and cancelled, and one confirmed."""
    cancelled, confirmed = await place(do, 12_000), await place(do, 4_050)
    await do.record_payment.execute(cancelled, "p1", "captured", 12_000)
    await do.cancel_order.execute(cancelled, reason="=1+1")
    await do.confirm_order.execute(confirmed)
    await place(do, 700, "JPY")


def figures(page: Html) -> dict[str, str]:
    terms, values = page.texts("dt"), page.texts("dd")
    return dict(zip(terms, values, strict=True))


async def test_empty_store_has_no_figures() -> None:
    async with console() as browser:
        page = await browser.open(PATH)
        assert page.texts("h2") == ["No figures yet"]
        assert page.all("figure") == []


async def test_page_has_the_figures_of_a_currency(do: UseCases) -> None:
    await shop(do)
    async with console(do) as browser:
        page = await browser.open(PATH)
        assert figures(page) == {
            "Orders": "2",
            "Value": "€160.50€40.50 after cancellations",
            "Average order": "€80.25",
            "Captured": "€120.001 payment",
            "Refunded": "€0.000 refunds",
            "Owed to customers now": "€120.001 order with refund due",
        }
        page = await browser.open(page.link("JPY"))
        assert figures(page)["Value"] == "¥700"
        assert figures(page)["Owed to customers now"] == "¥0"


async def test_each_chart_has_a_sentence_a_table_and_the_same_as_csv(do: UseCases) -> None:
    await shop(do)
    today = utc_now()
    expected = {
        "Orders per day": ("On average 0.1 a day; the most on", 30, ["2"], ["2"]),
        "Value per day": ("On average €5.35 a day; the most on", 30, ["€160.50"], ["160.50"]),
        "How far orders get": (
            "Of 3 orders placed, in all currencies, 1 is confirmed", 6, ["3 (100 %)"], ["3"],
        ),
        "Why orders are cancelled": (
            "1 cancellation, in all currencies.", 1, ["EUR", "1", "0", "€120.00"], ["EUR", "1", "0", "120.00"],
        ),
        "Time in status": ("The longest is pending: half", 1, ["2", "0 s", "0 s"], ["2", "0", "0"]),
        "Open obligations": ("What the shop owes", 1, ["EUR", "1", "€120.00"], ["EUR", "1", "120.00"]),
    }  # fmt: skip
    async with console(do) as browser:
        page = await browser.open(PATH)
        assert page.texts("h2") == list(expected)
        for title, (sentence, number, shown, exported) in expected.items():
            section = page.section(title)
            assert page.texts("p", section)[0].startswith(sentence), title
            rows = page.rows(page.one("table", section))
            assert (len(rows), rows[0][1:]) == (number, shown), title
            response = await browser.client.get(page.one("a", section, class_="push").get("href", ""))
            heads, *lines = list(csv.reader(io.StringIO(response.text)))
            assert (len(lines), lines[0][1:]) == (number, exported), title
            assert len(heads) == len(lines[0])
            assert len(page.all("figure", section)) == (title != "Open obligations")
        assert page.rows(page.one("table", page.section("Orders per day")))[0][0] == f"{today:%-d %b %Y}"
        assert page.link("Refund due") == "/?refund_due=true"


async def test_no_spreadsheet_takes_a_reason_for_a_formula(do: UseCases) -> None:
    await shop(do)
    async with console(do) as browser:
        response = await browser.client.get(f"{PATH}/csv?chart=cancellations")
        assert "\r\n'=1+1,EUR,1,0,120.00\r\n" in response.text
        assert "=1+1" in (await browser.open(PATH)).text("section", aria_labelledby="cancellations")
        assert (await browser.client.get(f"{PATH}/csv?chart=nothing")).status_code == 404


@pytest.mark.parametrize(
    "query, title, rows",
    [
        ("period=7", "Orders per day", 7),
        ("period=90", "Orders per day", 90),
        ("from=2026-11-02&to=2026-11-03", "Orders per hour", 48),
        ("from=2026-01-05&to=2026-06-07", "Orders per week", 22),
        ("from=2024-01-01&to=2026-03-31", "Orders per month", 27),
    ],
)
async def test_length_of_the_periods_follows_the_range(do: UseCases, query: str, title: str, rows: int) -> None:
    await place(do)
    async with console(do) as browser:
        page = await browser.open(f"{PATH}?{query}&timezone=Europe/Berlin")
        assert page.texts("h2")[0] == title
        [heads, *lines] = csv.reader((await browser.client.get(csv_link(page, title))).text.splitlines())
        assert heads == [title.split()[-1].capitalize(), "Orders"]
        assert len(lines) == rows


def csv_link(page: Html, title: str) -> str:
    return page.one("a", page.section(title), class_="push").get("href", "")


async def test_address_has_the_period_the_zone_and_the_currency(do: UseCases) -> None:
    await shop(do)
    async with console(do) as browser:
        page = await browser.open(f"{PATH}?period=7&timezone=Pacific/Auckland&currency=EUR")
        assert "in Pacific/Auckland" in page.text("main")
        assert [text_of(each) for each in page.all("a", aria_current="true")] == ["7 days"]
        for link in (page.link("90 days"), page.link("JPY"), csv_link(page, "How far orders get")):
            assert "timezone=Pacific%2FAuckland" in link
        fields = page.form(PATH)
        assert (fields["timezone"], fields["currency"]) == (["Pacific/Auckland"], ["EUR"])


@pytest.mark.parametrize(
    "query, message",
    [
        ("timezone=Mars", "Time zone must be an IANA time zone"),
        ("from=yesterday", "From must be a date such as 2026-11-30"),
        ("to=9999-12-31", "Until must be a date"),
        ("from=2026-12-01&to=2026-11-01", "Until must be after from"),
        ("from=2001-01-01", "Until must be at most 1100 days after from"),
        ("period=5", "Period must be one of 7, 30, 90, 365 days"),
    ],
)
async def test_range_that_is_not_possible_is_reported(do: UseCases, query: str, message: str) -> None:
    await place(do)
    async with console(do) as browser:
        page = await browser.open(f"{PATH}?{query}", 422)
        assert page.text("div", role="alert").startswith(message)
        assert "open" in page.one("details").attrib
        assert (await browser.client.get(f"{PATH}/csv?chart=funnel&{query}")).status_code == 422


async def test_period_without_orders_says_so(do: UseCases) -> None:
    await place(do)
    day = utc_now() - timedelta(days=400)
    async with console(do) as browser:
        page = await browser.open(f"{PATH}?from={day:%Y-%m-%d}&to={day + timedelta(days=9):%Y-%m-%d}")
        assert page.texts("p", page.section("Orders per day")) == ["No orders were placed in this period."]
        assert page.all("figure") == []
        assert figures(page)["Average order"] == "none"


async def test_statistics_need_their_scope(do: UseCases) -> None:
    await shop(do)
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(await key_of(do, "orders:read"))
        assert "Statistics" not in page.texts("a")
        for path in (PATH, f"{PATH}/csv?chart=funnel"):
            assert "stats:read" in (await browser.open(path, 404)).text("main")


async def test_staff_who_read_no_orders_see_no_links_to_them(do: UseCases) -> None:
    await shop(do)
    async with console(do, auth="keys") as browser:
        await browser.send(
            await browser.open("/console/sign-in"), "/console/sign-in", 404, key=await key_of(do, "stats:read")
        )
        page = await browser.open(PATH)
        assert [each for each in links(page) if "refund_due" in each] == []


def links(page: Html) -> list[str]:
    return [link.get("href", "") for link in page.all("a")]


@pytest.mark.parametrize(
    "values, ticks",
    [
        ([1, 0], ["0", "1"]),
        ([3, 4], ["0", "1", "2", "3", "4"]),
        ([10, 1], ["0", "5", "10"]),
        ([81], ["0", "25", "50", "75", "100"]),
        ([2_345, 9], ["0", "1000", "2000", "3000"]),
    ],
)
def test_axis_has_round_numbers_and_room_for_the_largest(values: list[int], ticks: list[str]) -> None:
    marks = columns([Point(str(value), str(value), value, "") for value in values], str)
    assert [mark.text for mark in marks if mark.anchor == "end" and mark.at[0] < 100] == ticks
    heights = [mark.at[3] for mark in marks if mark.kind == "rect"]
    scale = (BOTTOM - TOP) / int(ticks[-1])
    assert heights == [pytest.approx(value * scale, abs=0.1) for value in values if value]


def test_bars_are_as_long_as_their_values() -> None:
    marks = bars([Row("A", 50, "50", 200), Row("A label that is much too long", 100, "100")])
    pale, half, whole = [mark.at[2] for mark in marks if mark.kind == "rect"]
    assert (half / pale, whole / pale) == (0.25, 0.5)
    assert marks[4].text == "A label that is much too…"


def shapes(section: Element) -> list[str]:
    return [tag for each in section.iter() if (tag := each.tag.removeprefix(SVG)) in ("rect", "circle")]


async def test_charts_show_each_period_with_its_value(do: UseCases) -> None:
    await shop(do)
    async with console(do) as browser:
        page = await browser.open(f"{PATH}?period=7")
        assert shapes(page.section("Orders per day")) == ["rect"]
        assert shapes(page.section("Value per day")) == ["circle"] * 7
        titles = page.texts(f"{SVG}title", page.section("Value per day"))
        assert titles[-1] == f"{utc_now():%-d %b %Y}: €160.50"
        assert len(shapes(page.section("How far orders get"))) == 3
