"""The command line says on stderr what is wrong and where, and repeats nothing of what a customer wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.stores import open_store
from orderkeep.entrypoints.cli import failures
from orderkeep.entrypoints.order_files.formats import COLUMNS
from tests.entrypoints.cli_calls import Cli, run
from tests.leaks.canaries import EMAIL, KEY, LONG, NAME, ORDER, VALUE, WRONG
from tests.leaks.listening import Leak, hold, hold_lines, listening
from tests.leaks.test_canaries_over_http import BREAKS, breaking

KEPT = {**ORDER, "status": "pending", "created_at": "2026-03-02T00:00:00Z"}


def asked(cli: Cli, *arguments: str, stdin: bytes | str | None = None) -> int:
    """Run the command, with and without `--json`, and hold what it says to what may be told."""
    with listening():
        for form in ([], ["--json"]):
            result = cli(*arguments, *form, stdin=stdin, code=None)
            hold(f"{arguments[0]}: stderr", result.stderr, VALUE)
            hold_lines(result.stderr)
            if result.exit_code:
                hold(f"{arguments[0]}: stdout", result.stdout if form == [] else "", VALUE)
    return result.exit_code


def bad_orders() -> list[bytes]:
    found = [json.dumps({**ORDER, name: value}).encode() for name in ORDER for value in WRONG]
    found += [json.dumps({**ORDER, "metadata": metadata}).encode() for metadata in ({NAME: 5}, {NAME: LONG * 9})]
    found += [text.replace("%s", VALUE).encode() for text in ('{"user_id": "%s', '["%s", NaN]', "%s")]
    return [*found, f'{{"{NAME}": 1, "{NAME}": 2}}'.encode(), VALUE.encode() + b"\xff"]


def test_order_errors_contain_no_values() -> None:
    cli = Cli()
    for order in bad_orders():
        asked(cli, "place", "--data", "-", stdin=order)
    assert asked(cli, "place", "--data", "-", "--key", KEY, stdin=json.dumps(ORDER)) == 0
    assert asked(cli, "place", "--data", "-", "--key", KEY, stdin=json.dumps({**ORDER, "external_ref": VALUE})) == 4
    assert asked(cli, "place", "--user", EMAIL, "--currency", VALUE, "--total", "1.00") == 2
    assert asked(cli, "place", "--user", LONG, "--currency", "EUR", "--total", "1.00", "--tag", VALUE * 20) == 5


def test_not_found_errors_contain_no_ids() -> None:
    cli = Cli()
    for command in ("get", "history", "confirm", "cancel", "documents"):
        for order_id in (VALUE, EMAIL, KEY):
            assert asked(cli, command, order_id) == 3
    assert asked(cli, "list", "--cursor", VALUE) == 2
    assert asked(cli, "list", "--search", EMAIL) == 0
    for wrong in (("--user", EMAIL), ("--cursor", VALUE)):
        assert asked(cli, "list", "--search", EMAIL, *wrong) == 2
    assert asked(cli, "list", "--search", LONG) == 2
    assert asked(cli, "list", "--user", EMAIL, "--tag", VALUE, "--external-ref", VALUE) == 2


def test_file_errors_contain_no_values(tmp_path: Path) -> None:
    cli = Cli()
    lines = [json.dumps({**KEPT, name: value}).encode() for name in KEPT for value in WRONG]
    file = tmp_path / "orders.jsonl"
    file.write_bytes(b"\n".join([*lines, *bad_orders()]))
    assert asked(cli, "import", str(file)) == 5
    table = tmp_path / "orders.csv"
    rows = [",".join(COLUMNS), ",".join([VALUE] * len(COLUMNS)), ",".join([VALUE] * 3), f'"{VALUE}', VALUE]
    table.write_text("\n".join(rows), encoding="utf-8")
    assert asked(cli, "import", str(table)) == 5
    table.write_text(f"{NAME},sku\n{VALUE},{EMAIL}\n", encoding="utf-8")
    assert asked(cli, "import", str(table)) == 5


@pytest.mark.parametrize("error", BREAKS.values(), ids=BREAKS.keys())
def test_internal_errors_contain_no_values(error: Callable[[], BaseException]) -> None:
    cli = Cli(build_use_cases(breaking(open_store("memory://"), error)))
    for arguments in (["get", "o-1"], ["list"], ["confirm", "o-1"], ["export"]):
        assert asked(cli, *arguments) in (1, 7)
    assert asked(cli, "place", "--data", "-", stdin=json.dumps(ORDER)) in (1, 7)


BROKEN = """
import asyncio, gc, sys
from orderkeep.application.use_cases.find_order import FindOrderUseCase
from orderkeep.entrypoints.cli.main import main

class Unraisable:
    def __del__(self):
        raise KeyError("{email}")

async def lost():
    raise KeyError("{email}")

async def fail(*_, **__):
    Unraisable()
    task = asyncio.ensure_future(lost())
    await asyncio.sleep(0)
    del task
    gc.collect()
    raise ValueError("{email}")

FindOrderUseCase.execute = fail
sys.argv = ["orderkeep", "--store", "memory://", "get", "o-1"]
main()
"""


def test_python_hooks_print_no_values(tmp_path: Path) -> None:
    script = BROKEN.replace("{email}", EMAIL)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    hold("stderr", done.stderr)
    assert "internal error (ValueError)" in done.stderr
    assert "an exception could not be raised" in done.stderr
    assert "another package logs something" in done.stderr


def test_a_leak_on_stderr_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tell: Any = lambda error, session: failures.Failure(f"{error}", 1, "bug")  # noqa: E731
    monkeypatch.setattr(failures, "_failure_of", tell)
    cli = Cli(build_use_cases(breaking(open_store("memory://"), BREAKS["a key error"])))
    with pytest.raises(Leak, match="get: stderr"):
        asked(cli, "get", "o-1")


def test_debug_prints_a_traceback(tmp_path: Path) -> None:
    done = run("--debug", "get", VALUE, cwd=tmp_path)
    assert b"Traceback" in done.stderr
