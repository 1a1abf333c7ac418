"""The threat model is whole: all ten risks are there, and what it says of fields, scopes, places and hashes is so."""

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderkeep.application.access.actor import CUSTOMER_SCOPES
from orderkeep.application.dtos import ChangeDTO, LineDTO, OrderDTO
from orderkeep.bootstrap import documents, stores
from orderkeep.domain.value_objects import Cancellation, Document
from orderkeep.entrypoints.logs import FIELDS
from tests.application.test_scopes import CALLS
from tests.docs.pages import CHECKOUT

PAGE = (CHECKOUT / "docs" / "explanation" / "threat-model.md").read_text(encoding="utf-8")
PACKAGE = CHECKOUT / "src" / "orderkeep"
COMPUTES = {"cryptography", "hashlib", "hmac", "joserfc", "secrets", "ssl"}


def section(heading: str) -> str:
    return re.split(r"^##+ ", PAGE.partition(f" {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of a section's table, without its heading."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def in_code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_the_page_has_all_ten_of_the_owasp_api_security_top_10() -> None:
    found = [re.search(r"API(\d+):2023", row[0]) for row in rows("OWASP API Security Top 10 (2023)")]
    assert [int(number[1]) for number in found if number] == list(range(1, 11))


def test_the_page_classes_every_field() -> None:
    classed = [field for row in rows("Data classification") for field in in_code(row[1])]
    kept = {
        field.name
        for dto in (OrderDTO, LineDTO, Cancellation, Document, ChangeDTO)
        for field in dataclasses.fields(dto)
        if field.compare  # others are not stored
    }
    assert sorted(classed) == sorted(set(classed)), "a field is of one class"
    assert kept == set(classed)


def test_the_page_says_who_may_what_as_the_use_cases_do() -> None:
    told = {use_case: (in_code(row[0])[0], row[2]) for row in rows("Permissions") for use_case in in_code(row[1])}
    customers = {True: "their own", False: "no"}
    assert told == {name: (str(scope), customers[scope in CUSTOMER_SCOPES]) for name, (scope, _) in CALLS.items()}


def test_the_page_names_every_place_that_orders_and_files_go_to() -> None:
    named = {url.partition("://")[0] for row in rows("Trust boundaries") for url in in_code(row[1]) if "://" in url}
    another_name = {"postgres"}  # of postgresql://
    assert named | another_name == {*stores.SCHEMES, *documents.SCHEMES, "eventbridge"}


def test_the_page_names_every_field_of_a_log_line() -> None:
    named = in_code(section("What is logged").partition("Each request is a line")[0])
    assert named == list(FIELDS)


def computing(folder: Path) -> Iterator[str]:
    """Yield the modules that import something that computes with cryptography; those that test stores need none."""
    for path in sorted(folder.rglob("*.py")):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
        name = path.relative_to(folder).as_posix()
        if imported & COMPUTES and not name.startswith(("testing/", "entrypoints/new_service/template/")):
            yield name


def test_the_inventory_of_cryptography_is_whole() -> None:
    named = [name for row in rows("Cryptography") for name in in_code(row[0])]
    found = list(computing(PACKAGE))
    assert len(found) >= 8
    assert [name for name in found if not name.startswith(tuple(named))] == []
    assert all(row[1] and row[2] for row in rows("Cryptography"))


@pytest.mark.parametrize("planted", ["import hashlib", "from hmac import digest", "from joserfc.jwk import Key"])
def test_a_module_that_computes_is_found(planted: str, tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(planted, encoding="utf-8")
    assert list(computing(tmp_path)) == ["planted.py"]
