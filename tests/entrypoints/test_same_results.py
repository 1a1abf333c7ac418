"""One scenario through every entrypoint, over every store: all give equal results, except for IDs and times."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from orderkeep.application.change_order import CommandContext
from tests.entrypoints.all_entrypoints import ENTRYPOINTS, Call, Entrypoint, Outcome, http

SCENARIO: list[dict[str, Any]] = json.loads(Path(__file__).with_name("scenario.json").read_text(encoding="utf-8"))

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z"
OWN = {
    "created_at": TIME,
    "updated_at": TIME,
    "shipped_at": TIME,
    "delivered_at": TIME,
    "at": TIME,
    "occurred_at": TIME,
    "recorded_at": TIME,
    "closed_at": TIME,
    "actor": r"staff:(local|cli|key:\w+|arn:aws:iam::123456789012:role/shop)",
    "actor_name": r"tests|None",  # only a key has one
    "request_id": r"[A-Za-z0-9-]+|None",  # a command has none
    "size": r"[1-9]\d*",  # a PDF is packed, and an id packs like no other
    "next_cursor": r"[A-Za-z0-9_-]+",
    "hash": r"[0-9a-f]{64}",
    "previous_hash": r"[0-9a-f]{64}|",
}
"""What no two runs have in common, beside ids, and the form that it has in all of them."""


@pytest.mark.parametrize("entrypoint", ENTRYPOINTS)
def test_same_scenario_has_equal_results(
    entrypoint: str, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = f"folder:///{tmp_path}/documents"
    hold_to_the_others(entrypoint, played(ENTRYPOINTS[entrypoint], store_url, documents, monkeypatch))


PLANTED: dict[str, tuple[str, Callable[..., Any]]] = {
    "http": ("orderkeep.entrypoints.api.dependencies._versions", lambda if_match, request: None),
    "lambda-http-api": ("orderkeep.entrypoints.api.dependencies._unquoted", lambda key: None),
    "cli": (
        "orderkeep.entrypoints.cli.options.CommandContext",
        lambda key, dry_run, **_: CommandContext(key=key and f"{key}-", dry_run=dry_run and key is None),
    ),
    "cli-remote": ("orderkeep.entrypoints.cli.remote.asdict", lambda body: {**asdict(body), "tags": ["planted"]}),
}
"""A fault of one entrypoint alone: it forgets a condition, or answers a little else."""


@pytest.mark.parametrize("entrypoint", PLANTED)
def test_planted_difference_in_one_entrypoint_is_found(entrypoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reference()
    monkeypatch.setattr(*PLANTED[entrypoint])
    with pytest.raises(AssertionError):
        hold_to_the_others(entrypoint, played(ENTRYPOINTS[entrypoint], "memory://", "memory://", monkeypatch))


def test_scenario_calls_every_common_operation() -> None:
    assert {step["do"] for step in SCENARIO} >= {"place_order", "cancel_order", "list_orders", "get_order_history"}


def hold_to_the_others(entrypoint: str, found: list[Outcome]) -> None:
    for step, outcome, expected in zip(SCENARIO, found, reference(), strict=True):
        assert (outcome.code, outcome.answer) == (expected.code, expected.answer), step
        assert step.get("says", "") in outcome.says, step
        assert outcome.places == expected.places, step


@cache
def reference() -> list[Outcome]:
    """Return what the app answers over memory, which is what the scenario says it must."""
    found = played(http, "memory://", "memory://", pytest.MonkeyPatch())
    for step, outcome in zip(SCENARIO, found, strict=True):
        assert outcome.code == step.get("refused"), (step, outcome)
        for name, value in step.get("answers", {}).items():
            assert outcome.answer[name] == value, (step, outcome)
    return found


def played(entrypoint: Entrypoint, store: str, documents: str, patch: pytest.MonkeyPatch) -> list[Outcome]:
    """Return what came of each step, with everything in it that is of this run alone put aside."""
    kept: dict[str, Any] = {}
    names: dict[str, str] = {}
    found = []
    with entrypoint(store, documents, patch) as ask:
        for step in SCENARIO:
            given = {
                name: kept.get(value, value) if isinstance(value, str) else value
                for name, value in step["input"].items()
            }
            outcome = ask(Call(step["do"], given, step.get("key"), step.get("version"), step.get("dry_run", False)))
            if outcome.code is None:
                kept[f"${step.get('save')}"] = outcome.answer.get("id")
                kept["$cursor"] = outcome.answer.get("next_cursor") or kept.get("$cursor")
            found.append(Outcome(_settled(outcome.answer, names), outcome.code, outcome.says, outcome.places))
    return found


def _settled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_settled(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    settled = {}
    for name, each in value.items():
        if name in ("id", "order_id", "document_id"):
            settled[name] = names.setdefault(each, f"id {len(names) + 1}")
        elif name in OWN and (each is not None or "None" in OWN[name]):
            assert re.fullmatch(OWN[name], str(each)), (name, each)
            settled[name] = f"some {name}"
        else:
            settled[name] = _settled(each, names)
    return settled
