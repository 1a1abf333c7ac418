"""Mutation testing: change one operator, constant, name or statement of a module, run the tests that execute it, the
fastest first, and report the changes that no test finds. A changed module exists only in the memory of the processes
that run the tests and of those that they start.
"""

import argparse
import ast
import faulthandler
import marshal
import multiprocessing
import os
import pickle
import random
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings

from tools.executed_tests import Record, Recorder, name_of
from tools.locks import CHECKOUT

SOURCE = CHECKOUT / "src" / "orderkeep"
_LIMITS = "tests/docs/test_reference.py"  # their values are in tables
_USE_CASES = "tests/test_[!a]*.py"  # without those of the article
_MEMORY = ("tests/infrastructure/test_memory_repo.py", "tests/contract/test_memory_[!d]*.py")
_CONTRACT = ("tests/contract/test_stores.py", "tests/infrastructure/test_sql_reads.py")
_RECORDS = ("tests/infrastructure/test_serialization.py", "tests/infrastructure/test_api_key_records.py")
_CHECKS, _URLS = "tests/infrastructure/test_store_checks.py", "tests/infrastructure/test_store_urls.py"
_SQLITE = ("tests/infrastructure/test_sqlite*.py", *_CONTRACT, _CHECKS, "tests/faults/test_sqlite_[af]*.py")
_POSTGRES = ("tests/infrastructure/test_postgres*.py", *_CONTRACT, _URLS, "tests/contract/test_postgres*.py")
_DYNAMO = ("tests/infrastructure/test_dynamo*.py", *_CONTRACT, _CHECKS, "tests/contract/test_dynamo*.py")
_HANGING = "tests/faults/test_hanging_stores.py"
TESTS = {
    "domain": ("tests/domain", "tests/application", _USE_CASES, *_MEMORY, _LIMITS),
    "application": ("tests/application", _USE_CASES, *_MEMORY, "tests/domain", _LIMITS),
    "infrastructure/serialization.py": (*_RECORDS, *_MEMORY, "tests/infrastructure/test_sqlite*.py", *_CONTRACT),
    "infrastructure/memory_repo.py": (*_MEMORY, _USE_CASES),
    "infrastructure/sql_store.py": ("tests/infrastructure/test_sqlite*.py", *_CONTRACT, *_RECORDS),
    "infrastructure/sqlite_repo": _SQLITE,
    "infrastructure/postgres_repo": (*_POSTGRES, "tests/faults/test_postgres_l*.py", _HANGING),
    "infrastructure/dynamo_repo": (
        *_DYNAMO,
        "tests/faults/test_dynamo_l*.py",
        "tests/torture/test_stale*.py",
        _HANGING,
    ),
}
"""The tests of each part of `src/orderkeep`."""

STORES = {
    "infrastructure/sql_store.py": "sqlite,postgres",
    "infrastructure/postgres_repo": "postgres",
    "infrastructure/dynamo_repo": "dynamodb",
}
"""The stores of these tests, if they are not `_NO_SERVER`."""

_NO_SERVER = "memory,sqlite"

_OPERATORS = {
    "Lt": "LtE GtE", "LtE": "Lt Gt", "Gt": "GtE LtE", "GtE": "Gt Lt", "Eq": "NotEq", "NotEq": "Eq", "Is": "IsNot",
    "IsNot": "Is", "In": "NotIn", "NotIn": "In", "And": "Or", "Or": "And", "BitOr": "BitAnd", "BitAnd": "BitOr",
    "Add": "Sub", "Sub": "Add", "Mult": "FloorDiv", "FloorDiv": "Mult", "Mod": "Mult", "Pow": "Mult",
}  # fmt: skip
_NAMES = {"max": "min", "min": "max", "any": "all", "all": "any", "sorted": "list", "deepcopy": "copy"}
SECONDS_TO_START = 60
"""How long a process of the tests may take to start, and what a busy machine adds."""

_PLUGINS = ("pytest_asyncio.plugin", "_hypothesis_pytestplugin")  # others take a second to load
_PROCESSES = multiprocessing.get_context("forkserver")

# The changed module. Processes that the tests start import it first, as `sitecustomize`.
_IMPORTS = """
import marshal
from importlib.machinery import SourceFileLoader
code, code_of = {code!r}, SourceFileLoader.get_code
SourceFileLoader.get_code = lambda file, name: marshal.loads(code) if name == {module!r} else code_of(file, name)
"""


class Mutant(NamedTuple):
    """The change with this number of a module, and the lines of the changed statement if it is part of a function."""

    module: str
    file: Path
    number: int
    change: str
    lines: range


def mutants_of(file: Path, root: Path = SOURCE.parent) -> list[Mutant]:
    """Return all mutants of a module, whose name is its path below the root."""
    changer, lines = _Changer(), _statements(ast.parse(file.read_bytes()))
    changer.visit(ast.parse(file.read_bytes()))
    module = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    return [
        Mutant(module, file, number, f"{file}:{change}", lines.get(int(change.partition(":")[0]), range(0)))
        for number, change in enumerate(changer.found)
    ]


def _statements(tree: ast.Module) -> dict[int, range]:
    """Return the lines of the statement at each line of a function, unless a cache calls the function for all tests."""
    found = dict[int, range]()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if any("cache" in ast.unparse(decorator) for decorator in function.decorator_list):
            continue
        for node in ast.walk(function):  # a statement comes before those that it contains
            if isinstance(node, ast.stmt) and node is not function:
                last = node.end_lineno or node.lineno
                inner = [each.lineno for each in ast.walk(node) if isinstance(each, ast.stmt) and each is not node]
                for line in range(node.lineno, last + 1):
                    found[line] = range(node.lineno, max(min(inner, default=last + 1), line + 1))
    return found


class _Changer(ast.NodeTransformer):
    """Lists the possible changes of a module, and makes the wanted one."""

    def __init__(self, wanted: int | None = None) -> None:
        self.wanted, self.line = wanted, 1
        self.found: list[str] = []

    def visit(self, node: ast.AST) -> Any:
        match node:
            case ast.arg() | ast.keyword(arg="slots" | "repr" | "kw_only") | ast.Call(func=ast.Name(id="TypeVar")):
                return node  # changes no result
            case ast.AnnAssign():
                return _with(node, value=node.value and self.visit(node.value))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                node.returns = None
        self.line, result = getattr(node, "lineno", self.line), None
        for other in (*_other_operators(node), *_other_values(node), *_other_code(node)):
            if len(self.found) == self.wanted:
                result = other
            before, after = (ast.unparse(one).partition("\n")[0] for one in (node, other))
            self.found.append(f"{self.line}: {before} -> {after}")
        return result or self.generic_visit(node)


def _other_operators(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=ops):
            for index, op in enumerate(ops):
                for name in _OPERATORS[type(op).__name__].split():
                    yield _with(node, ops=[*ops[:index], getattr(ast, name)(), *ops[index + 1 :]])
        case ast.BoolOp(op=op) | ast.BinOp(op=op) | ast.AugAssign(op=op):
            for name in _OPERATORS.get(type(op).__name__, "").split():
                yield _with(node, op=getattr(ast, name)())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand


def _other_values(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Constant(value=bool(value)):
            yield _with(node, value=not value)
        case ast.Constant(value=int(value) | float(value)):
            yield from (_with(node, value=value + 1), _with(node, value=value - 1))
        case ast.Constant(value=str(value)) if not any(map(str.isspace, value)):  # the wording of sentences may change
            yield _with(node, value=value + "x")
        case ast.Name(id=name) if name in _NAMES:
            yield _with(node, id=_NAMES[name])
        case ast.Call(func=ast.Name(id="max" | "min"), args=[_, _, *_] as arguments):
            yield from arguments


def _other_code(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
                yield _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(ifs=[_, *_]):
            yield _with(node, ifs=[])
        case ast.ExceptHandler(type=ast.Tuple(elts=caught)):
            for one in caught:
                yield _with(node, type=_with(node.type, elts=[other for other in caught if other is not one]))
        case ast.Expr(value=ast.Constant() | ast.Yield()) | ast.Assign(targets=[ast.Name() | ast.Tuple()]):
            pass  # a docstring; a name without which any test fails
        case ast.Expr() | ast.Assign() | ast.AugAssign() | ast.Raise() | ast.Delete() | ast.Continue() | ast.Break():
            yield ast.copy_location(ast.Pass(), node)


def _with(node: Any, **changed: Any) -> Any:
    return ast.copy_location(type(node)(**dict(ast.iter_fields(node)) | changed), node)


@contextmanager
def environment_of(stores: str) -> Iterator[dict[str, str]]:
    """Start the servers of the stores, and yield the variables with which the tests use them."""
    # Imported here: what the processes of the tests have imported before is not changed any more.
    from tests.servers import dynamodb, postgres, running

    servers: dict[str, Callable[[Path], running.Shared]] = {
        "postgres": postgres.start_shared,
        "dynamodb": partial(dynamodb.start_shared, for_hours=True),
    }
    started = {name: servers[name] for name in servers.keys() & {*stores.split(",")}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the user of PostgreSQL reads its programs there
        try:
            urls = {name: running.shared(folder, name, partial(start, folder)).url for name, start in started.items()}
            yield {"ORDERKEEP_TEST_STORES": stores} | {f"ORDERKEEP_TEST_{name.upper()}": urls[name] for name in urls}
        finally:
            running.stop_all(folder)


def record(
    patterns: Sequence[str], files: Iterable[Path], root: Path = CHECKOUT, variables: Mapping[str, str] = {}
) -> Record | None:
    """Run the tests of the files that match, and return what they execute of these modules; None if one fails."""
    found = [file.relative_to(root) for pattern in patterns for file in sorted(root.glob(pattern)) or [root / pattern]]
    with tempfile.TemporaryDirectory() as scratch:
        seconds = dict.fromkeys(map(str, found), 600.0)
        if _passes((None, seconds, root, scratch, variables, [*files])):
            recorded: Record = pickle.loads(Path(scratch, "record").read_bytes())
            return recorded
    return None


def passes(
    mutant: Mutant, tests: Mapping[str, float], root: Path = CHECKOUT, variables: Mapping[str, str] = {}
) -> bool:
    """Run the tests in a process of its own until one fails, and return whether all passed, in a similar time."""
    with tempfile.TemporaryDirectory() as scratch:
        return not tests or _passes((mutant, tests, root, scratch, variables, []))


_Run = tuple[Mutant | None, Mapping[str, float], Path, str, Mapping[str, str], list[Path]]


def _passes(run: _Run) -> bool:
    _, tests, _, scratch, *_ = run
    Path(scratch).chmod(0o755)  # a test gives up the rights of root
    process = _PROCESSES.Process(target=_run, args=run)
    process.start()
    process.join(4 * _seconds_of(tests.values()))
    if process.is_alive() and process.pid:
        os.kill(process.pid, signal.SIGINT)  # it stops the servers that it started
        process.join(30)
    if process.pid:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode == 0


def _seconds_of(tests: Iterable[float]) -> int:
    return round(SECONDS_TO_START + sum(tests))


class _TimeLimit:
    """A plugin of pytest that ends the process if a test hangs."""

    def __init__(self, tests: Mapping[str, float]) -> None:
        self._tests = tests

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        seconds = 10 * self._tests.get(name_of(item), 60.0)
        faulthandler.dump_traceback_later(_seconds_of([seconds]), exit=True)
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()


def _run(
    mutant: Mutant | None,
    tests: Mapping[str, float],
    root: Path,
    scratch: str,
    variables: Mapping[str, str],
    recorded: list[Path],
) -> None:
    os.setsid()
    seconds = _seconds_of(tests.values())
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 10))
    signal.signal(signal.SIGXCPU, signal.default_int_handler)
    for descriptor in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    os.chdir(root)
    os.environ |= {"TMPDIR": scratch, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables}
    if mutant is not None:
        tree = _Changer(mutant.number).visit(ast.parse(mutant.file.read_bytes()))
        changed = marshal.dumps(compile(ast.fix_missing_locations(tree), mutant.file, "exec"))
        imports = _IMPORTS.format(module=mutant.module, code=changed)
        exec(imports, {})
        site = Path(scratch, "site", "sitecustomize.py")
        site.parent.mkdir()
        site.write_text(imports, encoding="utf-8")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(site.parent), os.environ.get("PYTHONPATH"))))
    settings.register_profile(
        "mutants", deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    options = f"-x -q -p no:cacheprovider -p {' -p '.join(_PLUGINS)} --hypothesis-profile=mutants"
    options += f" --basetemp={scratch}/tests -W ignore::pytest.PytestAssertRewriteWarning"
    recorder = Recorder(recorded) if recorded else None
    if pytest.main([*options.split(), *tests], [recorder or _TimeLimit(tests)]) != 0:
        os._exit(1)
    if recorder:
        Path(scratch, "record").write_bytes(pickle.dumps(recorder.record()))
    os._exit(0)


def main() -> None:
    """Read the command line, test the mutants, print the survivors and the score."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("--module", default="", help="one file or folder of src/orderkeep, such as domain")
    parser.add_argument("--sample", type=int, default=sys.maxsize, help="mutants of each part, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--results", type=Path, help="file of results: mutants that it contains are not tested again")
    given = parser.parse_args()
    _PROCESSES.set_forkserver_preload(["pytest", "hypothesis", "msgspec", "coverage", *_PLUGINS])
    for part, tests in TESTS.items():
        files = [file for file in [SOURCE / part, *sorted(SOURCE.glob(f"{part}/**/*.py"))] if file.is_file()]
        wanted = [file for file in files if file.relative_to(SOURCE).as_posix().startswith(given.module)]
        found = [mutant for file in wanted for mutant in mutants_of(file)]
        drawn = sorted(random.Random(given.seed).sample(found, min(given.sample, len(found))))
        if drawn:
            with environment_of(STORES.get(part, _NO_SERVER)) as variables:
                recorded = record(tests, wanted, variables=variables)
                if recorded is None:
                    sys.exit(f"{part}: the tests fail without a change: run pytest {' '.join(tests)}")
                report(part, drawn, partial(_survives, recorded, variables), given.results)


def _survives(recorded: Record, variables: Mapping[str, str], mutant: Mutant) -> bool:
    tests = recorded.tests_of(str(mutant.file), mutant.lines)
    return passes(mutant, tests, variables=variables)


def report(part: str, mutants: Sequence[Mutant], run: Callable[[Mutant], bool], results: Path | None) -> None:
    """Test the mutants, print the survivors and the score."""
    known, score = dict[str, str](), Counter[tuple[str, bool]]()
    if results and results.exists():
        known = {
            mutant: result for result, _, mutant in (line.partition(" ") for line in results.read_text().split("\n"))
        }

    def survives(mutant: Mutant) -> bool:
        name = f"{mutant.number} {mutant.change.removeprefix(f'{CHECKOUT}/')}"
        if name not in known:
            known[name] = "survived" if run(mutant) else "killed"
            if results:
                with results.open("a") as file:
                    file.write(f"{known[name]} {name}\n")
        return known[name] == "survived"

    with ThreadPoolExecutor(2) as pool:
        for mutant, survived in zip(mutants, pool.map(survives, mutants), strict=True):
            print(f"{mutant.change}\n".removeprefix(f"{CHECKOUT}/") * survived, end="", flush=True)
            for counted in {part, mutant.file.relative_to(SOURCE).as_posix()}:
                score[counted, survived] += 1
    for counted in sorted({name for name, _ in score}, reverse=True):
        killed, total = score[counted, False], score[counted, False] + score[counted, True]
        print(f"{counted}: {killed} of {total} mutants killed, {killed / total:.1%}", flush=True)


if __name__ == "__main__":
    main()
