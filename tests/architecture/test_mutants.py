"""`make mutants` changes what tests should notice, and reports a planted change that none does."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.executed_tests import Record
from tools.mutants import SOURCE, STORES, TESTS, Mutant, mutants_of, passes, record, report

SHOP = '''
"""A shop."""
def is_bulk(quantity: int = 10) -> bool:
    return quantity >= 12
'''
TESTED = "from shop import is_bulk\n\n\ndef test_bulk():\n    assert is_bulk(13)\n    assert not is_bulk(11)\n"


IN_A_PROCESS = """
import subprocess, sys
def test_bulk_in_a_process():
    subprocess.run([sys.executable, "-c", "from shop import is_bulk; assert is_bulk(12)"], check=True)
"""


def changes_of(folder: Path, code: str) -> list[str]:
    file = folder / "shop.py"
    file.write_text(code, encoding="utf-8")
    return [mutant.change.removeprefix(f"{file}:") for mutant in mutants_of(file, folder)]


def survivors(folder: Path, tests: str) -> list[str]:
    (folder / "shop.py").write_text(SHOP, encoding="utf-8")
    (folder / "test_shop.py").write_text(tests, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n", encoding="utf-8")
    found = mutants_of(folder / "shop.py", folder)
    assert [mutant.module for mutant in found] == ["shop"] * len(found)
    recorded = record(["test_*.py"], [folder / "shop.py"], folder)
    assert recorded
    chosen = [(mutant, recorded.tests_of(str(mutant.file), mutant.lines)) for mutant in found]
    return [mutant.change.rpartition(": ")[2] for mutant, tests in chosen if passes(mutant, tests, folder)]


def test_reports_changes_that_no_test_finds(tmp_path: Path) -> None:
    assert survivors(tmp_path, TESTED) == ["10 -> 11", "10 -> 9", "quantity >= 12 -> quantity > 12", "12 -> 13"]


def test_reports_no_change_that_a_test_finds(tmp_path: Path) -> None:
    tests = f"{TESTED}    assert is_bulk(12)\n    assert is_bulk.__defaults__ == (10,)\n"
    assert survivors(tmp_path, tests) == []
    assert not record(["no_such_test.py"], [], tmp_path)


def test_reports_no_change_that_a_process_of_a_test_finds(tmp_path: Path) -> None:
    assert survivors(tmp_path, TESTED + IN_A_PROCESS) == ["10 -> 11", "10 -> 9"]


@pytest.mark.parametrize(
    "code, changes",
    [
        ("x = a < b", ["a < b -> a <= b", "a < b -> a >= b"]),
        ("x = a is b or not c", ["a is b or not c -> a is b and (not c)", "a is b -> a is not b", "not c -> c"]),
        ("x = max(a, b)", ["max(a, b) -> a", "max(a, b) -> b", "max -> min"]),
        ("x = sorted(a)", ["sorted -> list"]),
        ("x = TypeVar('x')", []),
        ("x = a + 2 * b", ["a + 2 * b -> a - 2 * b", "2 * b -> 2 // b", "2 -> 3", "2 -> 1"]),
        ("x.y = [a for a in b if a]", ["x.y = [a for a in b if a] -> pass", " for a in b if a ->  for a in b"]),
        ("x -= a", ["x -= a -> x += a", "x -= a -> pass"]),
        ("if a:\n    raise b\nelse:\n    c()", ["if a: -> if not a:", "raise b -> pass", "c() -> pass"]),
        ("try: a = b\nexcept (c, d): a = c", ["except (c, d): -> except (d,):", "except (c, d): -> except (c,):"]),
        ("def f(a: int | None = 0, *, b: bool = True) -> int | None: ...", ["True -> False", "0 -> 1", "0 -> -1"]),
        ('x: "int | None" = field(default="a", repr=False)', ["'a' -> 'ax'"]),
        ('"""A docstring."""\nraise a("a sentence")', ["raise a('a sentence') -> pass"]),
    ],
)  # fmt: skip
def test_changes_what_code_does_and_no_types_and_texts(tmp_path: Path, code: str, changes: list[str]) -> None:
    assert [change.partition(": ")[2] for change in changes_of(tmp_path, code)] == changes


CACHED = """
LIMIT = 12
def is_bulk(quantity: int,
            limit: int = 9) -> bool:
    if (quantity
            >= limit):
        return bool(
            limit > 3
        )
    try:
        return quantity > 5
    except (KeyError, TypeError):
        return False
@functools.cache
def unit() -> int:
    return 1
"""


def test_changes_are_executed_with_their_statement_or_with_an_import(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(CACHED.lstrip(), encoding="utf-8")
    found = mutants_of(tmp_path / "shop.py", tmp_path)
    lines = {mutant.change.split(":")[1]: (mutant.lines.start, mutant.lines.stop) for mutant in found}
    none = (0, 0)
    assert lines == {
        "1": none, "3": none, "4": (4, 6), "7": (6, 9), "10": (10, 11), "11": (9, 12), "12": (12, 13),
        "15": none,
    }  # fmt: skip


OF_SEVERAL = """
import subprocess, sys, threading
import pytest
import shop

@pytest.fixture(scope="module")
def bulk():
    return shop.is_bulk(30)

@pytest.mark.parametrize("quantity", [1, 2])
def test_small(quantity):
    assert not shop.is_bulk(quantity)

def test_prepared(bulk):
    assert bulk

def test_in_a_thread():
    thread = threading.Thread(target=shop.is_bulk)
    thread.start()
    thread.join()

def test_process():
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_other():
    assert True
"""


def test_records_which_tests_execute_a_line_and_which_start_processes(tmp_path: Path) -> None:
    file, test = tmp_path / "shop.py", "test_shop.py"
    file.write_text(SHOP, encoding="utf-8")
    (tmp_path / test).write_text(OF_SEVERAL, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n", encoding="utf-8")
    recorded = record([test], [file], tmp_path)
    assert recorded
    names = [f"{test}::test_{name}" for name in ("small", "prepared", "in_a_thread", "process", "other")]
    assert [*recorded.seconds] == names
    assert recorded.processes == {names[3]}
    executed = recorded.lines[str(file)]
    assert {*executed[4]} == {names[0], test, names[2]}
    assert executed[3] == [""]


def test_tests_of_a_line_are_the_fastest_first_and_include_those_that_start_processes() -> None:
    seconds = {"a::slow": 3.0, "a::fast": 1.0, "a::other": 0.5, "b::prepared": 2.0, "c::process": 0.1}
    recorded = Record(seconds, {"shop.py": {4: ["a::slow", "a::fast"], 6: ["b"]}}, {"c::process"})
    assert [*recorded.tests_of("shop.py", range(4, 5)).items()] == [("a::fast", 1), ("a::slow", 3), ("c::process", 0.1)]
    assert [*recorded.tests_of("shop.py", range(5, 7))] == ["b::prepared", "c::process"]
    assert [*recorded.tests_of("shop.py", range(0))] == [
        "a::fast", "b::prepared", "a::slow", "c::process", "a::other",
    ]  # fmt: skip


def test_mutants_in_the_results_are_not_tested_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, tested = mutants_of(SOURCE / "domain" / "limits.py")[:3], list[Mutant]()

    def run(mutant: Mutant) -> bool:
        tested.append(mutant)
        return mutant is not found[0]

    report("domain", found[:2], run, tmp_path / "results")
    report("domain", found, run, tmp_path / "results")
    assert sorted(tested) == found  # two are tested at the same time
    name = found[1].change.removeprefix(f"{SOURCE.parents[1]}/")
    assert f"survived 1 {name}" in (tmp_path / "results").read_text().splitlines()
    printed = capsys.readouterr().out.splitlines()
    assert (printed[0], printed[-1]) == (name, "domain: 1 of 3 mutants killed, 33.3%")


def test_processes_of_tests_have_imported_nothing_that_is_changed() -> None:
    code = "import sys, tools.mutants; print(*(name for name in sys.modules if name.startswith('orderkeep')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=SOURCE.parents[1], capture_output=True, check=True)
    assert done.stdout == b"\n"


def test_every_part_and_every_test_of_the_table_exists() -> None:
    root = SOURCE.parents[1]
    assert [part for part in TESTS if not (SOURCE / part).exists()] == []
    assert STORES.keys() - TESTS.keys() == set()
    assert [pattern for tests in TESTS.values() for pattern in tests if not any(root.glob(pattern))] == []
