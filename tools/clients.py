"""Build the clients in Python and TypeScript from the OpenAPI document, in dist/clients.

A client is what is written by hand in clients/, what a generator makes of the document, and a module with all error
codes. What is generated is not committed: it is made of the code, as the document is.
"""

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from orderkeep.bootstrap import bootstrap
from orderkeep.config import Settings
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.api.problems import PROBLEMS, status_of
from tools.locks import CHECKOUT

SOURCES, DIST = CHECKOUT / "clients", CHECKOUT / "dist" / "clients"
MODULES = CHECKOUT / "tools" / "client-generators" / "node_modules"


class CannotBuild(Exception):
    """A client cannot be built; the message contains the output of the program that failed."""


class ErrorCode(NamedTuple):
    """An error code, with the code of the group that it belongs to, or None."""

    code: str
    status: int
    title: str
    group: str | None


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document of a service with authentication."""
    return create_app(Settings(auth="keys"), bootstrap("memory://")).openapi()


def error_codes() -> list[ErrorCode]:
    """Return all error codes, groups before their members."""
    found = dict[str, ErrorCode]()
    for kind, group in _kinds(OrderkeepError, None):
        found.setdefault(kind.code, ErrorCode(kind.code, int(status_of(kind)), kind.title, group))
    for code, (status, title, _) in PROBLEMS.items():
        found.setdefault(code, ErrorCode(code, status, title, None))
    return [*found.values()]


def _kinds(above: type[OrderkeepError], group: str | None) -> Iterator[tuple[type[OrderkeepError], str | None]]:
    for kind in above.__subclasses__():
        if kind.__module__.startswith(("orderkeep.domain.", "orderkeep.application.")):
            yield kind, None if group == kind.code else group
            yield from _kinds(kind, kind.code)


def class_name(code: str) -> str:
    """Return the name of the class of an error code."""
    return "".join(word.capitalize() for word in code.split("_"))


def python_client(document: dict[str, Any], folder: Path) -> Path:
    """Make the Python client of a document in a folder, and return the folder of its package."""
    made = _copied("python", folder, "templates", "generator.yaml")
    package = made / "src" / "orderkeep_client"
    (folder / "openapi.json").write_text(json.dumps(document), "utf-8")
    generate = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning", "--meta", "none"]
    options = ["--config", str(SOURCES / "python" / "generator.yaml")]
    options += ["--custom-template-path", str(SOURCES / "python" / "templates"), "--output-path"]
    run([*generate, "--path", "openapi.json", *options, str(package / "generated")], folder)
    for name in ("client.py", "errors.py"):
        (package / "generated" / name).unlink()
    (package / "generated" / "problems.py").write_text("\n".join(_python_problems()), "utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    run([*ruff, "check", "--isolated", "--quiet", "--fix-only", "--select", "I,F401,F811", str(package)], folder)
    run([*ruff, "format", "--isolated", "--quiet", "--line-length", "120", str(package)], folder)
    return made / "src"


def _python_problems() -> Iterator[str]:
    yield '"""The errors of the service, one class for each code."""\n'
    yield "from orderkeep_client.errors import ServiceError"
    codes = error_codes()
    for code, status, title, group in codes:
        yield f"\nclass {class_name(code)}({class_name(group) if group else 'ServiceError'}):"
        yield f'    """{title} (HTTP {status})."""\n\n    code = "{code}"\n'
    yield f"__all__ = {tuple(class_name(each.code) for each in codes)!r}\n"


def typescript_client(document: dict[str, Any], folder: Path) -> Path:
    """Make the TypeScript client of a document in a folder, and return the folder of its package."""
    made = _copied("typescript", folder, "openapi-ts.config.mjs")
    (folder / "openapi.json").write_text(json.dumps(document), "utf-8")
    link = folder / "node_modules"
    link.unlink(missing_ok=True)
    link.symlink_to(MODULES)
    config = str(shutil.copy(SOURCES / "typescript" / "openapi-ts.config.mjs", folder))
    generated = made / "src" / "generated"
    run(npm("openapi-ts", "--file", config), folder)
    (generated / "problems.ts").write_text("\n".join(_typescript_problems(document)), "utf-8")
    run(npm("tsc", "--project", str(made)), folder)
    return made


def _typescript_problems(document: dict[str, Any]) -> Iterator[str]:
    yield "/** The code of each error of the service, and its HTTP status. */\nexport const ERROR_STATUS = {"
    yield from (f"  /** {title}. */\n  {code}: {status}," for code, status, title, _ in error_codes())
    yield "} as const;\n"
    yield "/** The operations that take an idempotency key. */\nexport const KEYED: ReadonlySet<string> = new Set(["
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if any(each["name"] == "Idempotency-Key" for each in operation["parameters"]):
                yield f'  "{method.upper()} {path}",'
    yield "]);\n"


def pack(built: Path, folder: Path) -> dict[Path, list[str]]:
    """Make a wheel and an npm package of the built clients in a folder, and return the names of the files in each."""
    uv = str(Path(sys.executable).with_name("uv"))
    options = ["--quiet", "--wheel", "--offline", "--no-config", "--python", sys.executable, "--out-dir", str(folder)]
    run([uv, "build", *options, str(built / "python")], folder)
    npm = shutil.which("npm", path=Path(_node()).parent) or "npm"
    run([npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder)], built / "typescript")
    [wheel], [archive] = folder.glob("*.whl"), folder.glob("*.tgz")
    with zipfile.ZipFile(wheel) as in_wheel, tarfile.open(archive) as in_archive:
        return {wheel: in_wheel.namelist(), archive: in_archive.getnames()}


def _copied(client: str, folder: Path, *not_inside: str) -> Path:
    shutil.rmtree(folder / client, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", *not_inside)
    shutil.copytree(SOURCES / client, folder / client, ignore=ignored)
    shutil.copy(CHECKOUT / "LICENSE", folder / client)
    return folder / client


def npm(program: str, *arguments: str) -> list[str]:
    """Return the command of a program of an npm package."""
    if not MODULES.is_dir():
        raise CannotBuild("the generators are not installed: run make setup")
    return [_node(), str(MODULES / ".bin" / program), *arguments]


def _node() -> str:
    """Return the Node.js that set-up put beside Python because the machine's is too old, or the machine's."""
    return shutil.which("node", path=CHECKOUT / ".venv" / "bin") or shutil.which("node") or "node"


def run(command: list[str], folder: Path) -> str:
    """Run a program in a folder, and return what it printed. Raises `CannotBuild`."""
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise CannotBuild(f"{Path(command[1]).name} failed:\n{ran.stdout}{ran.stderr}")
    return ran.stdout + ran.stderr


def main() -> None:
    """Build both clients and their packages in dist/clients."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True)
    try:
        described = document()
        python_client(described, DIST)
        typescript_client(described, DIST)
        packed = pack(DIST, DIST)
    except CannotBuild as error:
        sys.exit(str(error))
    for file, names in packed.items():
        print(f"{file.relative_to(CHECKOUT)}: {len(names)} files, {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
