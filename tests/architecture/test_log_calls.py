"""What is logged is a constant and listed fields; anything else could be lost, or be personal data."""

import ast
from collections.abc import Iterator

import pytest

from orderkeep.entrypoints.logs import FIELDS
from orderkeep.entrypoints.new_service import TEMPLATE
from tests.docs.pages import CHECKOUT

LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
PACKAGE = CHECKOUT / "src" / "orderkeep"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if not path.is_relative_to(TEMPLATE))


def faults_in(source: str) -> Iterator[str]:
    for call in ast.walk(ast.parse(source)):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS):
            continue
        owner = call.func.value
        if not (isinstance(owner, ast.Name) and owner.id in ("log", "logger", "logging")):
            continue
        if owner.id == "logging":
            yield f"line {call.lineno}: the root logger is not ours"
        if not (len(call.args) == 1 and isinstance(call.args[0], ast.Constant)):
            yield f"line {call.lineno}: the event must be one constant: what is particular goes into extra={{...}}"
        for keyword in call.keywords:
            if keyword.arg == "extra":
                yield from _faults_in_extra(keyword.value)
            elif keyword.arg != "exc_info":
                yield f"line {call.lineno}: {keyword.arg} is not told"


def _faults_in_extra(extra: ast.expr) -> Iterator[str]:
    if not isinstance(extra, ast.Dict):
        yield f"line {extra.lineno}: extra must be written out"
        return
    for key in extra.keys:
        if not (isinstance(key, ast.Constant) and key.value in FIELDS):
            yield f"line {extra.lineno}: {ast.unparse(key) if key else '**'} is no field of logs.py"


def test_every_line_is_a_constant_with_fields_that_are_listed() -> None:
    found = {file.name: faults for file in SOURCES if (faults := [*faults_in(file.read_text(encoding="utf-8"))])}
    assert found == {}
    assert sum("log.error(" in file.read_text(encoding="utf-8") for file in SOURCES) >= 4


@pytest.mark.parametrize(
    "planted",
    [
        'log.error("of %s", user)',
        'log.error(f"of {user}")',
        'log.info("of " + user)',
        "log.exception(error)",
        'log.warning("it", extra={"user_id": user})',
        'log.warning("it", extra={**order})',
        'log.warning("it", extra=order)',
        'log.warning("it", stack_info=True)',
        'logging.error("it")',
        'log.log(level, "it")',
    ],
)
def test_a_planted_leak_is_seen(planted: str) -> None:
    assert [*faults_in(planted)] != []


def test_a_line_as_it_should_be_is_let_through() -> None:
    assert [*faults_in('log.exception("it", extra={"code": error.code, "reason": str(error)})')] == []
