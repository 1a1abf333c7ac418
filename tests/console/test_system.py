"""The system screen: the store and whether it works, the authentication, and the settings, without secrets."""

from __future__ import annotations

from dataclasses import replace

from orderkeep.bootstrap import bootstrap
from orderkeep.domain.exceptions import StoreUnavailable
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
    assert facts["Store check"] == "Orders can be read and written"
    changed, rest = page.all("table")
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
    assert facts_of(page)["Store check"] == "Not available"


async def test_shows_the_authentication() -> None:
    async with console() as browser:
        assert facts_of(await browser.open(PATH))["Authentication"].startswith("None: every request")
