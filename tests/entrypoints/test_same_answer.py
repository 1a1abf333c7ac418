"""One scenario through every door, over every store: what each answers is what all answer, ids and times aside."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from orderkeep.application.change_order import CommandContext
from tests.entrypoints.doors import DOORS, Call, Door, Outcome, http

SCENARIO: list[dict[str, Any]] = json.loads(Path(__file__).with_name("scenario.json").read_text(encoding="utf-8"))

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z"
OWN = {
    "created_at": TIME,
    "updated_at": TIME,
    "at": TIME,
    "actor": r"staff:(local|cli|key:\w+|arn:aws:iam::123456789012:role/shop)",
    "request_id": r"[A-Za-z0-9-]+|None",  # a command has none
    "size": r"[1-9]\d*",  # a PDF is packed, and an id packs like no other
    "next_cursor": r"[A-Za-z0-9_-]+",
    "hash": r"[0-9a-f]{64}",
    "previous_hash": r"[0-9a-f]{64}|",
}
"""What no two runs have in common, beside ids, and the form that it has in all of them."""


@pytest.mark.parametrize("door", DOORS)
def test_the_same_scenario_has_the_same_answers(
    door: str, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_to_the_others(door, played(DOORS[door], store_url, f"folder:///{tmp_path}/documents", monkeypatch))


PLANTED: dict[str, tuple[str, Callable[..., Any]]] = {
    "http": ("orderkeep.entrypoints.api.dependencies._versions", lambda if_match, request: None),
    "lambda-http-api": ("orderkeep.entrypoints.api.dependencies._unquoted", lambda key: None),
    "cli": (
        "orderkeep.entrypoints.cli.options.request_of",
        lambda key, version, *, dry_run: CommandContext(key=key and f"{key}-", dry_run=dry_run and key is None),
    ),
}
"""A fault of one door alone: it forgets a condition, or answers a little else."""


@pytest.mark.parametrize("door", PLANTED)
def test_a_difference_planted_in_one_door_is_found(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reference()
    monkeypatch.setattr(*PLANTED[door])
    with pytest.raises(AssertionError):
        hold_to_the_others(door, played(DOORS[door], "memory://", "memory://", monkeypatch))


def test_the_scenario_calls_what_every_door_has() -> None:
    assert {step["do"] for step in SCENARIO} >= {"place_order", "cancel_order", "list_orders", "get_order_history"}


def hold_to_the_others(door: str, found: list[Outcome]) -> None:
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


def played(door: Door, store: str, documents: str, patch: pytest.MonkeyPatch) -> list[Outcome]:
    """Return what came of each step, with everything in it that is of this run alone put aside."""
    kept: dict[str, Any] = {}
    names: dict[str, str] = {}
    found = []
    with door(store, documents, patch) as ask:
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
        if name == "id":
            settled[name] = names.setdefault(each, f"id {len(names) + 1}")
        elif name in OWN and (each is not None or "None" in OWN[name]):
            assert re.fullmatch(OWN[name], str(each)), (name, each)
            settled[name] = f"some {name}"
        else:
            settled[name] = _settled(each, names)
    return settled
