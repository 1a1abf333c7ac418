"""The words of STYLE: phrases that readers cannot search for, or must decode, are in no prose, message or test name."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, prose_of

BANNED = {
    r"who(ever)? asks|asker|who may ask|let others ask": "the caller, the client, the actor",
    r"who they are": "authenticate",
    r"answer(s|ed|ing|able)?": "response, respond, return",
    r"tells?|told|hears?|heard|speaks?|spoken?": "reports, returns, contains, logs, receives",
    r"nobody|somebody|everybody|whoever": "no client, another writer, any caller",
    r"stands?|stood": "is, is stored",
    r"is (?-i:none)|that there (is|are) not": "does not exist, is invalid",
    r"anew|mend(s|ed|ing)?": "again, fix",
    r"let(s|ting)? go of|to be had|call(s|ed|ing)? off|com(es?|ing) along": "close, available, cancel, be included",
    r"does not count|counts? no longer": "is valid, is rejected",
    r"doors?": "entrypoints",
    r"what (is|would be) more": "the excess",
    r"for ever|as it became|it became": "permanently, the resulting order",
}
"""What is banned, and what to write instead."""

_BANNED = {re.compile(rf"\b({pattern})\b", re.IGNORECASE): instead for pattern, instead in BANNED.items()}
_CODE = re.compile(r"`[^`\n]*`|https?://\S+")

PACKAGE = CHECKOUT / "src" / "orderkeep"
TOP = [CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "Makefile")]
PAGES = [
    *TOP,
    *sorted((CHECKOUT / "docs").rglob("*.md")),
    *CHECKOUT.glob("*/README.md"),
    *CHECKOUT.glob("examples/*/README.md"),
]
SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((CHECKOUT / "tests").rglob("*.py"))


def findings(text: str) -> list[str]:
    """Return each banned phrase in a text, with what to write instead."""
    return [f"{found[0]!r}: {instead}" for phrase, instead in _BANNED.items() for found in phrase.finditer(text)]


def texts_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment and each string of Python code."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or token.type == tokenize.STRING:
            yield token.start[0], _CODE.sub("", token.string)
        elif token.type == getattr(tokenize, "FSTRING_MIDDLE", None):
            yield token.start[0], token.string


def names_of_tests_in(source: str) -> list[str]:
    """Return the names of the tests in Python code, as words."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, functions)]
    return [name.replace("_", " ") for name in names if name.lower().startswith("test")]


def docstrings_of_tests_in(source: str) -> list[str]:
    """Return the docstrings of a module and of its tests."""
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    nodes = [tree, *(node for node in functions if node.name.startswith("test"))]
    return [_CODE.sub("", ast.get_docstring(node) or "") for node in nodes]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_page_has_no_banned_phrase(page: Path) -> None:
    lines = enumerate(_CODE.sub("", prose_of(page)).splitlines(), start=1)
    assert [(number, found) for number, line in lines for found in findings(line)] == []


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_source_has_no_banned_phrase(file: Path) -> None:
    texts = texts_of(file.read_text("utf-8"))
    assert [(line, found) for line, text in texts for found in findings(text)] == []


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.sql")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_comments_of_sql_have_no_banned_phrase(file: Path) -> None:
    comments = re.findall(r"--(.*)", file.read_text("utf-8"))
    assert [(text, found) for text in comments for found in findings(text)] == []


def test_no_name_of_a_test_has_a_banned_phrase() -> None:
    files = [*TESTS, *(PACKAGE / "testing").glob("*.py")]
    named = [(file.name, name) for file in files for name in names_of_tests_in(file.read_text("utf-8"))]
    named += [(file.name, file.stem.replace("_", " ")) for file in files]
    assert [(*name, found) for name in named for found in findings(name[1])] == []


def test_no_docstring_of_a_test_has_a_banned_phrase() -> None:
    texts = [(file.name, text) for file in TESTS for text in docstrings_of_tests_in(file.read_text("utf-8"))]
    assert [(name, found) for name, text in texts for found in findings(text)] == []


def test_planted_phrases_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Whoever sends it gets an answer from `tell()`.\n```\ntold\n```\n", encoding="utf-8")
    module = 'ERROR = f"the order stands in {place}"  # mend it anew\n'
    test = '"""Whoever."""\ndef test_tells_who_asks() -> None:\n    """Mend it, `told`."""\n'
    assert len(findings(_CODE.sub("", prose_of(page)))) == 2
    assert len([found for _, text in texts_of(module) for found in findings(text)]) == 3
    assert len(findings(" ".join(names_of_tests_in(test)))) == 2
    assert len(findings(" ".join(docstrings_of_tests_in(test)))) == 2
