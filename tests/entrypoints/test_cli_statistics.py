"""`orderkeep stats` and `orderkeep doctor`: what they print, on a store and on a server, and their exit codes."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderkeep.application.use_cases.diagnose_store import Finding
from orderkeep.bootstrap import build_use_cases
from orderkeep.config import Settings
from orderkeep.entrypoints.settings_findings import settings_findings
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.application.webhook_world import FAILED, SHOP, Receivers
from tests.entrypoints.cli_calls import Cli, run
from tests.entrypoints.served import serving

PLACE = ["place", "--user", "user-1", "--currency", "JPY", "--total", "1200"]


@pytest.fixture
def cli() -> Cli:
    return Cli()


def test_stats_prints_a_line_for_each_period_and_currency(cli: Cli) -> None:
    cli(*PLACE)
    cli(*PLACE[:4], "EUR", "--total", "99.00")
    arguments = ("stats", "--by", "month", "--timezone", "Asia/Kathmandu")
    printed = cli(*arguments).stdout
    assert [line.split("\t")[1:] for line in printed.splitlines()] == [
        ["EUR", "1", "99.00", "99.00", "0.00", "0.00", "0.00"],
        ["JPY", "1", "1200", "1200", "0", "0", "0"],
    ]
    assert cli(*arguments, "--rebuild").stdout == printed
    found = cli.json("stats")
    assert (found["position"], found["exact"], found["timezone"], found["by"]) == (2, True, "UTC", "day")


def test_stats_prints_sums_above_the_limit_of_an_amount(cli: Cli) -> None:
    for _ in range(2):
        cli(*PLACE[:4], "IDR", "--total", "6000000000000")
    assert "\t12000000000000.00\t" in cli("stats").stdout


def test_stats_of_a_server_are_those_of_its_store(tmp_path: Path) -> None:
    with serving(store=f"sqlite:///{tmp_path}/orders.db") as (client, _):
        remote = ["--remote", str(client.base_url)]
        assert run(*remote, *PLACE, cwd=tmp_path).returncode == 0
        printed = run(*remote, "stats", "--json", cwd=tmp_path).stdout
        assert json.loads(printed) == client.get("/stats").json()
        rejected = run(*remote, "stats", "--rebuild", cwd=tmp_path)
        assert rejected.returncode == 2
        assert b"--rebuild needs the store and cannot be run on a server: use --store." in rejected.stderr


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--from", "30.11.2026"], "must be a date such as 2026-11-30"),
        (["--to", "2026-02-30"], "must be a date such as 2026-11-30"),
        (["--from", "2026-11-30", "--to", "2026-11-30"], "--to must be after --from: it is the day after the last one"),
        (["--timezone", "Nowhere"], "must be a time zone, such as Europe/Berlin"),
    ],
)
def test_stats_rejects_ranges_and_names_the_option(cli: Cli, arguments: list[str], message: str) -> None:
    assert message in cli("stats", *arguments, code=2).stderr


def test_doctor_exits_with_5_if_action_is_needed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli(*PLACE)
    monkeypatch.setenv("ORDERKEEP_STORE", "sqlite:///orders.db")
    sound = cli("doctor")
    assert sound.stdout.split("\t")[:2] == ["note", "no_checkpoint"]
    assert sound.stderr.endswith("1 order checked: no action is needed\n")
    monkeypatch.setenv("ORDERKEEP_HOSTT", "x")
    found = cli.json("doctor", code=5)
    assert (found["orders"], found["position"]) == (1, 1)
    assert [each["code"] for each in found["findings"]] == ["unknown_setting", "no_checkpoint"]


def test_doctor_reports_a_webhook_that_fails_until_it_is_paused() -> None:
    receivers = Receivers()
    cli = Cli(build_use_cases(InMemoryOrderRepository(), sender=receivers, retry_schedule="1"))
    cli(*PLACE)
    webhook = cli.json("webhooks", "create", SHOP, "--start", "beginning")["id"]
    assert found_by_doctor(cli, code=0) == []
    receivers.respond = lambda _: FAILED
    asyncio.run(cli.use_cases.deliver_webhooks.execute())
    assert found_by_doctor(cli, code=5) == [("warning", "webhook_failing")]
    cli("webhooks", "pause", webhook)
    assert found_by_doctor(cli, code=0) == [("note", "webhook_paused")], "it was requested"
    cli("webhooks", "resume", webhook)
    while cli.json("webhooks", "show", webhook)["status"] == "active":
        asyncio.run(cli.use_cases.deliver_webhooks.execute())
    assert found_by_doctor(cli, code=5) == [("error", "webhook_paused")]


def found_by_doctor(cli: Cli, code: int) -> list[tuple[str, str]]:
    findings = cli.json("doctor", "--store", "sqlite:///orders.db", code=code)["findings"]
    return [(each["level"], each["code"]) for each in findings if each["code"] != "no_checkpoint"]


def codes(settings: Settings) -> Iterator[str]:
    return (each.code for each in settings_findings(settings))


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, []),
        ({"host": "0.0.0.0"}, ["no_authentication"]),
        ({"host": "::1"}, []),
        ({"host": "localhost"}, []),
        ({"host": "0.0.0.0", "auth": "keys"}, []),
        ({"store": "memory://"}, ["memory_store"]),
        ({"documents": "memory://"}, ["memory_store"]),
        ({"jwt_issuer": "https://id.example", "jwt_audience": "orders"}, ["setting_without_effect"]),
        ({"iam_scopes": "orders:read"}, ["setting_without_effect"]),
        ({"oidc_client_id": "console-7", "console_origin": "https://orders.example"}, ["setting_without_effect"]),
        ({"expire_after_hours": 24}, ["expiry_needs_schedule"]),
        ({"auto_confirm": True}, ["confirms_at_once"]),
        ({"confirm_requires": "paid"}, ["confirms_by_request"]),
        ({"confirm_requires": "paid", "auto_confirm": True}, []),
    ],
)
def test_settings_that_do_not_fit_together_are_found(settings: dict[str, object], expected: list[str]) -> None:
    found: list[Finding] = settings_findings(Settings(**settings))  # type: ignore[arg-type]
    assert [each.code for each in found] == expected
    assert all(each.message and each.action for each in found)
