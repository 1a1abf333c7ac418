"""A new field is three files, and a part that is not needed is removed, as the page says. Its commands are
run by test_commands.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, blocks_of
from tests.docs.reader import apply

PAGE = CHECKOUT / "docs" / "how-to" / "extend" / "adapt-orderkeep.md"
TEXT = PAGE.read_text(encoding="utf-8")
DIFFS = [block.text for block in blocks_of(PAGE) if block.language == "diff"]
THREE_FILES = {
    "src/orderkeep/domain/order_state.py",
    "src/orderkeep/application/dtos.py",
    "src/orderkeep/entrypoints/schemas.py",
}
NOT_COPIED = (".*", "__pycache__", "*.pyc", "dist", "node_modules", "src", "orders.db*")


def test_a_new_field_touches_three_files() -> None:
    diffs = "\n".join(DIFFS)
    assert set(re.findall(r"^\+\+\+ b/(.+)$", diffs, flags=re.MULTILINE)) == THREE_FILES
    assert set(re.findall(r"^--- a/(.+)$", diffs, flags=re.MULTILINE)) == THREE_FILES
    assert re.findall(r"^-(?!-- a/)", diffs, flags=re.MULTILINE) == [], "no existing line is changed"


def test_the_openapi_document_has_a_new_field_and_still_holds(
    tmp_path: Path, spectral: Callable[[Path], subprocess.CompletedProcess[str]]
) -> None:
    apply(DIFFS, tmp_path)
    found = run(tmp_path, "orderkeep", "openapi")
    document = tmp_path / "openapi.json"
    document.write_text(found.stdout, encoding="utf-8")

    assert "delivery_note" in found.stdout
    linted = spectral(document)
    assert linted.returncode == 0, linted.stdout


def test_a_new_field_fails_the_tests_that_the_page_names_until_the_page_is_followed(tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT, tmp_path, ignore=shutil.ignore_patterns(*NOT_COPIED), dirs_exist_ok=True)
    apply(DIFFS, tmp_path)
    step = section("5. Update the tests and the documentation")
    named = set(re.findall(r"`(test_\w+)`", step))
    files = {file for file in Path(tmp_path, "tests").rglob("test_*.py") if defined(file) & named}
    pytest_run = (
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        *map(str, files),
        "-k",
        " or ".join(named),
    )

    failed = run(tmp_path, *pytest_run, returns=1).stdout
    assert {name for name in named if re.search(rf"^FAILED .*::{name}\b", failed, flags=re.MULTILINE)} == named

    [line] = re.findall(r'`("delivery_note": .+)` to `ORDER`', step)
    edit(tmp_path / "tests/entrypoints/http_calls.py", r"^ORDER: .+ = \{\n", rf"\g<0>    {line},\n")
    edit(tmp_path / "docs/explanation/threat-model.md", r"^\| personal \|[^|]+(?= \|)", r"\g<0>, `delivery_note`")
    run(tmp_path, "tests.docs.reference_tables")
    run(tmp_path, *pytest_run)


def test_without_this_page_no_other_page_fails(tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT, tmp_path, ignore=shutil.ignore_patterns(*NOT_COPIED), dirs_exist_ok=True)
    apply(DIFFS, tmp_path)
    for name in (".ci", ".devcontainer", ".github", ".venv", "clients/python/src", "clients/typescript/src"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    deleted, *linking = re.findall(r"`([\w./-]+\.md)`", section("8. Delete this page"))
    (tmp_path / deleted).unlink()
    (tmp_path / "tests/docs/test_adapting.py").unlink()
    for page in linking:
        edit(tmp_path / page, r"\[([^\]]+)\]\([^)]*adapt-orderkeep\.md[^)]*\)", r"\1")
    run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "tests/docs/test_links.py")


def section(heading: str) -> str:
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows_of_parts() -> dict[str, tuple[list[str], str]]:
    lines = [line.strip("|").split("|") for line in section("6. Remove what you do not need").splitlines()]
    cells = [[cell.strip() for cell in line] for line in lines if len(line) == 3]
    return {part: (re.findall(r"`(src/[^`]+)`", deleted), changed) for part, deleted, changed in cells[2:]}


PARTS = rows_of_parts()
EDITS: dict[str, Callable[[Path], None]] = {
    "AWS Lambda": lambda source: None,
    "PostgreSQL": lambda source: remove_postgres(source),
    "the memory store": lambda source: remove_store(source, "memory"),
    "PDF receipts": lambda source: edit(
        source / "bootstrap/documents.py",
        r'^from .* import PdfReceipts\n|, "pdf": PdfReceipts\(seller\)',
        "",
        times=2,
    ),
}
"""By part, the change that the last column of the page's table describes."""


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_removed_as_the_page_says(part: str, tmp_path: Path) -> None:
    apply([], tmp_path)
    package = tmp_path / "src" / "orderkeep"
    for path in PARTS[part][0]:
        target = tmp_path / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    assert PARTS[part][1] == "no other file" or list(dangling_imports(package)), "nothing imports it: say so"
    EDITS[part](package)

    assert list(dangling_imports(package)) == []
    placed = run(tmp_path, "orderkeep", "place", "--user", "user-42", "--total", "99.00", "--currency", "EUR")
    assert '"total":9900' in placed.stdout
    assert '"openapi": "3.1.0"' in run(tmp_path, "orderkeep", "openapi").stdout
    order_id = placed.stdout.partition('"id":"')[2].partition('"')[0]
    assert "<!DOCTYPE html>" in run(tmp_path, "orderkeep", "receipt", order_id).stdout


def run(folder: Path, module: str, *arguments: str, returns: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": f"{folder / 'src'}:{folder}", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == returns, done.stdout + done.stderr
    return done


def defined(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def edit(file: Path, pattern: str, replacement: str, *, times: int = 1) -> None:
    changed, count = re.subn(pattern, replacement, file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == times, f"{file.name}: {pattern} occurs {count} times"
    file.write_text(changed, encoding="utf-8")


def remove_postgres(source: Path) -> None:
    remove_store(source, "postgresql", "postgres")
    edit(source / "bootstrap/stores.py", r'^(_OF_POSTGRES = .+|    "postgres(ql)?": _OF_POSTGRES,)\n', "", times=3)


def remove_store(source: Path, *schemes: str) -> None:
    """Remove a store's `case` in `open_store`, the function that it calls, if any, and its schemes in `SCHEMES`."""
    file = source / "bootstrap" / "stores.py"
    text = file.read_text(encoding="utf-8")
    functions = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    [match] = [node for node in functions["open_store"].body if isinstance(node, ast.Match)]
    [case] = [case for case in match.cases if repr(schemes[0]) in ast.unparse(case.pattern)]
    lines = text.splitlines(keepends=True)
    if called := functions.get(f"_{schemes[-1]}"):  # it follows `open_store`
        del lines[called.lineno - 1 : called.end_lineno]
    del lines[case.pattern.lineno - 1 : case.body[-1].end_lineno]
    file.write_text("".join(lines), encoding="utf-8")
    for scheme in schemes:
        edit(file, rf'(?<=^SCHEMES = \()(.*)"{scheme}",? ?', r"\1")


def dangling_imports(package: Path) -> Iterator[str]:
    """Yield each import of a module of the package that does not exist, also inside functions."""
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            path = package.parent.joinpath(*module.split("."))
            if module.startswith("orderkeep") and not (path.is_dir() or path.with_suffix(".py").exists()):
                yield f"{file.name}: {module}"
