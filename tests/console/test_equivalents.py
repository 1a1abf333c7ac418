"""What is copied from a page does the same in a shell: run by bash, on a server that requires keys."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from orderkeep.bootstrap import UseCases
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.console.console_calls import Console, Html, key_of, served
from tests.console.test_actions import CASES, path_of, prepared, stored
from tests.console.test_order import place
from tests.entrypoints.credentials import use_cases_with_keys

STAFF = ("orders:read", "orders:write", "orders:cancel", "orders:ship", "orders:pay", "orders:refund")
KINDS = ("as-curl", "as-command")
SHELL = "it's \"quoted\" 'so'\n$HOME ${PATH} $(touch owned) `touch owned` !! \\ \\n %s"
MORE = "& ; | > file < file # no comment * ? [a] {b,c} ~\nZażółć gęślą jaźń, 日本語, 🧾"
TEXTS = (f"{SHELL}\n{MORE}", "@file", "-x --help")


@pytest.fixture
def do() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


class Shell:
    """A console of a person who signed in, and bash with the same key."""

    def __init__(self, browser: Console, key: str, folder: Path) -> None:
        self.browser, self.key, self.folder = browser, key, folder

    async def run(self, text: str) -> str:
        """Run what was copied, and return its output. It must not write a file."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        script = text.replace("curl ", "curl --fail-with-body --silent --show-error ", 1)
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", script),
            env={"PATH": path, "HOME": str(self.folder), "ORDERKEEP_API_KEY": self.key, "LANG": "C.UTF-8"},
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, f"{text}\n{output.decode()}"
        assert list(self.folder.iterdir()) == []
        return output.decode()

    async def copied(self, which: str, order_id: str, action: str, **values: str) -> str:
        """Return what can be copied from the form of an action with these values."""
        page = await self.browser.open(path_of(order_id, action))
        page = await self.browser.send(page, path_of(order_id, action), do="preview", **values)
        return copied(page, which)


def copied(page: Html, kind: str) -> str:
    text = page.one("pre", page.one("div", id=kind)).text or ""
    assert "ok_" not in text
    return text


@pytest.fixture
async def shell(do: UseCases, tmp_path: Path) -> AsyncIterator[Shell]:
    key = await key_of(do, *STAFF)
    async with served(do, auth="keys") as url, httpx.AsyncClient(base_url=url) as client:
        browser = Console(client, do)
        await browser.sign_in(key)
        yield Shell(browser, key, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("action", CASES)
async def test_text_does_the_same_as_the_form(do: UseCases, shell: Shell, action: str, kind: str) -> None:
    moves, values, expected = CASES[action]
    order_id = await prepared(do, moves)
    before = await stored(do, order_id)
    await shell.run(await shell.copied(kind, order_id, action, **values))
    after = await stored(do, order_id)
    assert after["version"] == before["version"] + 1
    assert {name: in_order(after[name]) for name in expected} == {name: in_order(expected[name]) for name in expected}


def in_order(value: Any) -> Any:
    """Return a value; of tags, in alphabetical order: the command adds and removes single ones."""
    return sorted(value) if isinstance(value, list) else value


@pytest.mark.parametrize("kind", KINDS)
async def test_any_text_is_quoted(do: UseCases, shell: Shell, kind: str) -> None:
    order_id = await place(do)
    for text in TEXTS:
        line = text.replace("\n", " ")[:100].strip()
        await shell.run(await shell.copied(kind, order_id, "add_note", text=text, visibility="customer"))
        await shell.run(await shell.copied(kind, order_id, "hold", reason=line, note=text))
        order = await stored(do, order_id)
        assert (order["notes"][-1]["text"], order["notes"][-1]["visibility"]) == (text, "customer")
        assert (order["hold"]["reason"], order["hold"]["note"]) == (line, text)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_value_is_copied(do: UseCases, shell: Shell, kind: str) -> None:
    order_id = await prepared(do, ("confirm_order",))
    shipped = {"carrier": "DHL", "tracking_number": "T 1", "tracking_url": "https://t.test/?a=1&b=2"}
    values = {"lines:l1": "1", "lines:l2": "2", **shipped, "occurred_at": "2026-11-30T08:30"}
    await shell.run(await shell.copied(kind, order_id, "add_shipment", **values))
    paid = {"kind": "authorized", "amount": "0.05", "reference": "p/1", "method": "card"}
    await shell.run(await shell.copied(kind, order_id, "record_payment", **paid))
    edited: dict[str, Any] = {"tags": "vip, new one", "customer.phone": "+44 1", "shipping_address.city": "York"}
    await shell.run(await shell.copied(kind, order_id, "edit", **edited))
    order = await stored(do, order_id)
    [shipment], [payment] = order["shipments"], order["payments"]
    assert {name: shipment[name] for name in shipped} == shipped
    assert shipment["lines"] == [{"line": "l1", "quantity": 1}, {"line": "l2", "quantity": 2}]
    assert shipment["shipped_at"] == "2026-11-30T08:30:00Z"
    assert [payment[name] for name in ("kind", "amount", "reference", "method")] == ["authorized", 5, "p/1", "card"]
    assert (sorted(order["tags"]), order["customer"]["phone"]) == (["new one", "vip"], "+44 1")
    assert order["shipping_address"]["city"] == "York"
    assert order["shipping_address"]["line1"]


@pytest.mark.parametrize("kind", KINDS)
async def test_text_does_nothing_if_the_order_changed(do: UseCases, shell: Shell, kind: str) -> None:
    order_id = await place(do)
    text = await shell.copied(kind, order_id, "cancel")
    await do.add_note.execute(order_id, "Called.")
    with pytest.raises(AssertionError, match="version"):
        await shell.run(text)


async def test_reading_an_order_can_be_copied(do: UseCases, shell: Shell) -> None:
    order_id = await prepared(do, ("confirm_order",))
    for query in ("", "?version=1"):
        page = await shell.browser.open(f"/console/orders/{order_id}{query}")
        curl, command = [each.text or "" for each in page.all("pre", data_copy="")]
        for text in (curl, command):
            assert json.loads(await shell.run(text))["version"] == int(query[-1:] or 2)


async def test_form_that_cannot_be_sent_has_nothing_to_copy(do: UseCases, shell: Shell) -> None:
    order_id = await place(do)
    for action, values in (("hold", {"reason": ""}), ("edit", {}), ("ship", {})):
        page = await shell.browser.open(path_of(order_id, action))
        page = await shell.browser.send(page, path_of(order_id, action), do="preview", **values)
        assert page.texts("pre") == [], action


async def test_form_without_a_command_has_only_curl(do: UseCases, shell: Shell) -> None:
    order_id = await place(do)
    page = await shell.browser.open(path_of(order_id, "edit"))
    page = await shell.browser.send(page, path_of(order_id, "edit"), do="preview", **{"customer.phone": ""})
    assert "PATCH" in copied(page, "as-curl")
    assert page.texts("p", page.one("div", id="as-command")) == [
        "Appears here when there is a command that does the same."
    ]
