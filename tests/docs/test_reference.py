"""The tables of the reference say what the code says."""

import re
import runpy
from pathlib import Path

import pytest

from orderkeep.entrypoints.api.openapi import Problem
from orderkeep.entrypoints.api.problems import PROBLEMS, status_of
from orderkeep.entrypoints.cli import failures
from tests.docs.entrypoint_tables import kinds_of_error
from tests.docs.pages import CHECKOUT, name_of
from tests.docs.reference_tables import PAGES, REFERENCE, TABLES, as_markdown, names_of_tables, with_tables


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_tables_of_a_page_are_those_of_the_code(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == with_tables(text), "run: python -m tests.docs.reference_tables"


def test_every_table_is_on_one_page() -> None:
    names = [name for page in PAGES for name in names_of_tables(page.read_text(encoding="utf-8"))]
    assert sorted(names) == sorted(TABLES)


ERRORS = (REFERENCE / "errors.md").read_text(encoding="utf-8")
SOURCE = "".join(file.read_text(encoding="utf-8") for file in (CHECKOUT / "src").rglob("*.py"))


def test_every_problem_type_has_its_section() -> None:
    """The last part of the `type` of a problem document is the heading, and so the anchor, of a section."""
    types = [f"urn:orderkeep:problem:{code}" for code in (*PROBLEMS, *(kind.code for kind in kinds_of_error()))]
    headings = re.findall(r"^### (.+)$", ERRORS, flags=re.MULTILINE)
    assert len(set(headings)) == len(headings)
    assert [each for each in types if each.rpartition(":")[2] not in headings] == []


def test_every_code_in_the_error_reference_exists() -> None:
    codes = re.findall(r"^### (.+)$", ERRORS, flags=re.MULTILINE)
    rows = re.findall(r"^\| (`[a-z0-9_`, ]+`) \|", ERRORS, flags=re.MULTILINE)
    codes += [code for row in rows for code in re.findall(r"`(\w+)`", row) if row not in FIELDS_OF_A_PROBLEM]
    assert len(codes) > 90
    assert [code for code in codes if f'"{code}"' not in SOURCE] == []


def test_table_of_retries_is_complete_and_that_of_the_example_client() -> None:
    table = (REFERENCE / "idempotency.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*`\w+`.*) \| (yes|not|no)\b", table, flags=re.MULTILINE)
    retried = {code: retry == "yes" for outcome, retry in rows for code in re.findall(r"`(\w+)`", outcome)}
    temporary = {code for code, (status, *_) in PROBLEMS.items() if status in (408, 429, 500, 503)}
    temporary |= {kind.code for kind in kinds_of_error() if status_of(kind) in (429, 503)}
    assert temporary - retried.keys() == set(), "say whether to retry these"
    client = runpy.run_path(str(CHECKOUT / "docs" / "examples" / "api_client.py"))
    assert {code for code, is_retried in retried.items() if is_retried} == client["TEMPORARY"]


FIELDS_OF_A_PROBLEM = {f"`{name}`" for name in Problem.model_fields}


def test_the_page_on_the_command_line_has_every_exit_code() -> None:
    told = re.findall(r"^\| (\d+) \|", (REFERENCE / "cli.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    failed = {
        failures.BUG,
        failures.USAGE,
        *(code for _, code, _ in failures.OUTCOMES),
        failures.INTERRUPTED,
    }
    assert {int(code) for code in told} == {0, *failed}


def test_a_table_that_drifts_is_seen() -> None:
    current = f"<!-- table: limits -->\n\n{as_markdown(TABLES['limits']())}\n<!-- end of table -->"
    assert with_tables(current) == current
    drifted = current.replace("| 500 |", "| 501 |", 1)
    assert drifted != current
    assert with_tables(drifted) != drifted
