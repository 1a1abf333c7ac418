"""The general code of the template is the code of this service: after the names are replaced, the syntax trees of the
listed definitions are equal. A change on one side fails until it is made on the other.
"""

import ast
import re
from pathlib import Path

import pytest

from orderkeep.entrypoints.new_service import TEMPLATE
from tools.locks import CHECKOUT

OURS, THEIRS = CHECKOUT / "src" / "orderkeep", TEMPLATE / "src" / "sample_service"

NAMES = {
    r"the order\b": "the sample item",
    r"(?<=\")Order(?= )": "Sample item",
    r"upgrade orderkeep": "upgrade the service",
    r"(?<!sqlite3\.)(?<!class )Connection\b": "sqlite3.Connection",
    r"OrdersFile": "SampleItemsFile",
    r"Order(?=[A-Z]|\b)": "SampleItem",
    r"order(?=_|\b)": "sample_item",
    r"orders\b": "sample_items",
    r"Orderkeep": "SampleService",
    r"orderkeep-": "sample-service-",
    r"orderkeep\b": "sample_service",
    r"ORDERKEEP_": "SAMPLE_SERVICE_",
}
"""Our names, and those of the template."""

SAME = {
    "domain/exceptions.py": (
        "Conflict",
        "ConcurrentUpdate",
        "StoreUnusable",
        "TextMissing",
        "TextNotPrintable",
        "TextTooLong",
        "OrderkeepError.__init_subclass__",
    ),
    "domain/lifecycle.py": ("CommandRejected",),
    "application/change_order.py": ("ATTEMPTS", "FIRST_PAUSE_SECONDS", "LONGEST_PAUSE_SECONDS", "_pause"),
    "application/cursors.py": ("_digest", "_encode", "_pack", "_unpack", "list_cursor", "list_position"),
    "application/errors.py": ("InvalidCursor",),
    "application/ports.py": ("Clock",),
    "application/webhooks/signatures.py": ("SECRET_PREFIX", "_signature", "signature_headers"),
    "config.py": ("Settings._check_not_empty",),
    "entrypoints/api/problems.py": ("MEDIA_TYPE", "status_of"),
    "entrypoints/lambda_handler.py": ("Event", "_is_under", "_stage", "_stage_in"),
    "infrastructure/dynamo_repo/client.py": ("_NAME",),
    "infrastructure/dynamo_repo/items.py": ("LONGEST_KEY", "can_be_a_key"),
    "infrastructure/dynamo_repo/lists.py": ("LONGEST_ID",),
    "infrastructure/sqlite_repo/connections.py": (
        "MIGRATIONS",
        "Readers.__init__",
        "Readers._give_back",
        "Readers._take",
        "Readers.close",
        "_check_ours",
        "_statements",
        "_transaction",
    ),
    "infrastructure/sqlite_repo/errors.py": ("CLOSED", "ERRORS", "is_busy"),
    "infrastructure/sqlite_repo/writer.py": (
        "BUSY_SECONDS",
        "CommitWriter._fail",
        "CommitWriter._hand_over",
        "CommitWriter._put_collected",
        "CommitWriter._roll_back",
        "CommitWriter._run",
        "CommitWriter._take",
        "CommitWriter._write",
        "CommitWriter._write_in_savepoint",
        "CommitWriter.close",
        "CommitWriter.save",
        "MOST_SAVES",
        "_Save",
        "_report",
        "_settle",
        "retry_while_locked",
    ),
}
"""By module, the definitions that are the same. Each is general; what differs is about an order."""

WITHIN = {
    ("application/change_order.py", "change_order"): 3,
    ("infrastructure/sqlite_repo/errors.py", "translated"): 11,
    ("infrastructure/sqlite_repo/writer.py", "CommitWriter.__init__"): 9,
    ("infrastructure/sqlite_repo/writer.py", "CommitWriter._begin"): 1,
    ("infrastructure/sqlite_repo/writer.py", "CommitWriter._commit"): 11,
    ("infrastructure/sqlite_repo/writer.py", "CommitWriter._execute"): 2,
}
"""The functions that do less in the template, and how many of their statements are the same: the pause before each
further attempt and the end of all attempts, the detection of a conflict, and all but the fence of a moved store.
"""


def renamed(text: str) -> str:
    """Return our code with the names of the template."""
    for ours, theirs in NAMES.items():
        text = re.sub(rf"(?<![A-Z]){ours}" if ours[:2] == "Or" else rf"(?<![A-Za-z]){ours}", theirs, text)
    return text


def definitions(text: str) -> dict[str, ast.stmt]:
    """Return the functions, classes, methods and constants of a module by name, without docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        for name in names_of(node):
            found[name] = node
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}": inner for inner in node.body for name in names_of(inner)}
    return found


def names_of(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def differing(ours: str, theirs: str, names: tuple[str, ...]) -> list[str]:
    """Return the names whose definitions are not the same in our code and in that of the template."""
    left, right = definitions(renamed(ours)), definitions(theirs)
    return [name for name in names if ast.dump(left[renamed(name)]) != ast.dump(right[renamed(name)])]


def template_of(module: str) -> Path:
    """Return the module of the template. What is a package here may be one module there."""
    path = THEIRS / renamed(module)
    return path if path.exists() else path.parent.with_suffix(".py")


@pytest.mark.parametrize("module", SAME)
def test_general_code_of_the_template_is_ours(module: str) -> None:
    ours, theirs = (OURS / module).read_text("utf-8"), template_of(module).read_text("utf-8")
    assert differing(ours, theirs, SAME[module]) == []


@pytest.mark.parametrize("module", SAME)
def test_a_change_on_one_side_is_found(module: str) -> None:
    """A statement is added to each definition in our code, or a value changed, and each change is reported."""
    ours, theirs = (OURS / module).read_text("utf-8"), template_of(module).read_text("utf-8")
    for name in SAME[module]:
        node = definitions(ours)[name]
        lines = ours.splitlines(keepends=True)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            lines[node.lineno - 1] = lines[node.lineno - 1].replace(" = ", " = not ", 1)
        else:
            assert node.end_lineno is not None
            lines.insert(node.end_lineno, f"{' ' * (node.col_offset + 4)}planted = 1\n")
        assert differing("".join(lines), theirs, SAME[module]) == [name]


@pytest.mark.parametrize("module, name", WITHIN)
def test_statements_of_a_shorter_function_are_ours(module: str, name: str) -> None:
    assert len(shared_statements(module, name)) >= WITHIN[module, name]


def shared_statements(module: str, name: str) -> list[str]:
    """Return the statements of a function of the template that are in ours as well, with what is in them."""
    ours, theirs = renamed((OURS / module).read_text("utf-8")), template_of(module).read_text("utf-8")
    mine, other = (definitions(text)[renamed(name)] for text in (ours, theirs))
    known = {ast.dump(node) for node in ast.walk(mine) if isinstance(node, ast.stmt)}
    return [ast.unparse(node) for node in ast.walk(other) if isinstance(node, ast.stmt) and ast.dump(node) in known]


def test_contracts_of_imports_are_ours() -> None:
    ours, theirs = CHECKOUT / "tools" / "import_contracts.py", TEMPLATE / "tools" / "import_contracts.py"
    assert theirs.read_bytes() == ours.read_bytes()
