"""The package runs no programs or texts, reads nothing that can run, and uses no weak hashes or predictable secrets."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.locks import CHECKOUT

PACKAGE = CHECKOUT / "src" / "orderkeep"

OF_A_NEW_SERVICE = tuple(str(PACKAGE / "entrypoints/new_service/template" / folder) for folder in ("tests", "tools"))
"""Data of the package: run by the developers of a service, and neither by this one nor by theirs."""

CODE = [path for path in sorted(PACKAGE.rglob("*.py")) if not str(path).startswith(OF_A_NEW_SERVICE)]

NEVER_IMPORTED = {
    *("subprocess", "pty", "multiprocessing", "ctypes", "cffi"),  # programs, and memory
    *("pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "xml", "lxml"),  # texts that can do more than say
    *("smtplib", "imaplib", "ldap", "telnetlib", "ftplib", "xmlrpc"),
}
NEVER_CALLED = {"eval", "exec", "compile", "__import__", "breakpoint"}
NEVER_OF_OS = ("system", "popen", "exec", "spawn", "posix_spawn", "fork", "startfile")
ONLY_HASHES = {"sha256"}
HASH_OF_UUIDS = "sha1", "application/ids.py"
"""A UUIDv5 is a SHA-1 by its definition (RFC 9562, 5.5)."""

MAY_IMPORT_BY_NAME = {"entrypoints/cli/main.py", "entrypoints/cli/commands/order_files.py"}
"""With names from a constant table, or the converter that the operator names."""

ONLY_PAUSES_AND_SAMPLES = {
    "application/change_order.py",
    "application/use_cases/deliver_webhooks.py",
    "entrypoints/new_service/template/src/sample_service/application/change_sample_item.py",
    "entrypoints/new_service/template/src/sample_service/infrastructure/sqlite_repo/writer.py",
    "entrypoints/sample_orders.py",
    "infrastructure/dynamo_repo/feed.py",
    "infrastructure/aws/__init__.py",
    "infrastructure/sqlite_repo/writer.py",
}
"""Where chance that can be guessed will do: how long to wait, and what a demo is made of."""


def faults(source: str, name: str = "one.py") -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=aliases):
                yield from (found for alias in aliases for found in _of_module(alias.name, name))
            case ast.ImportFrom(module="hashlib", names=aliases):
                yield from (f"hashlib.{alias.name}" for alias in aliases if alias.name not in ONLY_HASHES)
            case ast.ImportFrom(module=str(module)):
                yield from _of_module(module, name)
            case ast.Call(func=ast.Name(id=called)) if called in NEVER_CALLED:
                yield f"{called}()"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=called)) if called.startswith(NEVER_OF_OS):
                yield f"os.{called}()"
            case ast.Attribute(value=ast.Name(id="hashlib"), attr=used) if not _may_hash(used, name):
                yield f"hashlib.{used}"
            case ast.Call(func=ast.Attribute(value=value, attr="format")) if not _is_constant(value):
                yield f"{ast.unparse(value)}.format()"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re")), args=[pattern, *_]) if not _is_constant(pattern):
                yield f"a pattern of {ast.unparse(pattern)}"


def _of_module(module: str, name: str) -> Iterator[str]:
    top = module.partition(".")[0]
    if top in NEVER_IMPORTED or (module == "importlib" and name not in MAY_IMPORT_BY_NAME):
        yield module
    if top == "random" and name not in ONLY_PAUSES_AND_SAMPLES:
        yield module


def _may_hash(used: str, name: str) -> bool:
    return used in ONLY_HASHES or (used, name) == HASH_OF_UUIDS


def _is_constant(value: ast.expr) -> bool:
    """Tell whether it is written in the code, or made of what is: constants have names in capitals. What an object
    was made with counts as well, and whatever is looked up in a constant.
    """
    while isinstance(value, ast.Subscript):
        value = value.value
    names = [node.id for node in ast.walk(value) if isinstance(node, ast.Name)]
    return all(name.isupper() or name == "self" for name in names)


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_runs_no_program_and_no_text_and_takes_no_weak_hash(path: Path) -> None:
    assert list(faults(path.read_text(encoding="utf-8"), path.relative_to(PACKAGE).as_posix())) == []


@pytest.mark.parametrize(
    "planted",
    [
        "import subprocess",
        "from subprocess import run",
        "import pickle as p",
        "from xml.etree import ElementTree",
        "import yaml",
        "import importlib",
        "import random",
        "from random import choice",
        "eval(text)",
        "exec(text)",
        "import os; os.system(text)",
        "import os; os.execv(path, [])",
        "import os; os.spawnl(0, path)",
        "import hashlib; hashlib.md5(text)",
        "import hashlib; hashlib.new(name)",
        "from hashlib import sha1",
        "text.format(order)",
        "(PAGE + text).format(order)",
        "import re; re.search(text, 'a')",
        "import re; re.compile(f'{PART}|{text}')",
    ],
)
def test_planted_calls_are_found(planted: str) -> None:
    assert len(list(faults(planted))) == 1


def test_leaves_what_is_harmless() -> None:
    harmless = "import re, hashlib\nfrom hashlib import sha256\nre.compile(f'{PART}+')\nhashlib.sha256(text)\n"
    assert (
        list(
            faults(
                harmless
                + "_PAGE.format(order=order)\nPAGES[name].format(order=order)\nself.lines.format(record)\nre.escape"
            )
        )
        == []
    )


def test_what_may_do_more_is_there() -> None:
    assert [name for name in MAY_IMPORT_BY_NAME | ONLY_PAUSES_AND_SAMPLES if not (PACKAGE / name).is_file()] == []
