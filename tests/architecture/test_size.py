"""The source stays small, and no module imports itself through others, not even for its types or inside a function."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.locks import CHECKOUT

SOURCE = CHECKOUT / "src" / "orderkeep"
MOST_FILES, MOST_LINES, MOST_ENTRYPOINT_LINES = 323, 46_450, 20_420
"""A little above what there is: a change that needs more must say so here."""
MOST_LINES_OF_A_MODULE = 400

TEMPLATE = SOURCE / "entrypoints" / "new_service" / "template"
"""The files of the services that `orderkeep new` creates: data of the package, whose size tests/new_service limits."""

Graph = dict[str, set[str]]


def lines_of(folder: Path) -> dict[str, int]:
    """Return the number of lines of each source file below a folder."""
    files = [path for path in folder.rglob("*.py") if not path.is_relative_to(TEMPLATE)]
    return {path.relative_to(folder).as_posix(): len(path.read_text("utf-8").splitlines()) for path in files}


def imports_of(folder: Path) -> Graph:
    """Return the modules of a package that each of its modules imports, anywhere in its code."""
    paths = {module_of(path, folder): path for path in folder.rglob("*.py")}
    return {module: set(imported(module, path, paths)) - {module} for module, path in paths.items()}


def module_of(path: Path, package: Path) -> str:
    """Return the name that a file is imported by."""
    return ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


def imported(module: str, path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """Yield the modules that a file imports: of `from package import name`, the submodule if it is one."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: len(module.split(".")) - node.level + (path.name == "__init__.py")]
            origin = ".".join([*(above if node.level else []), *([node.module] if node.module else [])])
            for alias in node.names:
                found = f"{origin}.{alias.name}"
                if found in modules or origin in modules:
                    yield found if found in modules else origin


def circles(graph: Graph) -> list[list[str]]:
    """Return the groups of modules that reach one another by imports."""
    reach = {module: reachable(graph, module) for module in graph}
    groups = {frozenset(other for other in reach[module] if module in reach[other]) for module in graph}
    return sorted(sorted(group) for group in groups if group)


def reachable(graph: Graph, start: str) -> set[str]:
    """Return the modules that one imports, directly or through others."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def test_the_source_has_few_files_and_lines() -> None:
    counts = lines_of(SOURCE).values()
    files, lines = len(counts), sum(counts)
    assert files <= MOST_FILES, "if your change needs more files, raise MOST_FILES in this test"
    assert lines <= MOST_LINES, "if your change needs more lines, raise MOST_LINES in this test"


def test_entrypoints_have_few_lines() -> None:
    lines = sum(lines_of(SOURCE / "entrypoints").values())
    assert lines <= MOST_ENTRYPOINT_LINES


def test_no_module_is_long() -> None:
    assert {name: count for name, count in lines_of(SOURCE).items() if count > MOST_LINES_OF_A_MODULE} == {}


def test_no_module_imports_itself_through_others() -> None:
    found = circles(imports_of(SOURCE))
    assert found == [], "\n".join(", ".join(circle) for circle in found)


@pytest.mark.parametrize(
    "planted",
    [
        "import shop.b",
        "from shop import b",
        "from shop.b import B",
        "from . import b",
        "from .b import B",
        "if TYPE_CHECKING:\n    from shop.b import B",
        "def late():\n    from shop.b import B",
        "import shop.c",
        "from shop import B",
    ],
)
def test_finds_a_planted_circle(tmp_path: Path, planted: str) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    files = {"__init__": "from shop.b import B", "a": planted, "b": "from shop.a import A", "c": "import shop.b"}
    for name, code in files.items():
        (package / f"{name}.py").write_text(code)
    assert [group for group in circles(imports_of(package)) if {"shop.a", "shop.b"} <= set(group)]


def test_finds_no_circle_where_none_is(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    files = {"__init__": "from shop.a import A", "a": "import json\nfrom shop import b, c", "b": "import os", "c": ""}
    for name, code in files.items():
        (package / f"{name}.py").write_text(code)
    assert imports_of(package)["shop.a"] == {"shop.b", "shop.c"}
    assert circles(imports_of(package)) == []


def test_counts_lines_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "one.py").write_text("a = 1\nb = 2\n")
    (tmp_path / "inner" / "two.py").write_text("c = 3")
    assert lines_of(tmp_path) == {"one.py": 2, "inner/two.py": 1}
