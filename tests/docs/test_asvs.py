"""Each requirement of ASVS 5.0.0 of level 1 and 2 has a test that is there, a reason, or what the operator does."""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from tests.docs.asvs_levels import LEVELS, OF_EACH_LEVEL, requirements
from tests.docs.pages import CHECKOUT

FILE = CHECKOUT / "docs" / "reference" / "asvs.toml"
ENTRIES: dict[str, dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))["requirements"]
A_TEST = re.compile(r"(?P<path>(?:tests|src/orderkeep/testing)/[\w/]+\.py)::(?P<name>\w+)")


@cache
def names_in(path: str) -> frozenset[str]:
    file = CHECKOUT / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    definitions = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, definitions))


def faults(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    wanted = requirements(1, 2)
    yield from (f"{name} is missing" for name in wanted if name not in entries)
    yield from (f"{name} is none of them" for name in entries if name not in wanted)
    if list(entries) != [name for name in wanted if name in entries]:
        yield "they are not in their order"
    for name, entry in entries.items():
        yield from (f"{name}: {fault}" for fault in _of_entry(entry))


def _of_entry(entry: Mapping[str, Any]) -> Iterator[str]:
    if not entry.keys() & {"test", "reason", "operator"} or entry.keys() - {"test", "reason", "operator", "note"}:
        yield f"it has {', '.join(entry) or 'nothing'}"
    if not str(entry.get("reason", "does not apply: -")).startswith("does not apply: "):
        yield "its reason is none"
    for text in (entry.get(key) for key in ("reason", "operator", "note")):
        if text is not None and not (isinstance(text, str) and 5 < len(text) < 250 and text == text.strip()):
            yield f"it says {text!r}"
    if entry.get("test") == []:
        yield "it names no test"
    for test in entry.get("test", []):
        found = A_TEST.fullmatch(test)
        if not found or found["name"] not in names_in(found["path"]):
            yield f"there is no {test}"


def test_every_requirement_of_the_first_two_levels_is_addressed() -> None:
    assert list(faults(ENTRIES)) == []


def test_the_list_of_requirements_is_as_long_as_the_standard() -> None:
    assert {level: len(requirements(level)) for level in OF_EACH_LEVEL} == OF_EACH_LEVEL
    assert len(LEVELS) == 80


@pytest.mark.parametrize(
    "name, planted",
    [
        ("V1.1.1", None),
        ("V1.1.9", {"test": []}),
        ("V1.2.10", {"reason": "does not apply: level 3"}),
        ("V1.1.1", {}),
        ("V1.1.1", {"note": "nothing else"}),
        ("V1.1.1", {"test": ["tests/docs/test_asvs.py::test_of_nothing"]}),
        ("V1.1.1", {"test": ["tests/docs/test_nothing.py::test_of_nothing"]}),
        ("V1.1.1", {"test": ["test_of_nothing"]}),
        ("V1.1.1", {"test": [], "operator": "somebody does something"}),
        ("V1.1.1", {"reason": "no time"}),
        ("V1.1.1", {"operator": ""}),
        ("V1.1.1", {"operator": "somebody does something", "level": 2}),
    ],
)
def test_a_planted_fault_is_found(name: str, planted: dict[str, Any] | None) -> None:
    entries = {key: entry for key, entry in {**ENTRIES, name: planted}.items() if entry is not None}
    assert list(faults(entries))


def test_most_of_what_applies_has_a_test() -> None:
    applies = [entry for entry in ENTRIES.values() if "reason" not in entry]
    tested = [entry for entry in applies if entry.get("test")]
    assert len(tested) > 0.8 * len(applies)
