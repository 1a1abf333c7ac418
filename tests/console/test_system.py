"""The system screen: the store and whether it works, the authentication, and the settings, without secrets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orderkeep.application.dtos import PlaceOrder
from orderkeep.application.ports import utc_now
from orderkeep.application.use_cases.diagnose_store import DiagnoseStoreUseCase
from orderkeep.bootstrap import bootstrap, build_use_cases
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.console.console_calls import Html, console

PATH = "/console/system"


def facts_of(page: Html) -> dict[str, str]:
    return dict(zip(page.texts("dt"), page.texts("dd"), strict=True))


async def test_shows_the_store_without_its_credentials() -> None:
    store = "postgresql://orders:s3cret-one@db.example/shop?password=s3cret-two"
    async with console(store=store, documents="s3://bucket?secret_key=s3cret-three", seller="Lamps Ltd") as browser:
        page = await browser.open(PATH)
    assert "s3cret" not in page.response.text
    facts = facts_of(page)
    assert facts["Store"] == "PostgreSQL postgresql://db.example/shop?password=***"
    assert facts["Store check"] == "Available"
    *_, changed, rest = page.all("table")
    names = [row[0] for row in page.rows(changed)]
    assert {"ORDERKEEP_STORE", "ORDERKEEP_DOCUMENTS", "ORDERKEEP_SELLER"} <= set(names)
    assert ["ORDERKEEP_PORT", "8000"] in [row[:2] for row in page.rows(rest)]
    assert not set(names) & {row[0] for row in page.rows(rest)}


async def test_reports_a_store_that_is_not_available() -> None:
    async def check() -> None:
        raise StoreUnavailable("the disk is full")

    async with console(replace(bootstrap("memory://"), check_store=check)) as browser:
        page = await browser.open(PATH)
    assert page.text("div", role="alert") == "The store is not available: the disk is full"
    facts = facts_of(page)
    assert (facts["Store check"], facts["Schema"]) == ("Not available", "Not known while the store is not available")


@pytest.mark.parametrize(
    "found, shown",
    [
        (None, "This store has no schema versions"),
        ((5, 5), "Version 5, the one that this version of orderkeep needs. Upgraded on start."),
        ((6, 5), "Version 6, but version 5 is needed: upgrade orderkeep. Upgraded on start."),
    ],
)
async def test_shows_the_schema_of_the_store(found: tuple[int, int] | None, shown: str) -> None:
    async def schema() -> tuple[int, int] | None:
        return found

    async with console(replace(bootstrap("memory://"), get_schema=schema)) as browser:
        assert facts_of(await browser.open(PATH))["Schema"] == shown


async def test_shows_the_schema_of_a_sqlite_file(tmp_path: Path) -> None:
    do = bootstrap(f"sqlite:///{tmp_path}/orders.db")
    async with console(do, auto_migrate=False) as browser:
        shown = facts_of(await browser.open(PATH))["Schema"]
    number = (await do.get_schema() or (0, 0))[1]
    await do.close()
    assert shown.startswith(f"Version {number}, the one that")
    assert shown.endswith("Not upgraded on start: run orderkeep migrate before a new version.")


async def test_a_store_in_memory_has_no_schema() -> None:
    async with console() as browser:
        assert facts_of(await browser.open(PATH))["Schema"] == "This store has no schema versions"


async def test_shows_the_authentication() -> None:
    async with console() as browser:
        assert facts_of(await browser.open(PATH))["Authentication"] == "None, local only"


async def test_reports_findings_about_settings_and_on_request_about_orders() -> None:
    store = InMemoryOrderRepository()
    do = build_use_cases(store)
    order = (await do.place_order.execute(PlaceOrder(user_id="ada", total=1, currency="EUR"))).order_id
    do = replace(do, diagnose_store=DiagnoseStoreUseCase(store, lambda: utc_now() + timedelta(days=30)))
    async with console(do, store="memory://") as browser:
        page = await browser.open(PATH)
        found = page.rows(page.all("table")[0])
        assert [
            "Warning",
            "All orders are lost when the process ends.",
            "Set ORDERKEEP_STORE to a place that lasts.",
        ] in found
        assert "stuck" not in str(found)
        page = await browser.open(page.link("Check the newest 500 orders"))
        [row] = [row for row in page.rows(page.all("table")[0]) if "pending without a change" in row[1]]
        assert (row[0], order[:8] in row[1]) == ("Warning", True)
        assert "1 order checked" in page.texts("p")[-1]
