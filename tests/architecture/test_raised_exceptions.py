"""No exception is raised from a constant: each raise adds its frames to the instance, and keeps the request in them."""

import ast
from pathlib import Path

import pytest

from tools.locks import CHECKOUT

PACKAGE = CHECKOUT / "src" / "orderkeep"


def raised_constants(source: str) -> list[str]:
    """Return the constants, whose names are in capitals, that the source raises."""
    raised = [node.exc for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Raise) and node.exc]
    names = [each.id if isinstance(each, ast.Name) else getattr(each, "attr", "") for each in raised]
    return [name for name in names if name.isupper()]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_module_raises_a_constant(path: Path) -> None:
    assert raised_constants(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("planted", ["raise NOT_FOUND", "raise errors.NOT_FOUND from None"])
def test_finds_a_planted_constant(planted: str) -> None:
    assert raised_constants(planted) == ["NOT_FOUND"]


def test_accepts_classes_new_instances_and_variables() -> None:
    assert raised_constants("raise NotFound\nraise NotFound()\nraise error\nraise LIMITS[0](1)") == []
