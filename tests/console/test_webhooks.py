"""The webhooks screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from orderkeep.application.access.api_key_authenticator import ApiKeyAuthenticator
from orderkeep.application.webhooks.sending import WebhookResponse
from orderkeep.application.webhooks.subscriptions import WebhookView
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.bootstrap.access import api_keys_of
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command
from tests.application.webhook_world import FAILED, OK, SHOP, Receivers
from tests.console.console_calls import Console, Html, console, key_of, text_of

PATH = "/console/webhooks"
SVG = "{http://www.w3.org/2000/svg}"
NEW = f"{PATH}/new"
HOST = "shop.example/hooks"


@pytest.fixture
def receiver() -> Receivers:
    return Receivers()


@pytest.fixture
def do(receiver: Receivers) -> UseCases:
    store = InMemoryOrderRepository()
    return build_use_cases(store, authenticators=[ApiKeyAuthenticator(api_keys_of(store))], sender=receiver)


async def place(do: UseCases, number: int = 1) -> list[str]:
    """Place orders and return their IDs."""
    command = replace(place_command(), lines=())
    return [(await do.place_order.execute(command)).order_id for _ in range(number)]


async def webhook_of(do: UseCases, url: str = SHOP, **of: Any) -> WebhookView:
    return await do.create_webhook.execute(url, **{"start": "beginning", **of})


async def deliver(do: UseCases) -> None:
    while await do.deliver_webhooks.execute():
        pass


def notices(page: Html, role: str = "status") -> str:
    return " ".join(page.texts("div", role=role))


async def test_without_webhooks_the_list_says_what_one_does() -> None:
    async with console() as browser:
        page = await browser.open(PATH)
        assert page.texts("h2") == ["No webhooks yet"]
        assert page.all("table") == []
        assert page.link("Add webhook") == NEW


async def test_secret_of_a_new_webhook_is_shown_once(do: UseCases) -> None:
    async with console(do) as browser:
        page = await browser.open(NEW)
        fields: dict[str, Any] = {
            "url": SHOP,
            "types": ["OrderPlaced", "NoteAdded"],
            "tag": "gift",
            "description": "ERP",
        }
        page = await browser.send(page, NEW, **fields)
        [webhook] = await do.list_webhooks.execute()
        assert (webhook.url, webhook.types, webhook.tag) == (SHOP, ("OrderPlaced", "NoteAdded"), "gift")
        secret = page.text("pre")
        assert secret.startswith("whsec_")
        assert "data-copy" in page.one("pre").attrib
        page = await browser.open(page.link("I have copied it"))
        assert page.text("h1") == HOST
        assert secret not in page.response.text


async def test_webhook_starts_where_it_is_asked_to(do: UseCases) -> None:
    await place(do, 3)
    async with console(do) as browser:
        for fields, position in (({}, 3), ({"start": "beginning"}, 0), ({"start": "position", "position": "2"}, 2)):
            await browser.send(await browser.open(NEW), NEW, 200, url=SHOP, **fields)
            assert (await do.list_webhooks.execute())[-1].position == position


@pytest.mark.parametrize(
    "fields, message, wrong",
    [
        ({"url": "http://shop.example"}, "URL must begin with https://", "url"),
        ({"types": "Nothing"}, "Events must be a type of event", ""),
        ({"tag": "x" * 51}, "Tag must have at most 50 characters", "tag"),
        ({"start": "position", "position": "9"}, "Position must be now, beginning, or the position", "start"),
        ({"start": "position", "position": "x"}, "Position must be a whole number", "start"),
    ],
)
async def test_form_that_is_rejected_keeps_what_was_typed(
    do: UseCases, fields: dict[str, str], message: str, wrong: str
) -> None:
    async with console(do) as browser:
        given = {"url": SHOP, "description": "my ERP", **fields}
        page = await browser.send(await browser.open(NEW), NEW, 422, **given)
        assert f"Nothing was done. {message}" in notices(page, "alert")
        kept = page.form(NEW)
        assert (kept["url"], kept["description"]) == ([given["url"]], ["my ERP"])
        marked = [each.get("name") for each in page.all("input", aria_invalid="true")]
        assert marked == ([{"start": "position"}.get(wrong, wrong)] if wrong else [])
        assert await do.list_webhooks.execute() == ()


class ReceiversByPath(Receivers):
    """Respond as the end of the URL says."""

    responses = {"ok": OK, "failing": FAILED, "gone": WebhookResponse(410)}  # noqa: RUF012

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        return self.responses[url.rpartition("/")[2]]


async def test_form_that_is_sent_again_has_one_effect(do: UseCases, receiver: Receivers) -> None:
    [order_id] = await place(do)
    async with console(do) as browser:
        form = await browser.open(NEW)
        created = [await browser.send(form, NEW, url=SHOP, start="beginning") for _ in range(2)]
        [webhook] = await do.list_webhooks.execute()
        assert len({page.text("pre") for page in created}) == 1
        await deliver(do)
        here = f"{PATH}/{webhook.id}"
        page = await browser.open(here)
        for path in ("test", "resend"):
            for _ in range(2):
                await browser.send(page, f"{here}/{path}", **({"position": "1"} if path == "resend" else {}))
                await deliver(do)
    assert receiver.ids[::2] == [f"{order_id}.1.1"] * 2
    assert len(receiver.ids) == 3


async def test_list_shows_which_webhook_is_healthy() -> None:
    do = build_use_cases(InMemoryOrderRepository(), sender=ReceiversByPath())
    await place(do, 2)
    for path in ("ok", "failing", "gone", "paused"):
        await webhook_of(do, f"https://a.example/{path}")
    await do.pause_webhook.execute((await do.list_webhooks.execute())[3].id)
    await deliver(do)
    async with console(do) as browser:
        page = await browser.open(PATH)
        rows = [[row[0], row[2], row[4], *row[6:]] for row in page.rows(page.one("table"))]
        assert rows[0] == ["a.example/ok", "Healthy", "0", "0 changes", "200 just now", "Pause a.example/ok"]
        assert rows[1][:4] == ["a.example/failing", "Retrying", "2", "0 changes"]
        assert rows[1][4].startswith("500 ")
        assert rows[2][1] == "Gone"
        assert rows[3] == ["a.example/paused", "Paused", "0", "2 changes", "none yet", "Resume a.example/paused"]
        next_attempts = [row[5] for row in page.rows(page.one("table"))]
        assert next_attempts[0] == "none"
        assert next_attempts[1].startswith("in ")


async def test_deliveries_are_listed_with_the_response_as_text(do: UseCases, receiver: Receivers) -> None:
    body = b"<script>alert(1)</script> maintenance"
    receiver.respond = lambda event: OK if event["type"].endswith("placed") else WebhookResponse(503, body, seconds=1.5)
    [order_id] = await place(do)
    await do.add_note.execute(order_id, "Hello")
    webhook = await webhook_of(do)
    await deliver(do)
    async with console(do) as browser:
        page = await browser.open(f"{PATH}/{webhook.id}")
        failed, delivered = page.rows(page.one("table"))
        assert failed[:4] == ["NoteAdded", order_id[:8], "Failed", "1"]
        assert failed[4:6] == ["503" + body.decode(), "1,500 ms"]
        assert delivered[2:6] == ["Delivered", "1", "200thanks", "10 ms"]
        assert page.link("NoteAdded") == f"/console/events/{order_id}.2.1"
        assert "1 order" in page.text("section", aria_labelledby="retry")
        assert all(not each.text for each in page.all("script"))


async def test_delivery_without_a_response_says_why(do: UseCases, receiver: Receivers) -> None:
    receiver.respond = lambda _: WebhookResponse(None, error="the connection was refused")
    await place(do)
    webhook = await webhook_of(do)
    await deliver(do)
    async with console(do) as browser:
        [row] = (page := await browser.open(f"{PATH}/{webhook.id}")).rows(page.one("table"))
        assert row[4] == "none: the connection was refused"


async def test_deliveries_have_pages(do: UseCases) -> None:
    await place(do, 60)
    webhook = await webhook_of(do)
    await deliver(do)
    async with console(do) as browser:
        here = f"{PATH}/{webhook.id}"
        page = await browser.open(here)
        assert len(page.rows(page.one("table"))) == 50
        page = await browser.open(page.link("Older"))
        assert len(page.rows(page.one("table"))) == 10
        assert page.link("Newest") == here


async def test_page_shows_how_many_attempts_were_accepted(do: UseCases, receiver: Receivers) -> None:
    webhook = await webhook_of(do)
    numbers = iter([OK, FAILED, OK, OK, *[FAILED] * 2])
    receiver.respond = lambda _: next(numbers)
    for _ in range(6):
        await place(do)
        await deliver(do)
    words = "Oldest to newest: 1 accepted, 1 failed, 2 accepted, 2 failed"
    async with console(do) as browser:
        for path in (PATH, f"{PATH}/{webhook.id}"):
            page = await browser.open(path)
            chart = page.one(f"{SVG}svg", role="img")
            assert (chart.get("aria-label"), chart.get("width")) == (words, "24")
            accepted, failed = (page.one(f"{SVG}path", chart, class_=style).get("d", "") for style in ("b", "e"))
            assert [each.split(" ")[0] for each in accepted.split("M")[1:]] == ["0", "8", "12"]
            assert [each.split(" ")[0] for each in failed.split("M")[1:]] == ["4", "16", "20"]
        assert "3 of the newest 6 attempts" in page.texts("small")
        assert "50 %" in " ".join((await browser.open(PATH)).texts("span", class_="s"))


async def test_deliveries_are_filtered_by_state_and_event(do: UseCases, receiver: Receivers) -> None:
    webhook = await webhook_of(do, types=("OrderPlaced", "NoteAdded"))
    receiver.respond = lambda event: FAILED if event["type"].endswith("note_added") else OK
    for order_id in await place(do, 53):
        await do.add_note.execute(order_id, "Called.")
    await deliver(do)
    async with console(do) as browser:
        page = await browser.open(f"{PATH}/{webhook.id}")
        assert page.texts("option")[-3:] == ["All", "OrderPlaced", "NoteAdded"]
        for query, types, states in (
            ("state=failed", {"NoteAdded"}, {"Failed"}),
            ("state=delivered", {"OrderPlaced"}, {"Delivered"}),
            ("type=NoteAdded&state=", {"NoteAdded"}, {"Failed"}),
        ):
            page = await browser.open(f"{PATH}/{webhook.id}?{query}")
            rows = page.rows(page.one("table")) + await older(browser, page)
            assert ({row[0] for row in rows}, {row[2] for row in rows}, len(rows)) == (types, states, 53)
        page = await browser.open(f"{PATH}/{webhook.id}?state=delivered&type=NoteAdded")
        assert "No attempt matches." in page.text("section", aria_labelledby="deliveries")
        everything = await browser.open(f"{PATH}/{webhook.id}?state=lost&type=Lost")
        assert len(everything.rows(everything.one("table"))) == 50


async def older(browser: Console, page: Html) -> list[list[str]]:
    following = await browser.open(page.link("Older"))
    return following.rows(following.one("table"))


async def test_event_is_sent_again_with_its_id(do: UseCases, receiver: Receivers) -> None:
    orders = await place(do, 2)
    webhook = await webhook_of(do)
    await deliver(do)
    receiver.received.clear()
    async with console(do) as browser:
        page = await browser.open(f"{PATH}/{webhook.id}")
        assert [each.get("value") for each in page.all("button", name="position")] == ["2", "1"]
        page = await browser.send(page, f"{PATH}/{webhook.id}/resend", position="1")
        assert "The events of position 1 will be sent again." in notices(page)
    await deliver(do)
    assert receiver.ids == [f"{orders[0]}.1.1"]


async def test_replay_says_how_much_before_it_sends(do: UseCases, receiver: Receivers) -> None:
    orders = await place(do, 4)
    webhook = await webhook_of(do)
    await deliver(do)
    receiver.received.clear()
    replay = f"{PATH}/{webhook.id}/replay"
    async with console(do) as browser:
        page = await browser.open(f"{replay}?first=2&last=4")
        assert page.text("h1") == "Replay 3 changes?"
        assert receiver.received == []
        page = await browser.send(page, replay)
        assert "The events of positions 2 to 4 will be sent again." in notices(page)
        page = await browser.send(page, f"{PATH}/{webhook.id}/resend", 409, position="1")
        assert "A replay up to position 4 is not complete" in notices(page, "alert")
    await deliver(do)
    assert sorted(receiver.ids) == sorted(f"{each}.1.1" for each in orders[1:])


@pytest.mark.parametrize(
    "query, message",
    [
        ("first=0&last=1", "From position must be at least 1"),
        ("first=1&last=3", "To position must be from 1 to 2, the position of the webhook"),
        ("first=2&last=1", "To position must be from 2 to 2"),
        ("first=&last=1", "From position must be a whole number"),
    ],
)
async def test_replay_of_a_range_that_does_not_exist_is_rejected(do: UseCases, query: str, message: str) -> None:
    await place(do, 2)
    webhook = await webhook_of(do)
    await deliver(do)
    async with console(do) as browser:
        page = await browser.open(f"{PATH}/{webhook.id}/replay?{query}", 422)
        assert message in notices(page, "alert")


@pytest.mark.parametrize(
    "response, role, text",
    [
        (OK, "status", "The receiver responded with 200 in 10 ms"),
        (WebhookResponse(404, b"<b>nothing here</b>"), "alert", "The receiver responded with 404"),
        (WebhookResponse(None, error="the connection was refused"), "alert", "no response: the connection was refused"),
    ],
)
async def test_test_event_shows_what_the_receiver_responds(
    do: UseCases, receiver: Receivers, response: WebhookResponse, role: str, text: str
) -> None:
    webhook = await webhook_of(do)
    receiver.respond = lambda _: response
    async with console(do) as browser:
        page = await browser.send(await browser.open(f"{PATH}/{webhook.id}"), f"{PATH}/{webhook.id}/test")
        assert text in notices(page, role)
        assert page.texts("pre") == ([response.body.decode()] if response.body else [])
        assert receiver.ids[0].startswith("test.")


async def test_paused_webhook_continues_where_it_stopped(do: UseCases, receiver: Receivers) -> None:
    webhook = await webhook_of(do)
    here = f"{PATH}/{webhook.id}"
    async with console(do) as browser:
        page = await browser.send(await browser.open(here), f"{here}/pause")
        assert "No event is lost" in notices(page)
        assert "Paused" in page.texts("span", class_="s")
        await place(do)
        await deliver(do)
        assert receiver.received == []
        await browser.send(page, f"{here}/resume")
        await deliver(do)
        assert len(receiver.received) == 1


async def test_page_says_why_a_webhook_was_paused(do: UseCases, receiver: Receivers) -> None:
    await place(do)
    webhook = await webhook_of(do)
    receiver.respond = lambda _: WebhookResponse(410)
    await deliver(do)
    async with console(do) as browser:
        page = await browser.open(f"{PATH}/{webhook.id}")
        assert "Paused because the receiver responded with 410" in page.text("main")


async def test_new_secret_is_shown_once_after_a_question(do: UseCases) -> None:
    webhook = await webhook_of(do)
    here = f"{PATH}/{webhook.id}"
    async with console(do) as browser:
        page = await browser.open((await browser.open(here)).link("New secret…"))
        secret, again = [(await browser.send(page, f"{here}/rotate")).text("pre") for _ in range(2)]
        assert secret == again
        page = await browser.send(page, f"{here}/rotate")
        assert secret.startswith("whsec_")
        assert secret != webhook.secret
        assert "previous secret too, until" in page.text("main")
        page = await browser.open(here)
        assert secret not in page.response.text
        assert "The previous one signs until" in page.text("main")


async def test_webhook_is_changed(do: UseCases) -> None:
    webhook = await webhook_of(do, types=["OrderPlaced"], tag="gift", description="ERP")
    edit = f"{PATH}/{webhook.id}/edit"
    async with console(do) as browser:
        page = await browser.open(edit)
        assert {name: page.form(edit)[name] for name in ("url", "types", "tag", "description")} == {
            "url": [SHOP],
            "types": ["OrderPlaced"],
            "tag": ["gift"],
            "description": ["ERP"],
        }
        page = await browser.send(page, edit, types=["NoteAdded"], tag="", description="Shop")
        assert "The changes are saved" in notices(page)
        changed = await do.get_webhook.execute(webhook.id)
        assert (changed.types, changed.tag, changed.description) == (("NoteAdded",), None, "Shop")


async def test_conflict_keeps_what_was_typed_and_what_another_user_changed(do: UseCases) -> None:
    webhook = await webhook_of(do, types=["OrderPlaced"], tag="gift")
    edit = f"{PATH}/{webhook.id}/edit"
    async with console(do) as browser:
        page = await browser.open(edit)
        theirs = {"url": "https://b.example/", "types": ["NoteAdded"], "tag": "vip", "description": "same"}
        await do.update_webhook.execute(webhook.id, theirs)
        mine: dict[str, str | list[str]] = {"types": ["OrderPlaced", "OrderShipped"], "tag": "", "description": "same"}
        page = await browser.send(page, edit, 412, **mine)
        alert = notices(page, "alert")
        assert "Nothing was done: the webhook changed while you were typing." in alert
        assert f"URL from {SHOP} → to https://b.example/" in alert
        assert [text_of(each) for each in page.all("p", class_="err")] == [
            "Tag: now vip, yours empty",
            "Events: now NoteAdded, yours OrderPlaced, OrderShipped",
        ]
        assert (await do.get_webhook.execute(webhook.id)).tag == "vip"
        for _ in range(2):
            assert "The changes are saved" in notices(await browser.send(page, edit))
    changed = await do.get_webhook.execute(webhook.id)
    assert (changed.url, changed.description, changed.tag) == ("https://b.example/", "same", None)
    assert changed.types == ("OrderPlaced", "OrderShipped")


async def test_webhook_is_deleted_after_a_question(do: UseCases) -> None:
    webhook = await webhook_of(do)
    here = f"{PATH}/{webhook.id}"
    async with console(do) as browser:
        page = await browser.open((await browser.open(here)).link("Delete…"))
        assert page.text("h1") == "Delete this webhook?"
        page = await browser.send(page, f"{here}/delete")
        assert "The webhook is deleted." in notices(page)
        for path in (here, f"{here}/edit", f"{here}/delete", f"{here}/rotate", f"{here}/replay?first=1&last=1"):
            assert "Webhook not found" in (await browser.open(path, 404)).text("main")


async def test_webhooks_need_their_scope(do: UseCases) -> None:
    webhook = await webhook_of(do)
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(await key_of(do, "orders:read", "events:read"))
        assert "Webhooks" not in page.texts("a")
        token = page.form("/console/sign-out")["form_token"]
        for path in (PATH, NEW, f"{PATH}/{webhook.id}"):
            assert "webhooks:admin" in (await browser.open(path, 404)).text("main")
        for path in ("pause", "delete", "test", "rotate"):
            response = await browser.post(f"{PATH}/{webhook.id}/{path}", {"form_token": token})
            assert response.status_code == 403
        assert (await do.get_webhook.execute(webhook.id)).status == "active"


async def test_staff_who_only_manage_webhooks_see_no_links_to_orders_and_events(do: UseCases) -> None:
    await place(do)
    webhook = await webhook_of(do)
    await deliver(do)
    async with console(do, auth="keys") as browser:
        await browser.send(
            await browser.open("/console/sign-in"), "/console/sign-in", 404, key=await key_of(do, "webhooks:admin")
        )
        page = await browser.open(PATH)
        assert "Behind" not in page.texts("th")
        page = await browser.open(f"{PATH}/{webhook.id}")
        links = [each.get("href", "") for each in page.all("a", page.section("Deliveries"))]
        assert links == [f"{PATH}/{webhook.id}"]
