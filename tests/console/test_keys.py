"""The API keys screen: a key is created and shown once, listed without its secret, and revoked after a question."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from orderkeep.application.access.actor import Scope
from orderkeep.application.access.api_keys import KEY_PATTERN, ApiKey
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.console.keys import SCOPES
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.console.console_calls import Console, Html, console, key_of
from tests.entrypoints.credentials import use_cases_with_keys

PATH = "/console/keys"


@pytest.fixture
def do() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


async def keys_of(do: UseCases) -> tuple[ApiKey, ...]:
    return (await do.list_api_keys.execute()).keys


async def create(browser: Console, status: int = 200, /, **values: Any) -> Html:
    return await browser.send(await browser.open(PATH), PATH, status, **values)


async def test_a_key_is_shown_once_and_signs_in(do: UseCases) -> None:
    async with console(do) as browser:
        page = await create(browser, name="Warehouse", scopes=["orders:read", "orders:ship"], expires_at="2999-12-31")
        key = page.text("pre")
        assert re.fullmatch(KEY_PATTERN, key)
        assert page.response.headers["cache-control"] == "no-store"
        assert key not in (await browser.open(PATH)).response.text
    [kept] = await keys_of(do)
    assert (kept.name, kept.scopes) == ("Warehouse", frozenset({Scope.READ, Scope.SHIP}))
    assert kept.expires_at == datetime(3000, 1, 1, tzinfo=UTC)
    async with console(do, auth="keys") as browser:
        await browser.sign_in(key)
        await browser.open(PATH, 404)


async def test_a_form_that_is_sent_again_creates_no_second_key(do: UseCases) -> None:
    async with console(do) as browser:
        form = await browser.open(PATH)
        secret = (await browser.send(form, PATH, name="Warehouse")).text("pre")
        again = await browser.send(form, PATH, name="Warehouse")
        [kept] = await keys_of(do)
        assert f"has created the key Warehouse already: ok_{kept.id}. The key is not shown" in again.text(
            "div", role="alert"
        )
        assert again.link("revoke it") == f"{PATH}/{kept.id}/revoke"
        assert (secret not in again.response.text, again.all("pre")) == (True, [])
        other = await browser.send(form, PATH, 422, name="Shop")
        assert "This form was sent before, with other values" in other.text("main")
    assert await keys_of(do) == (kept,)


async def test_a_key_for_a_customer_has_no_scopes(do: UseCases) -> None:
    async with console(do) as browser:
        await create(browser, name="Ada", **{"for": "customer", "user_id": "ada-17", "scopes": ["admin"]})
    [kept] = await keys_of(do)
    assert (kept.user_id, kept.scopes) == ("ada-17", frozenset())


@pytest.mark.parametrize(
    "values, field, message",
    [
        ({"name": ""}, "name", "Name must not be"),
        ({"scopes": []}, "scopes", "Staff must have at least one scope"),
        ({"scopes": ["orders:fly"]}, "scopes", "Staff must be one of"),
        ({"for": "customer"}, "user_id", "Customer ID must not be"),
        ({"expires_at": "2001-01-01"}, "expires_at", "Valid until must be in the future"),
        ({"expires_at": "tomorrow"}, "expires_at", "Valid until must be a date"),
        ({"expires_at": "9999-12-31"}, "expires_at", "Valid until must be a date"),
    ],
)
async def test_an_error_is_at_its_field(values: dict[str, Any], field: str, message: str, do: UseCases) -> None:
    async with console(do) as browser:
        page = await create(browser, 422, **{"name": "Shop", "scopes": ["orders:pay"], **values})
    [wrong] = [each for each in page.all("input") if each.get("aria-invalid")]
    assert wrong.get("name") == field
    assert page.text("p", id_=wrong.get("aria-describedby", "")).startswith(message)
    assert page.form(PATH)["name"] == [values.get("name", "Shop")]
    assert await keys_of(do) == ()


async def test_revokes_after_a_question(do: UseCases) -> None:
    await key_of(do, "orders:read")
    [kept] = await keys_of(do)
    async with console(do) as browser:
        page = await browser.open((await browser.open(PATH)).link("Revoke…"))
        assert (await keys_of(do))[0].revoked_at is None
        page = await browser.send(page, f"{PATH}/{kept.id}/revoke")
        assert page.text("div", role="status") == "The key tests is revoked."
        assert "Revoked" in page.rows(page.one("table"))[0]
        assert page.all("a", class_="sm") == []
    assert (await keys_of(do))[0].revoked_at is not None


async def test_reports_that_revoking_the_own_key_signs_out(do: UseCases) -> None:
    own = await key_of(do, "admin")
    await key_of(do, "orders:read")
    async with console(do, auth="keys") as browser:
        await browser.sign_in(own)
        warnings = {
            key.scopes: len((await browser.open(f"{PATH}/{key.id}/revoke")).all("div", role="alert"))
            for key in await keys_of(do)
        }
    assert warnings == {frozenset({Scope.ADMIN}): 1, frozenset({Scope.READ}): 0}


async def test_an_unknown_key_cannot_be_revoked(do: UseCases) -> None:
    async with console(do) as browser:
        await browser.open(f"{PATH}/0123456789/revoke", 404)


async def test_lists_more_keys_on_a_second_page(do: UseCases) -> None:
    for number in range(51):
        await do.create_api_key.execute(f"key {number}", scopes=["orders:read"])
    async with console(do) as browser:
        first = await browser.open(PATH)
        second = await browser.open(first.link("Older"))
        oldest = (await keys_of(do))[-1]
        await browser.open(f"{PATH}/{oldest.id}/revoke")
    names = [row[0] for page in (first, second) for row in page.rows(page.one("table"))]
    assert len(set(names)) == 51


@pytest.mark.parametrize("scopes, status", [(["admin"], 200), ([each for each in Scope if each != "admin"], 404)])
async def test_needs_the_scope_admin(scopes: list[str], status: int, do: UseCases) -> None:
    async with console(do, auth="keys") as browser:
        page = await browser.sign_in(await key_of(do, *scopes))
        assert len([each for each in page.all("a") if each.get("href") in (PATH, "/console/system")]) == 2 * (
            status == 200
        )
        await browser.open(PATH, status)
        await browser.open("/console/system", status)


def test_each_scope_is_explained() -> None:
    assert SCOPES.keys() >= set(Scope)
