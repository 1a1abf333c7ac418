"""Builds our own clients once for all processes of a test run, and runs programs with them."""

import sys
from pathlib import Path

import pytest

from tests.conftest import find_node, shared_folder
from tests.servers.running import alone
from tools import clients


def built_clients(config: pytest.Config, factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the clients, `python` and `typescript`, as `make clients` builds them."""
    folder = shared_folder(config, factory) / "clients"
    folder.mkdir(exist_ok=True)
    with alone(folder / "lock"):
        if not (folder / "is_built").exists():
            document = clients.document()
            clients.python_client(document, folder)
            clients.typescript_client(document, folder)
            (folder / "is_built").touch()
    return folder


def command_of(language: str, built: Path, folder: Path, program: Path) -> list[str]:
    """Return the command that runs a program with the client of its language."""
    if language == "python":
        return ["env", f"PYTHONPATH={built / 'python' / 'src'}", sys.executable, str(program)]
    install_typescript(built, folder)
    copy = folder / program.name
    copy.write_bytes(program.read_bytes())
    return [find_node() or "node", "--no-warnings", str(copy)]


def install_typescript(built: Path, folder: Path) -> None:
    """Make the TypeScript client and the types of Node.js available to the programs in a folder."""
    modules = folder / "node_modules"
    modules.mkdir(parents=True, exist_ok=True)
    for name, target in {
        "orderkeep-client": built / "typescript",
        "@types": clients.MODULES / "@types",
        "undici-types": clients.MODULES / "undici-types",
    }.items():
        if not (modules / name).exists():
            (modules / name).symlink_to(target)
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
