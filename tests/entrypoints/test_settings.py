"""The settings of all entrypoints: what is normalized, what is rejected, and what `make serve` installs for them."""

import os
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from orderkeep.config import Settings
from tests.conftest import CHECKOUT


@pytest.mark.parametrize(
    "given, used",
    [
        ("", ""),
        ("/", ""),
        ("/shop", "/shop"),
        ("shop", "/shop"),
        ("/shop/", "/shop"),
        ("a/b/", "/a/b"),
        ("/a/b:c", "/a/b:c"),
    ],
)
def test_root_path_is_normalized(given: str, used: str) -> None:
    assert Settings(root_path=given).root_path == used


@pytest.mark.parametrize(
    "path", ["https://shop.example", "//shop.example", "/a//b", "/shop?a=b", "/shop#a", "/a b", "/a\nb"]
)
def test_root_path_that_is_no_path_is_rejected(path: str) -> None:
    with pytest.raises(ValidationError, match="must be a path such as /shop"):
        Settings(root_path=path)


@pytest.mark.parametrize("name", ["INFO", "Info", "info"])
def test_log_level_and_format_are_case_insensitive(name: str) -> None:
    settings = Settings(log_level=name, log_format="JSON")
    assert (settings.log_level, settings.log_format) == ("info", "json")


@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if field.default != ""])
def test_empty_variable_is_rejected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ORDERKEEP_{name.upper()}", "")
    with pytest.raises(ValidationError, match="is set but empty: set it to a value, or unset it"):
        Settings()


@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if field.default == ""])
def test_empty_variable_is_accepted_if_it_is_the_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ORDERKEEP_{name.upper()}", "")
    assert getattr(Settings(), name) == ""


@pytest.mark.parametrize(
    "variables, is_installed",
    [
        ({}, False),
        ({"ORDERKEEP_STORE": "sqlite:///orders.db"}, False),
        ({"ORDERKEEP_STORE": "postgresql://db/orders"}, True),
        ({"ORDERKEEP_STORE": "dynamodb://orders"}, True),
        ({"ORDERKEEP_STORE": "postgresql://db/orders", "STORE": "memory://"}, False),
        ({"ORDERKEEP_STORE_FILE": "{file}"}, True),
        ({"ORDERKEEP_DOCUMENTS": "s3://shop"}, True),
        ({"ORDERKEEP_AUTH": "keys,jwt"}, True),
        ({"ORDERKEEP_AUTH": "keys"}, False),
    ],
)
def test_make_serve_installs_the_driver_that_the_environment_requires(
    variables: dict[str, str], is_installed: bool, tmp_path: Path
) -> None:
    file = tmp_path / "store"
    file.write_text("postgresql://db/orders\n")
    names = ("ORDERKEEP_", "STORE", "MAKE", "MFLAGS")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    environment = clean | {name: value.format(file=file) for name, value in variables.items()}
    command = ["make", "--dry-run", "--what-if", "requirements/stores.txt", "serve"]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True)
    assert ("-r requirements/stores.txt" in done.stdout) is is_installed
    assert "serve --host" in done.stdout
