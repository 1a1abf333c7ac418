"""`orderkeep events`: pages, filters, and following, in this process and on a server."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orderkeep.bootstrap import build_use_cases
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import large_order
from tests.entrypoints.cli_calls import Cli, run
from tests.entrypoints.served import serving

PLACE = ("place", "--user", "user-42", "--total", "99.00", "--currency", "EUR")


@pytest.fixture
def cli() -> Cli:
    return Cli()


@pytest.fixture
def two_orders(cli: Cli) -> tuple[str, str]:
    """Place two orders; of the first one, a payment follows, a shipment of two events, and a note."""
    first = cli.place()
    cli("confirm", first)
    second = cli.place()
    cli("ship", first)
    cli("notes", "add", first, "Called.")
    return first, second


def types(cli: Cli, *args: str) -> list[str]:
    return [line.split("\t")[2] for line in cli("events", *args).stdout.splitlines()]


def test_lists_events_oldest_first(cli: Cli, two_orders: tuple[str, str]) -> None:
    first, second = two_orders
    rows = [line.split("\t") for line in cli("events").stdout.splitlines()]
    assert [(row[0], *row[2:]) for row in rows] == [
        ("1", "OrderPlaced", first, "1", "staff", ""),
        ("2", "OrderConfirmed", first, "2", "staff", ""),
        ("3", "OrderPlaced", second, "1", "staff", ""),
        ("4", "OrderShipped", first, "3", "staff", ""),
        ("4", "ShipmentCreated", first, "3", "staff", "shipment id: s1"),
        ("5", "NoteAdded", first, "4", "staff", "note id: n1"),
    ]


@pytest.mark.usefixtures("two_orders")
def test_limit_does_not_divide_a_change(cli: Cli) -> None:
    shown = cli("events", "--limit", "4")
    assert len(shown.stdout.splitlines()) == 3
    assert shown.stderr == "orderkeep: there are more events: add --all, or --after 3\n"
    assert types(cli, "--after", "3", "--limit", "1") == ["OrderShipped", "ShipmentCreated"]
    page = cli.json("events", "--limit", "4")
    assert (len(page["data"]), page["has_more"], page["next_after"]) == (3, True, 3)
    page = cli.json("events", "--after", "4", "--limit", "1")
    assert ([event["type"] for event in page["data"]], page["has_more"], page["next_after"]) == (
        ["NoteAdded"],
        False,
        5,
    )
    assert cli.json("events", "--after", "5") == {"data": [], "has_more": False, "next_after": 5}


def test_full_events_of_large_orders_are_printed_page_by_page() -> None:
    cli = Cli(build_use_cases(InMemoryOrderRepository([large_order(f"order-{number}") for number in range(6)])))
    for number in range(6):
        cli("cancel", f"order-{number}")
    expected = [f"order-{number}.{version}.1" for version in (1, 2) for number in range(6)]
    for arguments, most in ((["--all"], 12), (["--limit", "11"], 11), (["--limit", "200"], 12)):
        page = cli.json("events", "--full", *arguments)
        assert [event["id"] for event in page["data"]] == expected[:most]
        assert (page["has_more"], page["next_after"]) == (most < 12, most)


@pytest.mark.usefixtures("two_orders")
def test_types_select_events_until_the_limit(cli: Cli) -> None:
    selected = ("--type", "OrderPlaced", "--type", "ShipmentCreated")
    assert types(cli, *selected) == ["OrderPlaced", "OrderPlaced", "ShipmentCreated"]
    page = cli.json("events", *selected, "--limit", "2")
    assert (len(page["data"]), page["has_more"], page["next_after"]) == (2, True, 3)
    assert cli.json("events", "--type", "OrderHeld") == {"data": [], "has_more": False, "next_after": 5}


@pytest.mark.usefixtures("two_orders")
def test_all_prints_every_page(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderkeep.entrypoints.cli.commands.events.LARGEST_PAGE", 2)
    assert len(types(cli, "--all")) == 6
    page = cli.json("events", "--all")
    assert ([event["position"] for event in page["data"]], page["has_more"]) == ([1, 2, 3, 4, 4, 5], False)
    assert types(cli, "--all", "--type", "NoteAdded") == ["NoteAdded"]


def test_full_adds_the_orders(cli: Cli, two_orders: tuple[str, str]) -> None:
    [_, confirmed, *_] = cli.json("events", "--full")["data"]
    versions = [cli.json("get", two_orders[0], "--version", str(version)) for version in (2, 1)]
    assert confirmed["data"] == dict(zip(("order", "previous"), versions, strict=True))


@pytest.mark.parametrize(
    "args, message",
    [
        (("--limit", "2", "--all"), "--limit and --all cannot be used together."),
        (("--limit", "2", "--follow"), "--limit and --follow cannot be used together."),
        (("--full",), "--full requires --json."),
        (("--type", "OrderCanceled"), "Did you mean 'OrderCancelled'?"),
        (("--after", "1"), "--after is not a position of the feed yet"),
    ],
)
def test_wrong_options_are_reported(cli: Cli, args: tuple[str, ...], message: str) -> None:
    assert message in cli("events", *args, code=2).stderr


@contextmanager
def following(*args: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "orderkeep", *args]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def next_type(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    found: str = json.loads(process.stdout.readline())["type"]
    return found


def test_follow_prints_new_events_until_ctrl_c(tmp_path: Path) -> None:
    run(*PLACE, cwd=tmp_path)
    with following("events", "--follow", "--json", cwd=tmp_path) as process:
        assert next_type(process) == "OrderPlaced"
        [order_id] = run("list", cwd=tmp_path).stdout.decode().split("\t")[:1]
        run("confirm", order_id, cwd=tmp_path)
        assert next_type(process) == "OrderConfirmed"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert (process.returncode, json.loads(said)["code"]) == (130, "interrupted")


def test_follow_on_a_server_ends_with_ctrl_c_and_with_a_closed_pipe(tmp_path: Path) -> None:
    with serving(store=f"sqlite:///{tmp_path}/orders.db") as (client, _):
        remote = ("--remote", str(client.base_url))
        run(*remote, *PLACE, cwd=tmp_path)
        with following(*remote, "events", "--follow", cwd=tmp_path) as process:
            assert process.stdout
            assert "\tOrderPlaced\t" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
            assert process.returncode == 130
            assert re.fullmatch("orderkeep: interrupted; continue with --after [01]", said.strip())
        with following(*remote, "events", "--follow", "--json", cwd=tmp_path) as process:
            assert next_type(process) == "OrderPlaced"
            assert process.stdout
            process.stdout.close()
            run(*remote, *PLACE, cwd=tmp_path)
            assert process.wait(30) == 141
            assert process.stderr
            assert process.stderr.read() == ""


def test_follow_reports_where_to_continue_if_the_server_ends(tmp_path: Path) -> None:
    with serving(store=f"sqlite:///{tmp_path}/orders.db") as (client, server):
        remote = ("--remote", str(client.base_url))
        run(*remote, *PLACE, cwd=tmp_path)
        with following(*remote, "events", "--follow", "--json", cwd=tmp_path) as process:
            assert next_type(process) == "OrderPlaced"
            server.terminate()
            server.wait(30)
            _, said = process.communicate(timeout=60)
            assert process.returncode == 7
            assert json.loads(said)["hint"].endswith("continue with --after 1")
