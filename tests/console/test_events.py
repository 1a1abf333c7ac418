"""The events screen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orderkeep.application.events import EVENT_TYPES
from orderkeep.bootstrap import UseCases
from orderkeep.domain.personal_data import Customer, PersonalData
from orderkeep.entrypoints.console import events as events_screen
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command
from tests.console.console_calls import Console, Html, console, key_of
from tests.entrypoints.credentials import use_cases_with_keys

PATH = "/console/events"


@pytest.fixture
def do() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


async def place(do: UseCases, notes: int = 0) -> str:
    """Place an order, and add notes."""
    command = replace(place_command(), lines=(), personal=PersonalData(Customer("Jo Doe", "jo@example.com")))
    order_id = (await do.place_order.execute(command)).order_id
    for number in range(notes):
        await do.add_note.execute(order_id, f"note {number}")
    return order_id


def listed(page: Html) -> list[tuple[str, int]]:
    """Return the type and the position of each event of the list."""
    return [(row[0], int(row[5])) for row in page.rows(page.one("table"))] if page.all("table") else []


async def all_pages(browser: Console, path: str) -> list[tuple[str, int]]:
    page = await browser.open(path)
    found = listed(page)
    while page.all("a", rel="next"):
        page = await browser.open(page.link("Older"))
        found += listed(page)
    return found


async def test_empty_store_has_no_events() -> None:
    async with console() as browser:
        page = await browser.open(PATH)
        assert page.texts("h2") == ["No events yet"]
        assert page.link("Refresh") == PATH


async def test_newest_event_is_first(do: UseCases) -> None:
    order_id = await place(do)
    await do.confirm_order.execute(order_id)
    async with console(do) as browser:
        page = await browser.open(PATH)
        assert listed(page) == [("OrderConfirmed", 2), ("OrderPlaced", 1)]
        [_, order, _, by, recorded, _] = page.rows(page.one("table"))[0]
        assert (order, by, recorded) == (f"{order_id[:8]} version 2", "system", "just now")
        assert page.link("OrderConfirmed") == f"{PATH}/{order_id}.2.1"


async def test_pages_have_each_event_once(do: UseCases) -> None:
    for _ in range(7):
        await place(do, notes=20)
    async with console(do) as browser:
        found = await all_pages(browser, PATH)
        assert [position for _, position in found] == list(range(147, 0, -1))
        assert (await browser.open(f"{PATH}?position=147")).link("Newest") == PATH
        assert listed(await browser.open(f"{PATH}?position=3"))[0] == ("NoteAdded", 3)
        assert listed(await browser.open(f"{PATH}?position=999"))[0] == ("NoteAdded", 147)


async def test_change_with_several_events_is_not_divided(do: UseCases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_screen, "ROWS", 3)
    order_id = await place(do, notes=2)
    await do.confirm_order.execute(order_id)
    await do.add_shipment.execute(order_id)
    await do.deliver_order.execute(order_id)
    expected = [event.id for event in (await do.list_events.execute(limit=200)).events][::-1]
    async with console(do) as browser:
        for path in (PATH, f"{PATH}?order={order_id}"):
            assert len(listed(await browser.open(path))) == 4
            positions = [position for _, position in await all_pages(browser, path)]
            assert len(positions) == len(expected)
            assert positions == sorted(positions, reverse=True)


async def test_events_of_one_type(do: UseCases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_screen, "MOST_SEARCHED", 200)
    await place(do)
    for _ in range(25):
        await place(do, notes=20)
    async with console(do) as browser:
        assert [kind for kind, _ in await all_pages(browser, f"{PATH}?type=OrderPlaced")] == ["OrderPlaced"] * 26
        page = await browser.open(f"{PATH}?type=OrderCancelled")
        assert "The changes after position 326 have none of this type." in page.text("main")
        assert await all_pages(browser, f"{PATH}?type=OrderCancelled") == []


async def test_events_of_one_order(do: UseCases) -> None:
    order_id = await place(do, notes=49)
    for number in range(11):
        await do.edit_order.execute(order_id, {"tags": (f"tag-{number}",)})
    await place(do)
    async with console(do) as browser:
        found = await all_pages(browser, f"{PATH}?order={order_id}")
        assert [position for _, position in found] == list(range(61, 0, -1))
        assert [kind for kind, _ in found[9:13]] == ["DetailsChanged"] * 2 + ["NoteAdded"] * 2
        assert listed(await browser.open(f"{PATH}?order={order_id}&type=OrderPlaced")) == [("OrderPlaced", 1)]
        page = await browser.open(f"{PATH}?order=W-1")
        assert "No order with the ID W-1 has such an event." in page.text("main")


@pytest.mark.parametrize(
    "query, message",
    [
        ("type=Nothing", "No events have this type."),
        ("position=x", "The position must be a whole number, from 1."),
        ("position=0", "The position must be"),
        ("order=a&version=-1", "The version must be"),
    ],
)
async def test_filter_that_does_not_exist_is_reported(do: UseCases, query: str, message: str) -> None:
    async with console(do) as browser:
        page = await browser.open(f"{PATH}?{query}", 422)
        assert page.text("div", role="alert").startswith(message)
        assert page.all("div", data_live=f"{PATH}/stream?after=0") == []


async def test_list_is_of_the_store_that_there_is(do: UseCases) -> None:
    await place(do, notes=3)
    async with console(do) as browser:
        await browser.open(PATH)
        browser.client._transport.app.state.last_position = 900  # type: ignore[attr-defined]  # of a larger store
        assert listed(await browser.open(PATH))[0] == ("NoteAdded", 4)


async def test_event_has_its_payload_without_personal_data(do: UseCases) -> None:
    order_id = await place(do, notes=1)
    async with console(do) as browser:
        page = await browser.open(f"{PATH}/{order_id}.2.1")
        assert page.text("h1") == "NoteAdded"
        payload, full, cloud_event = [json.loads(text) for text in page.texts("pre")[:3]]
        expected = await do.get_event.execute(f"{order_id}.2.1")
        assert payload["id"] == expected.id
        assert payload["data"] == expected.data
        assert full["data"]["previous"]["version"] == 1
        assert cloud_event["type"] == "orderkeep.order.note_added"
        assert f"/events/{order_id}.2.1" in page.texts("pre")[3]
        assert "jo@example.com" not in page.response.text
        assert page.link("All events of this order") == f"{PATH}?order={order_id}"
        for unknown in (f"{order_id}.2.2", f"{order_id}.9.1", "nothing"):
            assert "Event not found" in (await browser.open(f"{PATH}/{unknown}", 404)).text("main")


async def test_events_need_their_scope(do: UseCases) -> None:
    order_id = await place(do)
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(await key_of(do, "orders:read"))
        assert "Events" not in page.texts("a")
        for path in ("", "/stream", f"/{order_id}.1.1"):
            assert "events:read" in (await browser.open(f"{PATH}{path}", 404)).text("main")


async def test_stream_is_that_of_the_session(do: UseCases) -> None:
    first = await place(do)
    async with console(do, auth="keys") as browser:
        assert "Sign in" in (await browser.open(f"{PATH}/stream")).text("h1")
        await browser.send(
            await browser.open("/console/sign-in"), "/console/sign-in", 404, key=await key_of(do, "events:read")
        )
        page = await browser.open(PATH)
        assert [each for each in page.texts("td") if each.startswith(first[:8])] == [f"{first[:8]} version 1"]
        assert page.all("a", href=f"/console/orders/{first}?version=1") == []
        [bar] = [each for each in page.all("div") if "data-live" in each.attrib]
        assert bar.get("data-types") == " ".join(EVENT_TYPES)
        second = await place(do)
        do.stop_waiting()  # so that the stream ends after the events that there are
        response = await browser.client.get(bar.get("data-live", ""))
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["content-security-policy"] == page.response.headers["content-security-policy"]
        assert f"event: OrderPlaced\ndata: {second}" in response.text
        assert first not in response.text
