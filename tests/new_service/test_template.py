"""The template is kept small in marks, and its requirements are those of this service."""

import re
from pathlib import Path

import pytest

from orderkeep.entrypoints.new_service import TEMPLATE, Service, files_of
from tools.locks import REQUIREMENTS, read_lock

MARKED = {
    "src/sample_service/bootstrap.py",
    "src/sample_service/config.py",
    "src/sample_service/entrypoints/api/app.py",
    "src/sample_service/infrastructure/memory_repo.py",
    "src/sample_service/infrastructure/postgres_repo.py",
    "src/sample_service/infrastructure/sqlite_repo/repository.py",
    "tests/architecture/test_import_contracts.py",
    "tests/conftest.py",
    "tests/contract/test_memory_store.py",
    "tests/contract/test_postgres_store.py",
    "tests/contract/test_sqlite_store.py",
    "tests/test_bootstrap.py",
    "tools/add_use_case.py",
}
"""The Python files in which lines belong to a part: where parts are registered, and the stores, whose
`save` writes to the outbox.
"""


def test_only_registrations_and_stores_are_marked() -> None:
    paths = [path for path in TEMPLATE.rglob("*.py") if "# with: " in path.read_text("utf-8")]
    assert {path.relative_to(TEMPLATE).as_posix() for path in paths} == MARKED


@pytest.mark.parametrize("lock", sorted((TEMPLATE / "requirements").glob("*.txt")), ids=lambda lock: lock.stem)
def test_requirements_are_those_of_this_service(lock: Path) -> None:
    locks = [read_lock((REQUIREMENTS / name).read_text("utf-8")) for name in ("dev.txt", "java.txt", "node.txt")]
    ours = {package.name: package.version for each in locks for package in each}
    theirs = {package.name: package.version for package in read_lock(lock.read_text("utf-8"))}
    assert len(theirs) > 10
    assert {name: version for name, version in theirs.items() if ours.get(name, version) != version} == {}
    assert theirs.keys() - ours.keys() <= {"flit-core"}


def test_requirements_of_a_part_that_is_not_chosen_are_left_out() -> None:
    with_http, with_cli = (
        dict(files_of(Service("shop", "booking", "bookings", parts)))["requirements/runtime.txt"]
        for parts in (("memory", "http"), ("memory", "cli"))
    )
    pins = [set(re.findall(r"(?m)^([a-z0-9_-]+)==", text)) for text in (with_http, with_cli)]
    assert {"fastapi", "starlette", "uvicorn"} <= pins[0] - pins[1]
    assert pins[1] - pins[0] == set()
    assert {"click", "pydantic", "pydantic-core", "pydantic-settings"} <= pins[1]
    assert "asyncpg" not in pins[0]
