"""Replaces the names of the template, and sorts the imports again, whose order depends on the names."""

import ast
import builtins
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE, ENTITY, ENTITIES = "sample_service", "sample_item", "sample_items"
"""The names in the template. Both have two words, so that each way of writing them can be recognized."""

_ARTICLE = re.compile(r"\b([Aa]) (?=`?(?:sample[ _-]item|SampleItem))")
_VOWEL = re.compile(r"(?!eu|one|uni|us[aeiu]|ut[ei])[aeiou]|hon|hour")
_IMPORTS = re.compile(r"(?:^(?:from|import) (?:[^(\n]+|[^(\n]+\([^)]*\).*)\n)+", re.MULTILINE)
_IMPORT = re.compile(r"^(?P<kind>from|import) (?P<module>\S+).*(?:\n(?: .*|\)))*\n", re.MULTILINE)
_NAMES = re.compile(r"(?<= import )(?P<names>[\w, ]+)|(?<= import \(\n)(?P<lines>(?: +\w+,\n)+)")


def renamed(text: str, package: str, entity: str, entities: str) -> str:
    """Return the text with the names of a service and its entity instead of those of the template."""
    forms = dict(_forms(PACKAGE, package)) | dict(_forms(ENTITIES, entities)) | dict(_forms(ENTITY, entity))
    if _VOWEL.match(entity):
        text = _ARTICLE.sub(r"\1n ", text)
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, forms[form])
    return text


def _forms(name: str, new: str) -> Iterator[tuple[str, str]]:
    """Yield each way of writing a name in the template, and the same way of writing the new one."""
    yield from ((name, new), (name.replace("_", "-"), new.replace("_", "-")), (name.upper(), new.upper()))
    spaced = name.replace("_", " "), new.replace("_", " ")
    yield spaced
    yield spaced[0].capitalize(), spaced[1].capitalize()
    yield _pascal(name), _pascal(new)


def _pascal(name: str) -> str:
    return "".join(map(str.capitalize, name.split("_")))


@cache
def identifiers_in(template: Path) -> frozenset[str]:
    """Return all names in the Python code of the template, its modules and folders, and the built-in names."""
    found = set(dir(builtins)) | {path.stem for path in template.rglob("*")}
    for path in template.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for attribute in ("id", "name", "arg", "attr", "asname"):
                value = getattr(node, attribute, None)
                found |= {value} if isinstance(value, str) else set()
    return frozenset(found)


def sorted_imports(code: str) -> str:
    """Return the code with the statements of each block of imports sorted, and the names in each statement."""
    return _IMPORTS.sub(lambda block: "".join(_sorted_block(block[0])), code)


def _sorted_block(block: str) -> list[str]:
    statements = [(found["kind"] == "from", found["module"].lower(), found[0]) for found in _IMPORT.finditer(block)]
    return [_NAMES.sub(_sorted_names, statement) for _, _, statement in sorted(statements)]


def _sorted_names(found: re.Match[str]) -> str:
    if found["names"] is not None:
        return ", ".join(sorted(found["names"].split(", "), key=_rank))
    return "".join(sorted(found["lines"].splitlines(keepends=True), key=lambda line: _rank(line.strip(" ,\n"))))


def _rank(name: str) -> tuple[int, str]:
    """Return where ruff sorts a name: constants, then classes, then others, without regard to case."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[:1].isupper() else 2
    return kind, name.lower()
