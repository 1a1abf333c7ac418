"""`make mutants` changes what tests should notice, and reports a planted change that none does."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants import SOURCE, STORES, TESTS, mutants_of, passes

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
    return [mutant.change.rpartition(": ")[2] for mutant in found if passes(mutant, ["test_shop.py"], folder)]


def test_reports_changes_that_no_test_finds(tmp_path: Path) -> None:
    assert survivors(tmp_path, TESTED) == ["10 -> 11", "10 -> 9", "quantity >= 12 -> quantity > 12", "12 -> 13"]


def test_reports_no_change_that_a_test_finds(tmp_path: Path) -> None:
    tests = f"{TESTED}    assert is_bulk(12)\n    assert is_bulk.__defaults__ == (10,)\n"
    assert survivors(tmp_path, tests) == []
    assert not passes(None, ["no_such_test.py"], tmp_path)


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


def test_processes_of_tests_have_imported_nothing_that_is_changed() -> None:
    code = "import sys, tools.mutants; print(*(name for name in sys.modules if name.startswith('orderkeep')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=SOURCE.parents[1], capture_output=True, check=True)
    assert done.stdout == b"\n"


def test_every_part_and_every_test_of_the_table_exists() -> None:
    root = SOURCE.parents[1]
    assert [part for part in TESTS if not (SOURCE / part).exists()] == []
    assert STORES.keys() - TESTS.keys() == set()
    assert [pattern for tests in TESTS.values() for pattern in tests if not any(root.glob(pattern))] == []
