"""`orderkeep edit`: tags one by one, metadata, the external reference, and what is rejected."""

import asyncio
from typing import Any

import pytest

from orderkeep.domain.exceptions import VersionMismatch
from orderkeep.entrypoints.cli.commands.orders import EDIT_ATTEMPTS
from tests.entrypoints.cli_calls import Cli

ORDER = ("--tag", "gift", "--tag", "express", "--metadata", "channel=web")


@pytest.fixture
def cli() -> Cli:
    return Cli()


def test_changes_what_is_given_and_keeps_the_rest(cli: Cli) -> None:
    order_id = cli.place(*ORDER)
    order = cli.json("edit", order_id, "--untag", "gift", "--tag", "fragile", "--set-metadata", "note=a=b")
    assert (order["tags"], order["metadata"]) == (["express", "fragile"], {"channel": "web", "note": "a=b"})
    order = cli.json("edit", order_id, "--unset-metadata", "channel", "--external-ref", "web-1")
    assert (order["tags"], order["metadata"]) == (["express", "fragile"], {"note": "a=b"})
    assert (order["external_ref"], order["version"]) == ("web-1", 3)
    assert cli.json("edit", "web-1", "--untag", "express", "--untag", "fragile")["tags"] == []


def test_tag_that_is_there_already_changes_nothing(cli: Cli) -> None:
    order_id = cli.place(*ORDER)
    result = cli("edit", order_id, "--tag", "gift", "--untag", "other", "--unset-metadata", "other")
    assert "nothing was changed" in result.stderr
    assert cli.json("get", order_id)["version"] == 1


def test_dry_run_changes_nothing(cli: Cli) -> None:
    order_id = cli.place(*ORDER)
    result = cli("edit", order_id, "--tag", "fragile", "--dry-run")
    assert "dry run: nothing was changed" in result.stderr
    assert cli.json("get", order_id)["version"] == 1


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        ((), 2, "nothing to change: use --tag, --untag, --set-metadata, --unset-metadata, --external-ref, "),
        (("--tag", "a", "--untag", "a"), 2, "--tag and --untag cannot be used together for a"),
        (("--set-metadata", "a=1", "--unset-metadata", "a"), 2, "--set-metadata and --unset-metadata cannot be used"),
        (("--set-metadata", "a"), 2, "--set-metadata: must be KEY=VALUE"),
        (("--set-metadata", "a=1", "--set-metadata", "a=2"), 2, "--set-metadata: must not repeat a key"),
        (("--tag", "t" * 51), 5, "--tag (no. 3) must have at most 50 characters"),
        (("--set-metadata", "a=\x01"), 5, "--set-metadata (a) must not contain control characters"),
        (("--external-ref", "r" * 129), 5, "--external-ref must have at most 128 characters"),
        (("--tag", "a", "--expected-version", "7"), 4, "the order is at version 1, not 7"),
    ],
)
def test_rejects_what_is_invalid(arguments: tuple[str, ...], code: int, message: str, cli: Cli) -> None:
    order_id = cli.place(*ORDER)
    assert message in cli("edit", order_id, *arguments, code=code).stderr
    assert cli.json("get", order_id)["version"] == 1


@pytest.mark.parametrize("rivals", [1, EDIT_ATTEMPTS - 1, EDIT_ATTEMPTS])
def test_tags_of_another_writer_are_kept(rivals: int, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id, left = cli.place(*ORDER), rivals
    get = cli.use_cases.get_order.execute

    async def get_before_a_rival(*given: Any) -> Any:
        nonlocal left
        found = await get(*given)
        if left:
            left -= 1
            await cli.use_cases.edit_order.execute(order_id, {"tags": (f"rival-{left}",)})
        return found

    monkeypatch.setattr(cli.use_cases.get_order, "execute", get_before_a_rival)
    cli("edit", order_id, "--tag", "fragile", code=0 if rivals < EDIT_ATTEMPTS else 4)
    order = asyncio.run(get(order_id))
    expected = b'"tags":["rival-0","fragile"]' if rivals < EDIT_ATTEMPTS else b'"tags":["rival-0"]'
    assert expected in order.json


def test_version_that_the_caller_expects_is_not_replaced(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id, calls = cli.place(*ORDER), list[Any]()

    async def edit(_: str, changes: Any, context: Any) -> Any:
        calls.append((changes, context.expected_version))
        raise VersionMismatch(context.expected_version, 9)

    monkeypatch.setattr(cli.use_cases.edit_order, "execute", edit)
    cli("edit", order_id, "--tag", "fragile", "--expected-version", "3", code=4)
    assert calls == [({"tags": ("gift", "express", "fragile")}, 3)]
