"""Each combination of parts is a service that passes its own checks, also after a use case is added, and in which
nothing is left of the template and of this service.

Four combinations are run by default; `make new-matrix` runs all.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TOLD
from tests.new_service.generated import BIN, created, make, run

ALL = (
    "memory,sqlite,postgres,dynamodb,http,cli,lambda,console",
    "memory,sqlite,postgres,http,cli,lambda,console,webhooks",
)
"""All parts that can be chosen together: webhooks need an outbox, which the DynamoDB store does not have."""

ALWAYS = ("memory,sqlite,http,cli", "memory,cli", "postgres,http,console,webhooks", "dynamodb,lambda")
ON_DEMAND = (
    "memory,http",
    "memory,http,cli",
    "memory,lambda",
    "sqlite,lambda",
    "dynamodb,http",
    "sqlite,cli",
    "sqlite,http,cli",
    "memory,sqlite,cli",
    "memory,sqlite,http",
    "sqlite,http",
    "postgres,http",
    "postgres,cli",
    "memory,sqlite,postgres,http,cli",
    "memory,http,console",
    "memory,http,webhooks",
    "sqlite,cli,webhooks",
    "sqlite,http,webhooks",
    "postgres,lambda,webhooks",
    *ALL,
)
"""Each store alone, each entrypoint alone, each addition alone, and several of each."""

RUNS_ALL = os.environ.get("ORDERKEEP_TEST_SERVICES") == "all"

LEFTOVERS = re.compile(r"orderkeep|\borders?\b(?! by| of)|sample|# with:|# end$", re.IGNORECASE)


@pytest.mark.parametrize("parts", [*ALWAYS, *(ON_DEMAND if RUNS_ALL else ())])
def test_service_passes_its_own_checks(
    tmp_path: Path, parts: str, record_property: Callable[[str, object], None], request: pytest.FixtureRequest
) -> None:
    folder, variables = created(tmp_path, parts), dict[str, str]()
    if "dynamodb" in parts:
        variables["SHOP_TEST_DYNAMODB"] = request.getfixturevalue("dynamodb").endpoint
    started = time.monotonic()
    make(folder, "test", **variables)
    record_property(TOLD, f"make test of a service with {parts}: {time.monotonic() - started:.0f} s")
    make(folder, "add-use-case", "NAME=hold")
    make(folder, "add-use-case", "NAME=mark_ready", "FROM=held,pending", "TO=ready")
    make(folder, "check", **variables)


def test_date_of_a_run_decides_no_test_of_a_service(tmp_path: Path) -> None:
    """The clock is set to 1971, and commands reject ages: a test that mixes it with fixed dates fails."""
    folder = created(tmp_path, "memory,sqlite,http,cli,console,webhooks")
    make(folder, "add-use-case", "NAME=hold")
    rule = 'if not 0 <= (at - self.created_at).days <= 90:\n            raise REJECTIONS[command](self.status, "age")'
    change = "follower = LIFECYCLE.get((self.status, command))"
    for name, old, new in (
        ("domain/entities.py", change, f"{rule}\n        {change}"),
        ("application/ports.py", "datetime.now(UTC)", "datetime.now(UTC).replace(year=1971, day=1)"),
    ):
        path = folder / "src" / "shop" / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new))
    make(folder, "unit")


@pytest.mark.parametrize("parts", [*ALWAYS, *ON_DEMAND])
def test_nothing_is_left_of_the_template(tmp_path: Path, parts: str) -> None:
    folder = created(tmp_path, parts)
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = {str(path.relative_to(folder)): path.read_text("utf-8") for path in files}
    found = {
        name: line for name, text in texts.items() for line in (name, *text.splitlines()) if LEFTOVERS.search(line)
    }
    assert found == {}


def test_leftovers_are_found() -> None:
    for line in ("import orderkeep", "the order", "SampleItem", "x = 1  # with: http", "# end"):
        assert LEFTOVERS.search(line)


def test_a_part_that_is_not_chosen_is_not_mentioned(tmp_path: Path) -> None:
    folder = created(tmp_path, "memory,cli")
    text = "".join(path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()).lower()
    assert [
        word
        for word in ("sqlite", "fastapi", "uvicorn", "httpx", "make serve", "etag", "lambda_", "aws")
        if word in text
    ] == []


def test_an_addition_that_is_not_chosen_is_not_mentioned(tmp_path: Path) -> None:
    folder = created(tmp_path, "memory,sqlite,postgres,http,cli")
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "requirements"]
    text = "".join(f"{path}\n{path.read_text('utf-8')}" for path in files).lower()
    assert [word for word in ("jinja", "/console", "html", "webhook", "outbox", "relay") if word in text] == []


def test_service_has_few_files_and_lines(tmp_path: Path) -> None:
    source = created(tmp_path, "memory,sqlite,http,cli") / "src"
    files = [path for path in source.rglob("*") if path.is_file()]
    assert len(files) <= 45
    assert sum(len(path.read_text("utf-8").splitlines()) for path in files) <= 3_000


@pytest.mark.parametrize("parts", ALL)
@pytest.mark.parametrize(
    "name, entity",
    [
        ("cab", "ham"),
        ("back_office_desk", "room_reservation"),
        ("zoo", "apple"),  # sorted after `tests`, and before the other names of the code
        ("bookings", "booking"),
    ],
)
def test_code_is_formatted_and_sorted_with_any_names(tmp_path: Path, parts: str, name: str, entity: str) -> None:
    folder = created(tmp_path, parts, name, entity)
    for command in (["format", "--check", "--diff"], ["check"]):
        done = run(folder, BIN / "ruff", *command, ".")
        assert done.returncode == 0, done.stdout


def test_service_with_an_article_before_a_vowel(tmp_path: Path) -> None:
    folder = created(tmp_path, "memory,cli", entity="appointment")
    text = (folder / "src/shop/entrypoints/cli.py").read_text("utf-8")
    assert "Confirm an appointment." in text
    assert "a appointment" not in text


def test_broken_rule_fails_the_checks_of_a_service(tmp_path: Path) -> None:
    folder = created(tmp_path, "memory,cli")
    entities = folder / "src/shop/domain/entities.py"
    entities.write_text(entities.read_text("utf-8").replace("if follower is None:", "if False:"))
    failed = run(folder, "make", "unit", f"BIN={BIN}")
    assert failed.returncode == 2
    assert "test_cancel_rejects_other_statuses" in failed.stdout


def test_service_runs_over_http_and_on_the_command_line(tmp_path: Path) -> None:
    folder = created(tmp_path, "memory,sqlite,http,cli")
    call = (BIN / "python", "-c", "from shop.entrypoints.cli import main; main()")
    placed = run(folder, *call, "place", "First", "--key", "key")
    assert '"status": "pending"' in placed.stdout
    command = ["make", "serve", f"BIN={BIN}", "PORT=0"]
    server = subprocess.Popen(command, cwd=folder, env={"PATH": os.environ["PATH"]}, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr
        lines = iter(server.stderr.readline, "")
        url = next(found[0] for line in lines if (found := re.search(r"http://[\d.:]+", line)))
        listed = run(folder, BIN / "python", "-c", f"import httpx; print(httpx.get('{url}/bookings').text)")
        assert '"name":"First"' in listed.stdout
    finally:
        server.terminate()
        server.communicate(timeout=30)  # until the last process that has this pipe ends: make, and the server too
