"""The console can be removed: without its folder and the lines that mount it, the service works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx

from tools.locks import CHECKOUT

PACKAGE = CHECKOUT / "src" / "orderkeep"
MOUNTED_BY = "mount_console"


def without_console(folder: Path) -> Path:
    """Return a copy of the package without the console."""
    copy = folder / "orderkeep"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "console"))
    server = copy / "entrypoints" / "api" / "server.py"
    lines = server.read_text("utf-8").splitlines(keepends=True)
    server.write_text("".join(line for line in lines if MOUNTED_BY not in line), encoding="utf-8")
    return copy


def test_nothing_else_refers_to_the_console() -> None:
    others = {"console", "template"}
    files = [path for path in PACKAGE.rglob("*.py") if not others & set(path.relative_to(PACKAGE).parts)]
    using = {path.name: path.read_text("utf-8").count(MOUNTED_BY) for path in files}
    assert {name: count for name, count in using.items() if count} == {"server.py": 2}
    assert [path.name for path in files if "entrypoints.console" in path.read_text("utf-8")] == ["server.py"]


def test_service_works_without_the_console(tmp_path: Path) -> None:
    without_console(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "ORDERKEEP_PORT": "0", "ORDERKEEP_STORE": "memory://"}
    code = "import orderkeep, sys; print(orderkeep.__file__, file=sys.stderr, flush=True); "
    code += "from orderkeep.__main__ import main; sys.argv[1:] = ['serve']; main()"
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        lines = iter(process.stderr.readline, "")
        assert next(lines).startswith(str(tmp_path))
        url = next(found[0] for line in lines if (found := re.search(r"http://[\w.:\[\]]+(?=/docs)", line)))
        with httpx.Client(base_url=url, timeout=60) as client:
            assert client.get("/").headers["location"] == "/docs"
            order = {"user_id": "anna", "total": 9_900, "currency": "EUR"}
            assert client.post("/orders", json=order).status_code == 201
            assert client.get("/console/orders/1").status_code == 404
    finally:
        process.terminate()
        process.communicate(timeout=30)
