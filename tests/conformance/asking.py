"""Send a service all that its OpenAPI document allows, and what it does not, and report the outcome."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orderkeep.application.access.actor import Scope
from tests.servers.running import free_port, in_the_background, stop_process

CHECKOUT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS_TO_START = 60.0


@dataclass(frozen=True)
class Report:
    """How many requests were made, and what was found: what it is called, in which operations; and all that was
    printed. `complete`: every operation was asked, in every phase.
    """

    cases: int
    seconds: float
    complete: bool
    found: dict[str, list[str]]
    output: str


@dataclass(frozen=True)
class Service:
    """Where it is to be had, and an API key for all that may be done there; "" where it asks for none."""

    url: str
    key: str


@contextmanager
def serving(
    store: str, folder: Path, path: str = str(CHECKOUT / "src"), *, asks_for_a_key: bool = False
) -> Iterator[Service]:
    """Serve that store in a process of its own, which runs the code at `path`."""
    port = free_port()
    settings = {"STORE": store, "DOCUMENTS": "memory://", "RATE_LIMIT": 0, "RATE_LIMIT_PER_ADDRESS": 0, "RELAY": "off"}
    settings |= {"AUTH": "keys"} if asks_for_a_key else {}
    assigned = [f"PYTHONPATH={path}", *(f"ORDERKEEP_{name}={value}" for name, value in settings.items())]
    command = ["env", *assigned, sys.executable, "-m", "orderkeep"]
    key = ""
    if asks_for_a_key:
        scopes = [option for scope in Scope for option in ("--scope", scope)]
        if store.startswith(("sqlite", "postgresql")):
            subprocess.run([*command, "migrate"], check=True, capture_output=True)
        created = [*command, "keys", "create", "--name", "conformance", *scopes]
        key = subprocess.run(created, check=True, capture_output=True, text=True).stdout.strip()
    pid = in_the_background([*command, "serve", "--port", str(port)], folder / "log", port, SECONDS_TO_START)
    try:
        yield Service(f"http://127.0.0.1:{port}", key)
    finally:
        stop_process(pid, signal.SIGTERM)


def ask(service: Service, folder: Path, examples: int, options: Sequence[str] = (), *, seed: int = 1) -> Report:
    """Run Schemathesis with all of its phases and checks: `examples` of each operation, and of ways through them."""
    written = folder / "report.json"
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{service.url}/openapi.json",
        "--checks", "all", "--max-examples", str(examples), "--seed", str(seed), "--no-color",
        "--report", "json", "--report-json-path", str(written), *options,
        *(["--header", f"Authorization: Bearer {service.key}"] if service.key else []),
    ]  # fmt: skip
    asked = subprocess.run(
        command, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    if not written.exists():
        raise RuntimeError(f"Schemathesis did not run:\n{asked.stdout}")
    told = json.loads(written.read_text(encoding="utf-8"))
    found = {failure["title"]: failure["operations"] for failure in told["failures"]}
    if told["errors"] or (asked.returncode and not found):
        found["errors"] = [str(error) for error in told["errors"]]
    tested = told["operations"]["tested"] == told["operations"]["total"] > 0
    phases = all(phase["skip_reason"] is None for phase in told["phases"].values())
    complete = told["complete"] and tested and phases
    return Report(told["test_cases"]["generated"], told["running_time"], complete, found, asked.stdout)
