"""The messages in the FAQ's headings are messages of the code."""

import ast
import re

from tests.docs.pages import CHECKOUT

HEADINGS = re.findall(r"^### `(.+)`$", (CHECKOUT / "docs" / "faq.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
OF_THE_SYSTEM = ": Address already in use"


def texts_in_code() -> list[str]:
    """Return the string constants of the package, among them the constant parts of f-strings."""
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in (CHECKOUT / "src" / "orderkeep").rglob("*.py"))
    constants = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [re.sub(r"\{\w+\}", "…", value) for value in constants if isinstance(value, str)]


def parts_not_in_code(heading: str, texts: list[str]) -> list[str]:
    """Return the parts of a message, between its ellipses, that no string of the code contains."""
    parts = [part.strip() for part in heading.removesuffix(OF_THE_SYSTEM).split("…")]
    return [part for part in parts if not any(part in text for text in texts)]


def test_every_message_in_the_faq_is_in_the_code() -> None:
    assert len(HEADINGS) >= 20
    texts = texts_in_code()
    assert {heading: missing for heading in HEADINGS if (missing := parts_not_in_code(heading, texts))} == {}


def test_message_that_the_code_does_not_have_is_found() -> None:
    texts = ["refusing to listen on ", " without authentication"]
    assert parts_not_in_code("refusing to listen on … without authentication", texts) == []
    assert parts_not_in_code("will not listen on … without authentication", texts) == ["will not listen on"]
