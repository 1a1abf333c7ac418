"""The import contracts that import-linter does not bring; [tool.importlinter] in pyproject.toml uses them."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

Violation = tuple[str, int, str]  # module, line, what is wrong there

# Whatever imports by a name that is computed could import anything.
IMPORTERS = {"importlib", "pkgutil", "runpy"}


class StandardLibraryOnly(Contract):
    """The given packages import the standard library and their own root package, and nothing else."""

    packages: Any = fields.ListField(subfield=fields.ModuleField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        return _judged(
            (importer, line, f"imports {imported}")
            for package in self.packages
            for importer in _modules_of(package.name, graph)
            for imported in _imports(importer, graph)
            if not _is_inside(imported, package.name.partition(".")[0])
            for line in _lines(importer, imported, graph)
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        _render(check)


class SiblingsApart(Contract):
    """The modules in each of the given packages do not import one another, but for those that are shared.

    Unlike an independence contract over `package.*`, this fails where the package does not exist.
    """

    packages: Any = fields.ListField(subfield=fields.ModuleField())
    shared: Any = fields.SetField(subfield=fields.ModuleField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        shared = {module for given in self.shared for module in _modules_of(given.name, graph)}
        return _judged(
            (importer, line, f"imports {imported}")
            for package in self.packages
            for importer in _modules_of(package.name, graph)
            for imported in _imports(importer, graph) & graph.find_descendants(package.name) - shared
            if _child(imported, package.name) != _child(importer, package.name)
            for line in _lines(importer, imported, graph)
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        _render(check)


class Acyclic(Contract):
    """The modules in each of the given packages have no circular imports, those inside functions included."""

    packages: Any = fields.ListField(subfield=fields.ModuleField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        return _judged(
            (importer, line, f"imports {imported}: a circle")
            for package in self.packages
            for importer, imported in self._circle(_modules_of(package.name, graph), graph)
            for line in _lines(importer, imported, graph)
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        _render(check)

    def _circle(self, modules: set[str], graph: ImportGraph) -> Iterator[tuple[str, str]]:
        sorter = TopologicalSorter({importer: _imports(importer, graph) & modules for importer in modules})
        try:
            sorter.prepare()
        except CycleError as error:
            circle = error.args[1]  # each one is imported by the next
            yield from zip(circle[1:], circle, strict=False)


class ConfinedNames(Contract):
    """The given names (of a function, a class) are used in the allowed modules and nowhere else."""

    names: Any = fields.SetField(subfield=fields.StringField())
    allowed_modules: Any = fields.SetField(subfield=fields.ModuleField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        allowed = {module for given in self.allowed_modules for module in _modules_of(given.name, graph)}
        root = min(allowed).partition(".")[0]
        return _judged(
            (module, node.lineno, f"uses {_name_of(node)}")
            for module in _modules_of(root, graph) - allowed
            for node in self._uses(_file_of(module).read_text(encoding="utf-8"))
        )

    def _uses(self, source: str) -> Iterator[ast.alias | ast.Attribute | ast.Name]:
        if any(name in source for name in self.names):  # parsing is the slow part
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.alias | ast.Attribute | ast.Name) and _name_of(node) in self.names:
                    yield node

    def render_broken_contract(self, check: ContractCheck) -> None:
        _render(check)


def _modules_of(package: str, graph: ImportGraph) -> set[str]:
    if package not in graph.modules:
        raise ValueError(f"Module '{package}' does not exist.")
    return {package} | graph.find_descendants(package)


def _imports(importer: str, graph: ImportGraph) -> set[str]:
    return graph.find_modules_directly_imported_by(importer)


def _child(module: str, package: str) -> str:
    return module.removeprefix(f"{package}.").partition(".")[0]


def _is_inside(imported: str, root: str) -> bool:
    top = imported.partition(".")[0]
    return top == root or (top in sys.stdlib_module_names and top not in IMPORTERS)


def _lines(importer: str, imported: str, graph: ImportGraph) -> set[int]:
    return {detail["line_number"] for detail in graph.get_import_details(importer=importer, imported=imported)}


def _name_of(node: ast.alias | ast.Attribute | ast.Name) -> str:
    match node:
        case ast.alias(name=name) | ast.Attribute(attr=name) | ast.Name(id=name):
            return name


def _file_of(module: str) -> Path:
    root, *rest = module.split(".")
    spec = importlib.util.find_spec(root)
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent.joinpath(*rest)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _judged(found: Iterator[Violation]) -> ContractCheck:
    violations = sorted(found)
    return ContractCheck(kept=not violations, metadata={"violations": violations})


def _render(check: ContractCheck) -> None:
    for module, line, what in check.metadata["violations"]:
        output.print_error(f"{module} {what} (l.{line})", bold=False)
