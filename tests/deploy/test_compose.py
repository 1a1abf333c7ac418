"""deploy/compose.yaml is valid, careful, and says what the service understands: its steps are run on PostgreSQL."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from orderkeep.config import Settings
from orderkeep.entrypoints.cli.session import STORE_FILE
from tests.conftest import CHECKOUT
from tests.deploy import trees
from tests.deploy.container import Container
from tests.deploy.hardening import findings
from tests.deploy.manifests import SECONDS_TO_END, SPARE_SECONDS
from tests.entrypoints.http_calls import PLAIN

FILE = CHECKOUT / "deploy" / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICE, MIGRATE, POSTGRES = (COMPOSE["services"][name] for name in ("orderkeep", "migrate", "postgres"))
HOW_TO = CHECKOUT / "docs" / "how-to" / "deploy" / "containers.md"


def test_what_the_compose_specification_does_not_know_is_found_and_nothing_else(tmp_path: Path) -> None:
    """In the file itself, and in one with a planted fault: one process, it starts slowly."""
    planted = tmp_path / "planted.yaml"
    planted.write_text(FILE.read_text(encoding="utf-8").replace("read_only:", "readonly:"))
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.compose-spec"]

    validated = subprocess.run([*command, FILE, planted], capture_output=True, text=True, check=False)

    assert "'readonly' was unexpected" in validated.stdout
    assert str(planted) in validated.stdout
    assert str(FILE) not in validated.stdout, validated.stdout


def test_nothing_in_it_is_careless() -> None:
    assert findings(COMPOSE) == []


@pytest.mark.parametrize(
    "service, planted, found",
    [
        ("orderkeep", {"ports": ["8000:8000"]}, "orderkeep: 8000:8000 is open to others"),
        ("orderkeep", {"read_only": False}, "orderkeep: its root can be written"),
        ("orderkeep", {"cap_drop": []}, "orderkeep: it keeps capabilities"),
        ("orderkeep", {"environment": {}}, "orderkeep: nobody need show who they are"),
        ("migrate", {"security_opt": []}, "migrate: it may gain privileges"),
        ("migrate", {"image": "orderkeep:0.0.9"}, "migrate: its image is orderkeep:0.0.9, and this is "),
        ("migrate", {"secrets": []}, "migrate: ORDERKEEP_STORE_FILE is no secret of its own"),
        ("postgres", {"image": "postgres:latest"}, "postgres: its image has no version"),
        ("postgres", {"privileged": True}, "postgres: it is as good as root"),
        ("postgres", {"secrets": ["elsewhere"]}, "postgres: nobody says where elsewhere is"),
        ("postgres", {"environment": {"POSTGRES_PASSWORD": "a"}}, "postgres: POSTGRES_PASSWORD is a secret, and no"),
        (
            "orderkeep",
            {"environment": {"ORDERKEEP_STORE": "postgresql://a:b@c/d"}},
            "orderkeep: ORDERKEEP_STORE is a secret, and no file",
        ),
    ],
)
def test_what_is_careless_is_found(service: str, planted: dict[str, Any], found: str) -> None:
    compose = copy.deepcopy(COMPOSE)
    compose["services"][service] |= planted
    assert any(said.startswith(found) for said in findings(compose))


def test_the_service_has_time_to_finish_what_is_under_way() -> None:
    grace = int(SERVICE["stop_grace_period"].removesuffix("s"))
    settings = Settings(**_settings(SERVICE))
    assert settings.drain_seconds + settings.shutdown_seconds < SECONDS_TO_END
    assert grace >= SECONDS_TO_END + SPARE_SECONDS


@pytest.mark.parametrize("service", [SERVICE, MIGRATE], ids=["orderkeep", "migrate"])
def test_every_variable_is_one_that_the_service_knows(service: dict[str, Any]) -> None:
    assert set(_settings(service)) <= set(Settings.model_fields)
    assert all(isinstance(value, str) for value in service["environment"].values())


def _settings(service: dict[str, Any]) -> dict[str, Any]:
    variables = {name: value for name, value in service["environment"].items() if name != STORE_FILE}
    return {name.removeprefix("ORDERKEEP_").lower(): value for name, value in variables.items()}


def test_the_secret_that_the_page_makes_is_for_the_database_of_the_file() -> None:
    page = HOW_TO.read_text(encoding="utf-8")
    [url] = set(re.findall(r"postgresql://orderkeep:\*\*\*@\S+", page))
    parts = urlsplit(url)
    assert (parts.username, parts.hostname, parts.port) == (POSTGRES["environment"]["POSTGRES_USER"], "postgres", 5432)
    assert parts.path == f"/{POSTGRES['environment']['POSTGRES_DB']}"


def test_the_steps_of_the_file_work_on_postgres(postgres_url: str, container: Container) -> None:
    container.image.environment |= SERVICE["environment"]
    secret = trees.at(container.image.root, SERVICE["environment"][STORE_FILE])
    container.mount(secret, postgres_url)
    container.start([word.replace("/readyz", "/livez") for word in container.image.health])
    assert container.health().returncode == 1  # nobody has made the tables
    assert container.stop(30) == 0

    migrated = container.run(*MIGRATE["command"])
    assert (migrated.returncode, migrated.stdout) == (0, "before\t0\nafter\t5\n")
    container.start()
    with httpx.Client(base_url=container.url, headers=container.shown()) as client:
        assert client.post("/orders", json=PLAIN).status_code == 201
    assert container.stop(30) == 0
    assert container.written() == []
