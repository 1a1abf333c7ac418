"""Mutation testing: change one operator, constant, name or statement of a module, run the module's tests, and report
the changes that no test finds. A changed module exists only in the memory of the processes that run the tests and of
those that they start.
"""

import argparse
import ast
import marshal
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings

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
"""The tests of each part of `src/orderkeep`. They run from the first to the last until one fails."""

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
    """The change with this number of a module."""

    module: str
    file: Path
    number: int
    change: str


def mutants_of(file: Path, root: Path = SOURCE.parent) -> list[Mutant]:
    """Return all mutants of a module, whose name is its path below the root."""
    changer = _Changer()
    changer.visit(ast.parse(file.read_bytes()))
    module = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    return [Mutant(module, file, number, f"{file}:{change}") for number, change in enumerate(changer.found)]


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

    servers = {"postgres": postgres.start_shared, "dynamodb": dynamodb.start_shared}
    started = {name: servers[name] for name in servers.keys() & {*stores.split(",")}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the user of PostgreSQL reads its programs there
        try:
            urls = {name: running.shared(folder, name, partial(start, folder)).url for name, start in started.items()}
            yield {"ORDERKEEP_TEST_STORES": stores} | {f"ORDERKEEP_TEST_{name.upper()}": urls[name] for name in urls}
        finally:
            running.stop_all(folder)


def passes(
    mutant: Mutant | None,
    tests: Sequence[str],
    root: Path = CHECKOUT,
    *,
    seconds: float = 3600,
    variables: Mapping[str, str] = {},
) -> bool:
    """Run the tests in a process of its own, and return whether all passed within that CPU time."""
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)  # a test gives up the rights of root
        process = _PROCESSES.Process(target=_run, args=(mutant, tests, root, scratch, round(seconds), variables))
        process.start()
        process.join(4 * seconds)
        if process.is_alive() and process.pid:
            os.kill(process.pid, signal.SIGINT)  # it stops the servers that it started
            process.join(30)
        if process.pid:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.join()
    return process.exitcode == 0


def _run(
    mutant: Mutant | None,
    tests: Sequence[str],
    root: Path,
    scratch: str,
    seconds: int,
    variables: Mapping[str, str],
) -> None:
    os.setsid()
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
    options += f" -o faulthandler_timeout={seconds} -o faulthandler_exit_on_timeout=true"  # of one test, which hangs
    for pattern in tests:
        files = sorted(map(str, root.glob(pattern)))
        if not files or pytest.main([*options.split(), *files]) != 0:
            os._exit(1)
    os._exit(0)


def main() -> None:
    """Read the command line, test the mutants, print the survivors and the score."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("--module", default="", help="one file or folder of src/orderkeep, such as domain")
    parser.add_argument("--sample", type=int, default=sys.maxsize, help="mutants of each part, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    given = parser.parse_args()
    _PROCESSES.set_forkserver_preload(["pytest", "hypothesis", "msgspec", *_PLUGINS])
    for part, tests in TESTS.items():
        files = [file for file in [SOURCE / part, *sorted(SOURCE.glob(f"{part}/**/*.py"))] if file.is_file()]
        wanted = [file for file in files if file.relative_to(SOURCE).as_posix().startswith(given.module)]
        found = [mutant for file in wanted for mutant in mutants_of(file)]
        drawn = random.Random(given.seed).sample(found, min(given.sample, len(found)))
        if drawn:
            with environment_of(STORES.get(part, _NO_SERVER)) as variables:
                _report(part, sorted(drawn), partial(passes, tests=tests, variables=variables))


def _report(part: str, mutants: Sequence[Mutant], run: Callable[..., bool]) -> None:
    began, score = time.monotonic(), Counter[tuple[str, bool]]()
    if not run(None):
        sys.exit(f"{part}: the tests fail without a change: run pytest {' '.join(TESTS[part])}")
    run = partial(run, seconds=10 + time.monotonic() - began)
    with ThreadPoolExecutor(2) as pool:
        for mutant, survived in zip(mutants, pool.map(run, mutants), strict=True):
            print(f"{mutant.change}\n".removeprefix(f"{CHECKOUT}/") * survived, end="", flush=True)
            for counted in {part, mutant.file.relative_to(SOURCE).as_posix()}:
                score[counted, survived] += 1
    for counted in sorted({name for name, _ in score}, reverse=True):
        killed, total = score[counted, False], score[counted, False] + score[counted, True]
        print(f"{counted}: {killed} of {total} mutants killed, {killed / total:.1%}", flush=True)


if __name__ == "__main__":
    main()
