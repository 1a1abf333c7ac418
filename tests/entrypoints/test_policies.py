"""Policies over HTTP, on Lambda and from the command line: the settings have the same effects everywhere."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click import UsageError
from pydantic import ValidationError

from orderkeep.application.ports import StoreAccess
from orderkeep.bootstrap import bootstrap, bootstrap_from_settings
from orderkeep.bootstrap.stores import open_store
from orderkeep.config import Settings
from orderkeep.domain.policies import Policies
from orderkeep.entrypoints.cli import session
from orderkeep.testing.orders import small_order
from tests.entrypoints.all_entrypoints import ENTRYPOINTS, Call, Outcome
from tests.entrypoints.cli_calls import Cli, run
from tests.entrypoints.lambda_containers import Context, container

POLICIES = {
    "ORDERKEEP_CONFIRM_REQUIRES": "paid",
    "ORDERKEEP_SHIP_REQUIRES": "paid",
    "ORDERKEEP_AUTO_CONFIRM": "true",
    "ORDERKEEP_EXPIRE_AFTER_HOURS": "48",
}
ORDER = {"user_id": "user-42", "currency": "EUR"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in POLICIES.items():
        monkeypatch.setenv(name, value)
    return f"sqlite:///{tmp_path}/orders.db"


async def confirm_unpaid(store: str, order_id: str) -> None:
    """Confirm the order although it is not paid, in a process without policies."""
    do = bootstrap(store)
    await do.confirm_order.execute(order_id)
    await do.close()


@pytest.mark.parametrize("entrypoint", ENTRYPOINTS)
def test_settings_have_the_same_effect(
    entrypoint: str, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ENTRYPOINTS[entrypoint](store, f"folder:///{tmp_path}/documents", monkeypatch) as ask:
        free = ask(Call("place_order", {**ORDER, "total": 0}))
        assert (free.answer["status"], free.answer["version"]) == ("processing", 1)
        placed = ask(Call("place_order", {**ORDER, "total": 9_900}))
        assert placed.answer["status"] == "pending"
        given = {"order_id": placed.answer["id"]}
        assert is_rejected(ask(Call("confirm_order", given)), "confirm requires paid: ")
        asyncio.run(confirm_unpaid(store, given["order_id"]))
        assert is_rejected(ask(Call("ship_order", given)), "ship requires paid: ")


def is_rejected(outcome: Outcome, message: str) -> bool:
    return outcome.code == "payment_required" and outcome.says.startswith(message)


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(
    "value",
    ["nothing", "authorized", "PAID", "payed", "true", "False", "1", "0", "48", "87600", "87601", "-1", "x", "9" * 30],
)
def test_variable_is_read_as_by_the_settings(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("ORDERKEEP_STORE", "memory://")
    opened: list[Policies] = []
    monkeypatch.setattr(session, "bootstrap", lambda *_, policies, **__: opened.append(policies))
    try:
        expected = bootstrap_from_settings(Settings()).confirm_order.policies
    except ValidationError:
        with pytest.raises(UsageError, match=f"^{name} must be "):
            session.open_from_environment("memory://", StoreAccess.CREATE)
    else:
        session.open_from_environment("memory://", StoreAccess.CREATE)
        assert opened == [expected]


def test_by_default_there_are_no_policies() -> None:
    assert bootstrap_from_settings(Settings(store="memory://")).confirm_order.policies == Policies()


def test_rejected_command_says_how_to_record_a_payment(store: str, tmp_path: Path) -> None:
    placed = run("--store", store, "place", "--user", "u", "--total", "9", "--currency", "EUR", cwd=tmp_path)
    order_id = json.loads(placed.stdout)["id"]
    done = run("--store", store, "confirm", order_id, cwd=tmp_path)
    assert done.returncode == 4
    message = b"confirm requires paid: 0.00 EUR of 9.00 EUR are captured and not refunded; nothing was changed"
    assert message + b"; record it with `orderkeep payments record %s`\n" % order_id.encode() in done.stderr


def test_sample_orders_are_not_affected(store: str) -> None:
    statuses = Cli(bootstrap_from_settings(Settings(store="memory://"))).json("demo", "--orders", "50")["statuses"]
    assert statuses == Cli().json("demo", "--orders", "50")["statuses"]


async def with_old_orders(store: str) -> None:
    opened = open_store(store)
    for number, age in enumerate((47, 49, 50)):
        await opened.save(small_order(f"order-{number}", at=datetime.now(UTC) - timedelta(hours=age)))
    await opened.close()


def test_expire_on_the_command_line(store: str, tmp_path: Path) -> None:
    asyncio.run(with_old_orders(store))

    def expire(*options: str) -> tuple[str, str]:
        done = run("--store", store, "expire", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode(), done.stderr.decode()

    found = "checked\t2\nexpired\t2\norder-1\norder-2\n"
    assert expire("--dry-run") == (found, "orderkeep: dry run: nothing was changed\n")
    assert expire() == (found, "")
    report = json.loads(expire("--json", "--older-than", "46")[0])
    assert report == {"checked": 1, "expired": ["order-0"], "dry_run": False}
    assert expire("--older-than", "1") == ("checked\t0\nexpired\t0\n", "")


@pytest.mark.parametrize("options", [(), ("--older-than", "0"), ("--older-than", "x")])
def test_expire_needs_a_number_of_hours(options: tuple[str, ...]) -> None:
    assert "--older-than" in Cli()("expire", *options, code=2).stderr


def invoke(store: str, event: Any, patch: pytest.MonkeyPatch) -> Any:
    with container(patch, ORDERKEEP_STORE=store, ORDERKEEP_DOCUMENTS="memory://") as module:
        return module.handler(event, Context())


def test_schedule_expires_orders_on_lambda(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(with_old_orders(store))
    assert invoke(store, {"command": "expire", "dry_run": True}, monkeypatch) == {"checked": 2, "expired": 2}
    assert invoke(store, {"command": "expire"}, monkeypatch) == {"checked": 2, "expired": 2}
    assert invoke(store, {"command": "expire", "older_than": 46}, monkeypatch) == {"checked": 1, "expired": 1}


@pytest.mark.parametrize(
    "event",
    [{"command": "export"}, {"command": "expire", "hours": 1}, {"command": "expire", "older_than": "1"}],
    ids=["another command", "another option", "a text"],
)
def test_other_input_of_a_schedule_is_rejected(event: Any, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Exception, match=r"^this event is not an HTTP request|^expire takes only older_than") as raised:
        invoke(store, event, monkeypatch)
    assert type(raised.value).__name__ == "WrongHandler"
