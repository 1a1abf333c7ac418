"""The wheel of a release runs outside of the checkout, with the locked packages only."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from tests.conftest import not_here
from tools.locks import CHECKOUT, REQUIREMENTS
from tools.release import release

WHEELS = CHECKOUT / ".venv" / "wheels"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the programs of an environment in which the wheel is installed."""
    if not WHEELS.is_dir():
        not_here("the wheels of the runtime lock are not fetched: run make setup")
    folder = tmp_path_factory.mktemp("clean")
    wheel = release(folder / "dist")[0]
    uv, python = Path(sys.executable).with_name("uv"), folder / "venv" / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--offline", "--no-config", "--python", python]
    locked = ["--no-index", "--find-links", WHEELS, "--require-hashes", "-r", REQUIREMENTS / "runtime.txt"]
    for command in (
        [uv, "venv", "--quiet", "--no-config", "--python", sys.executable, folder / "venv"],
        [*install, *locked],
        [*install, "--no-deps", wheel],
    ):
        subprocess.run([str(part) for part in command], check=True)
    return python.parent


def clean(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "ORDERKEEP_PORT": "0"}


def test_installed_command_prints_its_version(programs: Path, tmp_path: Path) -> None:
    command = [str(programs / "orderkeep"), "--version"]
    told = subprocess.run(command, cwd=tmp_path, env=clean(tmp_path), capture_output=True, text=True, check=True)
    assert told.stdout == f"orderkeep {version('orderkeep')}\n"


@contextmanager
def serving(command: list[Path | str], folder: Path, **variables: str) -> Iterator[httpx.Client]:
    """Yield a client of a server that the command starts in the folder."""
    environment = clean(folder) | variables
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        said = iter(process.stderr.readline, "")
        url = next(found[0] for line in said if (found := re.search(r"http://[\w.:\[\]]+(?=/docs)", line)))
        with httpx.Client(base_url=url, timeout=30) as client:
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_installed_service_serves(programs: Path, tmp_path: Path) -> None:
    with serving([programs / "orderkeep", "serve"], tmp_path) as client:
        placed = client.post("/orders", json={"user_id": "user-42", "total": 9900, "currency": "EUR"})
        assert placed.status_code == 201
        assert client.get("/docs").status_code == 200
    assert (tmp_path / "orders.db").exists()


def test_demo_serves_sample_orders_and_leaves_nothing(programs: Path, tmp_path: Path) -> None:
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    with serving([programs / "orderkeep", "serve", "--demo"], here, TMPDIR=str(temporary)) as client:
        orders = client.get("/orders?limit=200").json()["data"]
        receipt = client.post(f"/orders/{orders[0]['id']}/documents/receipt")
        assert (len(orders), receipt.status_code) == (50, 201)
        assert len({order["status"] for order in orders}) == 6
    assert [*here.iterdir(), *temporary.iterdir()] == []


def test_uvx_runs_the_checkout(tmp_path: Path) -> None:
    if not WHEELS.is_dir():
        not_here("the wheels of the runtime lock are not fetched: run make setup")
    uv = Path(sys.executable).with_name("uv")
    offline: list[Path | str] = ["--quiet", "--offline", "--no-config", "--no-index", "--find-links", WHEELS]
    checkout: list[Path | str] = ["--python", sys.executable, "--from", CHECKOUT]
    with serving([uv, "tool", "run", *offline, *checkout, "orderkeep", "serve", "--demo"], tmp_path) as client:
        assert client.get("/orders").json()["has_more"] is False


def test_no_dependency_is_missing(programs: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    checked = subprocess.run(
        [uv, "pip", "check", "--python", programs / "python"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
