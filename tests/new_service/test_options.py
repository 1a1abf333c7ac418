"""Invalid names, parts and folders are rejected with the option and the rule, and nothing is written."""

from pathlib import Path

import pytest

from orderkeep.entrypoints.new_service import InvalidOption, Service, create_service, plural_of
from tests.entrypoints.cli_calls import Cli

VALID = Service("shop", "booking", "bookings", ("memory", "http"))


@pytest.mark.parametrize(
    "option, message, options",
    [
        ("--name", "Shop is not valid: it must be at most 16 lower-case letters", {"name": "Shop"}),
        ("--name", "an empty name is not valid", {"name": ""}),
        ("--name", "shop__a is not valid", {"name": "shop__a"}),
        ("--name", "../shop is not valid", {"name": "../shop"}),
        ("--name", "a_name_of_17_abcd is not valid", {"name": "a_name_of_17_abcd"}),
        ("--name", "class is a keyword of Python", {"name": "class"}),
        ("--name", "wave is an installed Python module", {"name": "wave"}),
        ("--name", "click is a name in the code of the service", {"name": "click"}),
        ("--name", "jinja2 is an installed Python module", {"name": "jinja2"}),
        ("--name", "tests is a name in the code of the service", {"name": "tests"}),
        ("--entity", "1st is not valid", {"entity": "1st"}),
        ("--entity", "lambda is a keyword of Python", {"entity": "lambda"}),
        ("--entity", "none is a keyword of Python", {"entity": "none"}),
        ("--entity", "list is a name in the code of the service", {"entity": "list"}),
        ("--entity", "Command is a name in the code of the service", {"entity": "command"}),
        ("--plural", "models is a name in the code of the service", {"entity": "model", "plural": "models"}),
        ("--plural", "must differ from --entity sheep", {"entity": "sheep", "plural": "sheep"}),
        (
            "--with",
            "kafka is not a part: choose from memory, sqlite, postgres, dynamodb, http, cli, lambda, console, webhooks",
            {"parts": ("memory", "kafka", "http")},
        ),
        ("--with", "an empty name is not a part", {"parts": ("memory", "", "http")}),
        ("--with", "names no store: add one or more of memory, sqlite, postgres, dynamodb", {"parts": ("http",)}),
        ("--with", "names no entrypoint: add one or more of http, cli, lambda", {"parts": ("memory",)}),
        ("--with", "names console without http: add http", {"parts": ("sqlite", "cli", "console")}),
        ("--with", "names console without http: add http", {"parts": ("sqlite", "lambda", "console")}),
        (
            "--with",
            "names webhooks, whose relay cannot read the memory of another process: add http, sqlite or postgres",
            {"parts": ("memory", "cli", "webhooks")},
        ),
    ],
)
def test_invalid_option_is_named_with_its_rule(option: str, message: str, options: dict[str, str]) -> None:
    given: dict[str, object] = {"name": "shop", "entity": "booking", "plural": "bookings", "parts": ("memory", "http")}
    with pytest.raises(InvalidOption) as raised:
        Service(**(given | options))  # type: ignore[arg-type]  # each has the type of its field
    assert raised.value.option == option
    assert message in str(raised.value)


def test_store_without_an_outbox_is_rejected_with_webhooks() -> None:
    with pytest.raises(InvalidOption, match=r"^names webhooks and dynamodb, which has no outbox: remove one of them"):
        Service("shop", "booking", "bookings", ("dynamodb", "http", "webhooks"))


@pytest.mark.parametrize(
    "noun, plural",
    [("booking", "bookings"), ("box", "boxes"), ("city", "cities"), ("day", "days"), ("match", "matches")],
)
def test_regular_plural(noun: str, plural: str) -> None:
    assert plural_of(noun) == plural


def test_folder_with_a_file_is_rejected_and_unchanged(tmp_path: Path) -> None:
    target = tmp_path / "shop"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    with pytest.raises(InvalidOption, match="is not empty: choose a new folder"):
        create_service(VALID, target)
    assert [path.name for path in target.iterdir()] == ["notes.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_file_and_missing_parent_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("mine")
    with pytest.raises(InvalidOption, match="is a file"):
        create_service(VALID, tmp_path / "shop")
    with pytest.raises(InvalidOption, match="does not exist: create it first"):
        create_service(VALID, tmp_path / "missing" / "shop")
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = Path.write_text, list[Path]()

    def fail_at_the_tenth(path: Path, *args: str, **options: str) -> int:
        written.append(path)
        if len(written) == 10:
            raise OSError(28, "No space left on device")
        return write(path, *args, **options)

    monkeypatch.setattr(Path, "write_text", fail_at_the_tenth)
    with pytest.raises(OSError, match="No space"):
        create_service(VALID, tmp_path / "shop")
    assert len(written) == 10
    assert list(tmp_path.iterdir()) == []


def test_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    files = create_service(VALID, tmp_path / "shop")
    assert Path("Makefile") in files
    assert (tmp_path / "shop" / "Makefile").is_file()
    assert (tmp_path / "shop" / ".ci" / "run").stat().st_mode & 0o111


def test_command_reports_the_folder_and_what_to_run_next(tmp_path: Path) -> None:
    done = Cli()("new", str(tmp_path / "shop"), "--name", "shop", "--entity", "person", "--plural", "people")
    assert f"folder\t{tmp_path}/shop" in done.stdout
    assert "make add-use-case NAME=hold" in done.stderr
    assert (tmp_path / "shop/src/shop/entrypoints/api/people.py").is_file()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--name", "shop", "--entity", "class"), "Error: --entity: class is a keyword of Python"),
        (("--name", "shop", "--entity", "booking", "--with", "http"), "Error: --with: names no store"),
        (
            (
                "--name",
                "shop",
            ),
            "Missing option '--entity'",
        ),
    ],
)
def test_command_rejects_invalid_usage(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in Cli()("new", str(tmp_path / "shop"), *arguments, code=2).stderr
    assert list(tmp_path.iterdir()) == []
