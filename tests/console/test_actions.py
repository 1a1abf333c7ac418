"""The forms of actions: preview, effect, errors, conflicts."""

import inspect
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from orderkeep.application.dtos import PlaceOrder
from orderkeep.bootstrap import UseCases
from orderkeep.domain.lines import LineQuantity
from orderkeep.entrypoints.console.action_forms import ACTIONS
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.console.console_calls import Console, Html, console, key_of, text_of
from tests.console.test_order import handled, place
from tests.entrypoints.credentials import use_cases_with_keys


@pytest.fixture
def do() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


async def stored(do: UseCases, order_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await do.get_order.execute(order_id)).json)
    return found


def path_of(order_id: str, action: str) -> str:
    return f"/console/orders/{order_id}/{action}"


def preview_of(page: Html) -> dict[str, list[str]]:
    """Return what the preview says of each value."""
    return {row[0]: row[1:] for row in page.rows(page.one("table", page.one("section", id="preview")))}


async def submit(browser: Console, order_id: str, action: str, status: int = 200, /, **values: str) -> Html:
    """Open the form of an action and send it."""
    page = await browser.open(path_of(order_id, action))
    return await browser.send(page, path_of(order_id, action), status, **values)


DELIVERED = ("confirm_order", "ship_order", "deliver_order")
CASES: dict[str, tuple[tuple[str, ...], dict[str, str], dict[str, Any]]] = {
    "confirm": ((), {}, {"status": "processing"}),
    "ship": (("confirm_order",), {"tracking_number": "T1"}, {"status": "shipped"}),
    "deliver": (("confirm_order", "ship_order"), {}, {"status": "delivered"}),
    "cancel": ((), {"reason": "fraud", "note": "Sure."}, {"status": "cancelled"}),
    "cancel_lines": ((), {"lines:l1": "1"}, {"current_total": 5_538}),
    "hold": ((), {"reason": "fraud", "until": "2999-01-01T12:30"}, {"on_hold": True}),
    "release": (("hold",), {}, {"on_hold": False}),
    "add_shipment": (("confirm_order",), {"lines:l1": "1", "lines:l2": ""}, {"status": "partially_shipped"}),
    "update_shipment": (("confirm_order", "ship_order"), {"carrier": "UPS"}, {}),
    "deliver_shipment": (("confirm_order", "ship_order"), {}, {"status": "delivered"}),
    "record_payment": ((), {"amount": "102.60", "reference": "p"}, {"captured": 10_260}),
    "add_refund": (("pay",), {"amount": "51.30", "reference": "half"}, {"refund_pending": 5_130}),
    "close_refund": (("pay", "refund"), {}, {"refunded": 100}),
    "request_return": (DELIVERED, {"lines:l2": "2"}, {"return_status": "requested"}),
    "receive_return": ((*DELIVERED, "request_return"), {}, {"return_status": "returned"}),
    "reject_return": ((*DELIVERED, "request_return"), {"note": "Too late."}, {"return_status": "none"}),
    "cancel_return": ((*DELIVERED, "request_return"), {}, {"return_status": "none"}),
    "edit": ((), {"tags": "vip, gift"}, {"tags": ["vip", "gift"]}),
    "add_note": ((), {"text": "Called.\r\nAgain."}, {}),
    "edit_note": (("note",), {"text": "Changed."}, {}),
}
"""Of each action: what comes before it, what is typed, and what it changes."""


async def prepared(do: UseCases, moves: tuple[str, ...]) -> str:
    order_id = await place(do)
    for move in moves:
        match move:
            case "hold":
                await do.hold_order.execute(order_id, "check")
            case "pay":
                await do.record_payment.execute(order_id, "pay-1", "captured", 10_260)
            case "refund":
                await do.add_refund.execute(order_id, "ref-1", 100)
            case "note":
                await do.add_note.execute(order_id, "First.")
            case _:
                await getattr(do, move).execute(order_id)
    return order_id


async def test_each_action_of_the_domain_has_a_form_and_a_case(do: UseCases) -> None:
    found = await do.get_order_actions.execute(await place(do))
    assert sorted(each.name for each in found.actions) == sorted(CASES) == sorted(ACTIONS)


async def test_action_without_a_form_is_left_out(do: UseCases, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id = await place(do)
    for name in ("confirm", "release"):
        monkeypatch.delitem(ACTIONS, name)
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        assert not page.all("small", id="why-release")
        await browser.open(path_of(order_id, "confirm"), 404)


@pytest.mark.parametrize("action", CASES)
async def test_action_is_previewed_and_then_done(do: UseCases, action: str) -> None:
    moves, values, expected = CASES[action]
    order_id = await prepared(do, moves)
    before = await stored(do, order_id)
    async with console(do) as browser:
        page = await browser.open(path_of(order_id, action))
        page = await browser.send(page, path_of(order_id, action), do="preview", **values)
        assert await stored(do, order_id) == before
        assert page.texts("code", page.one("section", id="preview")), "no event"
        page = await browser.send(page, path_of(order_id, action))
        assert page.response.url.path == f"/console/orders/{order_id}"
        assert page.all("div", role="status")
    after = await stored(do, order_id)
    assert after["version"] == before["version"] + 1
    assert {name: after[name] for name in expected} == expected


@pytest.mark.parametrize(
    "action, typed, notice",
    [
        ("add_refund", {}, "The refund of €51.30 was added. Pay it at your payment provider, then mark it as settled."),
        ("close_refund", {}, "The refund is settled."),
        ("close_refund", {"status": "failed"}, "The refund is marked as failed."),
        ("record_payment", {}, "The payment of €102.60 was recorded."),
        ("add_shipment", {"lines:l2": "3"}, "The shipment of 4 units was added."),
        ("cancel_lines", {}, "1 unit was cancelled."),
        ("cancel_lines", {"lines:l2": "1"}, "2 units were cancelled."),
    ],
)
async def test_message_says_what_was_recorded(do: UseCases, action: str, typed: dict[str, str], notice: str) -> None:
    moves, values, _ = CASES[action]
    order_id = await prepared(do, moves)
    async with console(do) as browser:
        page = await submit(browser, order_id, action, **values | typed)
        assert page.text("div", role="status") == notice


async def test_shipment_of_an_order_without_lines_has_no_units(do: UseCases) -> None:
    order = await do.place_order.execute(PlaceOrder(user_id="ada", total=900, currency="EUR"))
    order_id = order.order.id
    await do.confirm_order.execute(order_id)
    async with console(do) as browser:
        page = await submit(browser, order_id, "add_shipment")
        assert page.text("div", role="status") == "The shipment was added."


async def test_values_arrive_where_they_belong(do: UseCases) -> None:
    order_id = await place(do)
    async with console(do) as browser:
        await submit(browser, order_id, "add_note", text="One.\r\nTwo.", visibility="customer")
        await submit(browser, order_id, "confirm")
        shipped = {"carrier": "DHL", "tracking_number": "T1", "tracking_url": "https://t.test/1"}
        await submit(browser, order_id, "add_shipment", **{"lines:l1": "1", "lines:l2": "0"}, **shipped,
                     occurred_at="2026-11-30T08:30")  # fmt: skip
        await submit(browser, order_id, "update_shipment", carrier="UPS")
        await submit(browser, order_id, "hold", reason="fraud", note="Check.", until="2999-01-01T12:30")
    order = await stored(do, order_id)
    assert (order["notes"][0]["text"], order["notes"][0]["visibility"]) == ("One.\nTwo.", "customer")
    [shipment] = order["shipments"]
    assert shipment["lines"] == [{"line": "l1", "quantity": 1}]
    assert {name: shipment[name] for name in shipped} == shipped | {"carrier": "UPS"}
    assert shipment["shipped_at"] == "2026-11-30T08:30:00Z"
    assert order["hold"]["until"] == "2999-01-01T12:30:00Z"
    assert (order["hold"]["reason"], order["hold"]["note"]) == ("fraud", "Check.")


async def test_times_are_in_the_zone_that_the_form_names(do: UseCases) -> None:
    order_id = await place(do)
    async with console(do) as browser:
        page = await browser.open(path_of(order_id, "hold"))
        assert page.text("small", id="h-until") == "In UTC. Empty means until it is released."
        typed = {"reason": "fraud", "until": "2999-01-01T12:30"}
        page = await browser.send(page, path_of(order_id, "hold"), do="preview", zone="Asia/Tokyo", **typed)
        assert page.text("small", id="h-until").startswith("In Asia/Tokyo.")
        await browser.send(page, path_of(order_id, "hold"))
        assert (await stored(do, order_id))["hold"]["until"] == "2999-01-01T03:30:00Z"
        page = await submit(browser, order_id, "hold", 422, zone="Moon/Base", **typed)
        assert "Until is in a time zone that the server does not have" in page.text("div", role="alert")


async def test_preview_shows_amounts_and_units_before_and_after(do: UseCases) -> None:
    order_id = await handled(do)
    async with console(do) as browser:
        page = await browser.open(path_of(order_id, "cancel_lines"))
        page = await browser.send(page, path_of(order_id, "cancel_lines"), do="preview", **{"lines:l2": "2"})
        found = preview_of(page)
        assert found["Bulb cancelled"] == ["0", "2"]
        assert found["Status"] == ["Partially shipped, unchanged"]
        assert found["Total"][0] == "€55.38"
        assert "LinesCancelled" in page.texts("code")
        assert page.text("button", id="run") == "Cancel 2 units"


async def test_form_starts_with_what_is_likely(do: UseCases) -> None:
    order_id = await handled(do)
    async with console(do) as browser:
        page = await browser.open(path_of(order_id, "add_refund"))
        assert page.form(path_of(order_id, "add_refund"))["amount"] == ["37.22"]
        assert page.text("button", id="run") == "Refund €37.22"
        assert page.one("button", id="run").get("data-label") == "Refund"
        assert preview_of(page)["Refund due"] == ["€37.22", "€0.00"]
        page = await browser.open(path_of(order_id, "add_shipment"))
        assert page.form(path_of(order_id, "add_shipment"))["lines:l2"] == ["3"]
        assert "lines:l1" not in page.form(path_of(order_id, "add_shipment"))
        page = await browser.open(path_of(order_id, "edit"))
        fields = page.form(path_of(order_id, "edit"))
        assert (fields["tags"], fields["customer.email"]) == (["gift, express"], ["Jo@Example.com"])


async def test_refund_starts_with_what_returns_suggest_until_one_is_made(do: UseCases) -> None:
    order_id = await prepared(do, ("pay", *DELIVERED))
    path = path_of(order_id, "add_refund")
    await do.request_return.execute(order_id, lines=(LineQuantity("l2", 3),))
    await do.receive_return.execute(order_id, "r1")
    async with console(do) as browser:

        async def shown() -> tuple[list[str], list[str]]:
            main = (await browser.open(f"/console/orders/{order_id}")).texts("a", class_="pri")
            return main, (await browser.open(path)).form(path)["amount"]

        assert await shown() == (["Refund €3.27…"], ["3.27"])
        await do.add_refund.execute(order_id, "ref-1", 300)
        assert await shown() == (["Settle refund…"], ["99.60"])
        await do.close_refund.execute(order_id, "ref-1", "succeeded")
        assert await shown() == ([], ["99.60"])
        await do.request_return.execute(order_id, lines=(LineQuantity("l1", 2),))
        await do.receive_return.execute(order_id, "r2")
        assert await shown() == (["Refund €94.43…"], ["94.43"])


async def test_refund_starts_with_no_more_than_was_paid(do: UseCases) -> None:
    order_id = await prepared(do, DELIVERED)
    await do.record_payment.execute(order_id, "pay-1", "captured", 200)
    await do.request_return.execute(order_id, lines=(LineQuantity("l2", 3),))
    await do.receive_return.execute(order_id, "r1")
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        assert page.texts("a", class_="pri") == ["Refund €2.00…"]


async def test_failed_refund_is_visible_and_repeated_until_another_one_is_made(do: UseCases) -> None:
    order_id = await prepared(do, ("pay", "refund"))
    path = path_of(order_id, "add_refund")
    await do.add_refund.execute(order_id, "ref-2", 1_500, reason="late")
    for reference in ("ref-1", "ref-2"):
        await do.close_refund.execute(order_id, reference, "succeeded")
    await do.close_refund.execute(order_id, "ref-2", "failed")
    async with console(do) as browser:
        for reference in ("ref-3", "ref-4"):
            page = await browser.open(f"/console/orders/{order_id}")
            assert "Refund failed €15.00" in page.texts("span", class_="bad")
            assert page.texts("a", class_="pri") == ["Repeat refund of €15.00…"]
            assert "Refund failed €15.00" in (await browser.open()).texts("span", class_="bad")
            page = await browser.open(path)
            assert (page.form(path)["amount"], page.form(path)["reason"]) == (["15.00"], ["late"])
            await browser.send(page, path, reference=reference)
            page = await browser.open(f"/console/orders/{order_id}")
            assert page.texts("span", class_="bad") == ["Failed"] * (1 + (reference == "ref-4"))
            assert (await browser.open()).texts("span", class_="bad") == []
            await do.close_refund.execute(order_id, reference, "failed")


async def test_form_starts_with_what_can_still_change(do: UseCases) -> None:
    order_id = await handled(do)
    await do.add_shipment.execute(order_id)
    await do.deliver_shipment.execute(order_id, "s1")
    await do.close_refund.execute(order_id, "ref-1", "failed")
    for number, outcome in ((2, "succeeded"), (3, "")):
        await do.add_refund.execute(order_id, f"ref-{number}", 100)
        if outcome:
            await do.close_refund.execute(order_id, f"ref-{number}", outcome)

    async def first(action: str, name: str) -> list[str]:
        page = await browser.open(path_of(order_id, action))
        assert page.texts("code", page.one("section", id="preview")), "no event"
        return [each.get("value", "") for each in page.all("option", page.one("select", id=f"f-{name}"))]

    async with console(do) as browser:
        assert await first("deliver_shipment", "shipment_id") == ["s2"]
        assert await first("close_refund", "reference") == ["ref-3", "ref-2"]
        await do.close_refund.execute(order_id, "ref-3", "failed")
        assert await first("close_refund", "reference") == ["ref-2"]


async def test_edit_changes_only_what_was_changed(do: UseCases) -> None:
    order_id = await place(do)
    before = await stored(do, order_id)
    async with console(do) as browser:
        page = await submit(browser, order_id, "edit")
        assert page.text("div", role="status") == "Nothing was changed: the order already is as requested."
        assert (await stored(do, order_id)) == before
        page = await submit(
            browser,
            order_id,
            "edit",
            **{"shipping_address.city": "York", "shipping_address.country": "gb", "customer.phone": ""},
        )
        assert page.all("div", role="status")
    after = await stored(do, order_id)
    assert after["shipping_address"] == before["shipping_address"] | {"city": "York", "country": "GB"}
    assert after["customer"] == before["customer"] | {"phone": None}
    assert (after["tags"], after["external_ref"]) == (before["tags"], before["external_ref"])


@pytest.mark.parametrize(
    "action, values, field, message",
    [
        ("add_refund", {"amount": "1,5"}, "amount", "Amount must be an amount such as 1234.50"),
        ("add_refund", {"amount": "1.005"}, "amount", "Amount must have at most 2 decimal places in EUR"),
        ("add_refund", {"amount": "0"}, "amount", "Amount must be above 0, such as 12.50"),
        ("add_refund", {"amount": "-5"}, "amount", "Amount must be above 0, such as 12.50"),
        ("add_refund", {"amount": "1e3"}, "amount", "Amount must be above 0, such as 12.50"),
        ("add_refund", {"amount": ""}, "amount", "Amount must be above 0, such as 12.50"),
        ("add_refund", {"amount": "5", "reference": ""}, "reference", "Reference must not be empty"),
        ("add_refund", {"amount": "999"}, "", "99.90|exceed|most|left"),
        ("add_refund", {"amount": "5", "reason": "a" * 101}, "reason", "Reason must have at most 100"),
        ("cancel_lines", {}, "lines", "What to cancel must have at least one unit"),
        ("cancel_lines", {"lines:l2": "1e3"}, "lines", "What to cancel must be whole numbers"),
        ("cancel_lines", {"lines:l2": "-1"}, "lines", "What to cancel must be whole numbers"),
        ("cancel_lines", {"lines:l2": "4"}, "", "Bulb has only 3 units left to cancel, not 4"),
        ("hold", {"reason": "a", "until": "tomorrow"}, "until", "Until must be a time such as"),
        ("hold", {"reason": "a", "until": "2020-01-01T00:00"}, "until", "Until must be in the future"),
        ("edit", {"customer.email": "none"}, "customer.email", "E-mail must be an e-mail address"),
        (
            "edit",
            {"shipping_address.country": "Germany"},
            "shipping_address.country",
            "Country code must be a code of two letters, such as DE",
        ),
    ],
)
async def test_invalid_input_is_kept_and_explained(
    do: UseCases, action: str, values: dict[str, str], field: str, message: str
) -> None:
    order_id = await handled(do)
    before = await stored(do, order_id)
    async with console(do) as browser:
        page = await submit(browser, order_id, action, 422, **values)
        alert = page.text("div", role="alert")
        assert alert.startswith("Nothing was done.")
        assert re.search(message, alert), alert
        kept = page.form(path_of(order_id, action))
        assert {name: kept[name] for name in values} == {name: [value] for name, value in values.items()}
        wrong = [
            each.get("name") for tag in ("input", "select", "textarea") for each in page.all(tag, aria_invalid="true")
        ]
        assert wrong == ([field] if field and field != "lines" else [])
    assert await stored(do, order_id) == before


async def test_button_does_not_repeat_an_amount_that_is_not_possible(do: UseCases) -> None:
    order_id = await handled(do)
    async with console(do) as browser:
        page = await submit(browser, order_id, "add_refund", 422, amount="999")
        assert page.text("button", id="run") == "Refund"


async def test_conflict_keeps_the_input_and_shows_what_changed(do: UseCases) -> None:
    order_id = await handled(do)
    action = path_of(order_id, "cancel_lines")
    async with console(do) as browser:
        page = await browser.open(action)
        await do.add_shipment.execute(order_id, lines=(LineQuantity("l2", 2),))
        page = await browser.send(page, action, 412, **{"lines:l2": "1"}, reason="late", note="Called.")
        alert = page.text("div", role="alert")
        assert "Nothing was done: the order changed while you were typing." in alert
        assert "Version 8, by orderkeep" in alert
        assert "Bulb shipped from 0 → to 2" in alert
        fields = page.form(action)
        assert (fields["lines:l2"], fields["reason"], fields["note"]) == (["1"], ["late"], ["Called."])
        assert fields["if_match"] == ["8"]
        page = await browser.send(page, action)
        assert page.all("div", role="status")
    assert (await stored(do, order_id))["lines"][1]["cancelled"] == 1


async def test_form_that_was_sent_with_other_values_can_be_sent_again(do: UseCases) -> None:
    order_id = await place(do)
    note = path_of(order_id, "add_note")
    async with console(do) as browser:
        page = await browser.open(note)
        await browser.send(page, note, text="One.")
        page = await browser.send(page, note, 422, text="Two.")
        assert "This form was sent before, with other values." in page.text("div", role="alert")
        page = await browser.send(page, note, 412)
        await browser.send(page, note)
    assert [each["text"] for each in (await stored(do, order_id))["notes"]] == ["One.", "Two."]


THEIRS = "Phone from +44 113 496 0100 → to +44 2"


async def test_edit_keeps_what_another_user_changed_meanwhile(do: UseCases) -> None:
    order_id = await place(do)
    edit = path_of(order_id, "edit")
    async with console(do) as browser:
        page = await browser.open(edit)
        await do.edit_order.execute(order_id, {"customer": {"phone": "+44 2"}})
        page = await browser.send(page, edit, 412, **{"shipping_address.city": "York", "tags": "gift, express, vip"})
        assert page.form(edit)["shipping_address.city"] == ["York"]
        await browser.send(page, edit)
        order = await stored(do, order_id)
        assert (order["customer"]["phone"], order["shipping_address"]["city"]) == ("+44 2", "York")
        assert order["tags"] == ["gift", "express", "vip"]
        again = await browser.send(page, edit)
        assert again.text("div", role="status") == "The order was changed."
        assert (await stored(do, order_id)) == order
        assert THEIRS in page.text("div", role="alert")
        assert page.texts("p", class_="err") == []


async def test_preview_says_what_another_user_changed_meanwhile(do: UseCases) -> None:
    order_id = await place(do)
    edit = path_of(order_id, "edit")
    async with console(do) as browser:
        page = await browser.open(edit)
        await do.edit_order.execute(order_id, {"customer": {"phone": "+44 2"}})
        page = await browser.send(page, edit, do="preview", **{"shipping_address.city": "York"})
        assert THEIRS in page.text("p", class_="t-warn")
        assert preview_of(page)["City"] == ["Leeds", "York"]
        assert "Phone" not in preview_of(page)
        assert "phone" not in (page.one("pre", page.one("div", id="as-curl")).text or "")
        await browser.send(page, edit, 412)


async def test_field_that_two_users_changed_is_a_conflict_at_the_field(do: UseCases) -> None:
    order_id = await prepared(do, ("note", "confirm_order", "ship_order"))
    async with console(do) as browser:
        pages = {name: await browser.open(path_of(order_id, name)) for name in ("edit", "update_shipment", "edit_note")}
        customer = {"phone": "+44 2", "email": "both@example.com"}
        await do.edit_order.execute(order_id, {"tags": ("theirs",), "customer": customer})
        await do.update_shipment.execute(order_id, "s1", {"carrier": "DHL", "tracking_number": "T1"})
        await do.edit_note.execute(order_id, "n1", "Theirs.")
        for action, typed, conflicts in (
            (
                "edit",
                {"tags": "gift", "customer.phone": "", "customer.email": "both@example.com"},
                {"tags": "Tags: now theirs, yours gift", "customer.phone": "Phone: now +44 2, yours empty"},
            ),
            ("update_shipment", {"carrier": "UPS"}, {"carrier": "Carrier: now DHL, yours UPS"}),
            ("edit_note", {"text": "Mine."}, {"text": "New text: now Theirs., yours Mine."}),
        ):
            page = await browser.send(pages[action], path_of(order_id, action), 412, **typed)
            assert {
                each.get("id", "").removeprefix("c-"): text_of(each) for each in page.all("p", class_="err")
            } == conflicts
            invalid = [each for tag in ("input", "textarea") for each in page.all(tag, aria_invalid="true")]
            assert [each.get("name") for each in invalid] == list(conflicts)
            kept = page.form(path_of(order_id, action))
            assert {name: kept[name] for name in typed} == {name: [value] for name, value in typed.items()}
            await browser.send(page, path_of(order_id, action))
    order = await stored(do, order_id)
    assert (order["tags"], order["customer"]["phone"], order["notes"][0]["text"]) == (["gift"], None, "Mine.")
    assert (order["shipments"][0]["carrier"], order["shipments"][0]["tracking_number"]) == ("UPS", "T1")


async def test_form_that_is_sent_twice_has_one_effect(do: UseCases) -> None:
    order_id = await prepared(do, ("pay",))
    action = path_of(order_id, "add_refund")
    async with console(do) as browser:
        page = await browser.open(action)
        for _ in range(2):
            await browser.send(page, action, amount="10.00")
    assert len((await stored(do, order_id))["refunds"]) == 1


async def test_form_says_what_its_user_has_just_done(do: UseCases) -> None:
    order_id = await place(do)
    cancel = path_of(order_id, "cancel_lines")
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, "admin"))

        async def notice(seconds: float) -> list[str]:
            at = (await do.get_order_history.execute(order_id)).changes[-1].at
            do.get_order_actions.clock = lambda: at + timedelta(seconds=seconds)
            return (await browser.open(cancel)).texts("div", class_="note")

        assert await notice(0) == []
        await submit(browser, order_id, "cancel_lines", **{"lines:l2": "1"})
        did = "Lines cancelled: 1 \N{MULTIPLICATION SIGN} Bulb."
        text = f"You changed this order {{}} ago: {did} Send this form only for something further."
        assert await notice(20) == [text.format("20 seconds")]
        assert await notice(-1) == [text.format("0 seconds")]
        assert await notice(61) == [text.format("1 minute")]
        assert await notice(300) == [text.format("5 minutes")]
        assert await notice(301) == []
        await do.add_note.execute(order_id, "By another actor.")
        assert await notice(20) == []


async def test_action_that_is_not_possible_says_why(do: UseCases) -> None:
    order_id = await handled(do)
    async with console(do) as browser:
        page = await browser.open(path_of(order_id, "confirm"))
        assert "Order cannot be confirmed" in page.text("section", id="preview")
        page = await browser.send(page, path_of(order_id, "confirm"), 422)
        assert "Order cannot be confirmed" in page.text("div", role="alert")


async def test_action_without_its_scope_is_not_done(do: UseCases) -> None:
    order_id = await place(do)
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, "orders:read"))
        page = await browser.open(path_of(order_id, "confirm"))
        page = await browser.send(page, path_of(order_id, "confirm"), 403)
        assert "orders:write" in page.text("div", role="alert")
    assert (await stored(do, order_id))["status"] == "pending"


async def test_staff_are_recorded_as_the_actor(do: UseCases) -> None:
    order_id = await place(do)
    async with console(do, auth="keys") as browser:
        await browser.sign_in(await key_of(do, "admin"))
        page = await submit(browser, order_id, "confirm")
        request_id = page.response.history[0].headers["x-request-id"]
    change = (await do.get_order_history.execute(order_id)).changes[-1]
    assert change.actor.startswith("staff:key:")
    assert change.request_id == request_id


@pytest.mark.parametrize("action", ["unknown", "execute", "__class__"])
async def test_unknown_action_is_not_found(do: UseCases, action: str) -> None:
    order_id = await place(do)
    async with console(do) as browser:
        await browser.open(path_of(order_id, action), 404)


def test_forms_send_the_arguments_of_the_use_cases(do: UseCases) -> None:
    plain = {name: each for name, each in ACTIONS.items() if each.run.__qualname__.startswith("_plain")}
    assert len(plain) > 10
    use_cases = {"confirm": "confirm_order", "deliver": "deliver_order", "cancel": "cancel_order"}
    use_cases |= {"hold": "hold_order", "release": "release_order"}
    for name, action in plain.items():
        arguments = inspect.signature(getattr(do, use_cases.get(name, name)).execute).parameters
        assert [field.name for field in action.fields if field.name not in arguments] == [], name


async def test_note_can_be_added_from_the_order_page(do: UseCases) -> None:
    order_id = await place(do)
    async with console(do) as browser:
        page = await browser.open(f"/console/orders/{order_id}")
        page = await browser.send(page, path_of(order_id, "add_note"), text="Called.")
        assert "Called." in [text_of(each) for each in page.all("div", page.section("Notes"), class_="pre")]
