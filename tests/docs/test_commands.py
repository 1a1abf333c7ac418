"""Every command that a page shows is run, and prints what the page shows."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from orderkeep.entrypoints.new_service import TEMPLATE
from tests.clients.building import built_clients, install_typescript
from tests.conftest import not_here
from tests.docs.console import Command, commands_of
from tests.docs.pages import CHECKOUT, PAGES, Block, blocks_of, name_of
from tests.docs.reader import NEW, NOT_RUN, SERVE, SHOWN_POSTGRES, Drift, Reader

BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def _commands(page: Path) -> list[Command]:
    consoles = (block for block in BLOCKS if block.page == page and block.language == "console")
    return [command for console in consoles for command in commands_of(console)]


CONSOLES = {page: _commands(page) for page in PAGES}
OF_A_NEW_SERVICE = re.compile(r"make (add-use-case NAME=|unit ARGS=)")
LANGUAGES = {"console", "diff", "javascript", "json", "python", "text", "toml", "typescript"}


@pytest.mark.parametrize("page", [page for page, found in CONSOLES.items() if found], ids=name_of)
def test_what_a_page_shows_is_what_happens(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for program in ("bash", "curl", "git"):
        if shutil.which(program) is None:
            not_here(f"{program} is not installed, which a reader of the documentation is taken to have")
    diffs = [block.text for block in BLOCKS if block.page == page and block.language == "diff"]
    needs_postgres = any(SHOWN_POSTGRES in command.text for command in CONSOLES[page])
    url = request.getfixturevalue("postgres_url") if needs_postgres else SHOWN_POSTGRES
    with Reader(tmp_path / "checkout", diffs, url) as reader:
        if "make clients" in {command.text for command in CONSOLES[page]}:
            install_clients(built_clients(request.config, tmp_path_factory), reader.folder)
        reader.follow(CONSOLES[page])


def install_clients(built: Path, folder: Path) -> None:
    """Install our own clients for the examples."""
    (folder / "docs").unlink()  # Node.js would search for packages beside the file that a link refers to
    shutil.copytree(CHECKOUT / "docs" / "examples", folder / "docs" / "examples")
    (folder / "src").symlink_to(built / "python" / "src")
    install_typescript(built, folder)


def test_tutorials_are_followed_in_the_directory_of_the_readme(tmp_path: Path) -> None:
    """A reader does not begin each page with an empty store: pages use no users and references of earlier ones."""
    tutorials = CHECKOUT / "docs" / "tutorials"
    names = ("first-api-client.md", "an-order-from-placement-to-refund.md")
    with Reader(tmp_path / "checkout") as reader:
        for page in (CHECKOUT / "README.md", *(tutorials / name for name in names)):
            reader.follow(CONSOLES[page])


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "python" and not b.title], ids=lambda b: b.place)
def test_python_in_a_page_runs(block: Block, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(block.text, encoding="utf-8")
    answer = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, f"{block.place}\n{answer.stderr}"


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.title], ids=lambda b: b.place)
def test_block_with_a_file_name_is_part_of_that_file(block: Block) -> None:
    source = (CHECKOUT / block.title).read_text(encoding="utf-8")
    for quoted in re.split(r"^ *…\n?", block.text, flags=re.MULTILINE):
        assert quoted.strip("\n") in source, f"{block.place}: not in {block.title}:\n{quoted}"


def test_json_and_toml_in_a_page_can_be_read() -> None:
    for block in BLOCKS:
        if block.language == "json":
            json.loads(block.text)
        if block.language == "toml":
            tomllib.loads(block.text)


def test_a_block_says_what_it_is() -> None:
    assert [block.place for block in BLOCKS if block.language not in LANGUAGES] == []


def test_nothing_is_left_out_but_what_a_page_shows() -> None:
    shown = {command.text for commands in CONSOLES.values() for command in commands}
    assert NOT_RUN - shown == set()
    makefiles = (CHECKOUT / "Makefile", TEMPLATE / "Makefile")
    text = "".join(makefile.read_text(encoding="utf-8") for makefile in makefiles)
    targets = set(re.findall(r"^([a-z-]+):", text, flags=re.MULTILINE))
    for command in shown:
        if command.startswith("make"):
            is_run = SERVE.match(command) or NEW.match(command) or OF_A_NEW_SERVICE.match(command)
            assert command in NOT_RUN or is_run, command
            assert set(command.split()[1:2]) <= targets, command


def test_make_serve_is_what_is_run_in_its_place() -> None:
    recipe = (CHECKOUT / "Makefile").read_text(encoding="utf-8").partition("\nserve:")[2].partition("\n\n")[0]
    assert "$(BIN)/orderkeep serve --host '$(HOST)' --port '$(PORT)'" in recipe


def test_make_new_is_what_is_run_in_its_place() -> None:
    recipe = (CHECKOUT / "Makefile").read_text(encoding="utf-8").partition("\nnew:")[2].partition("\n\n")[0]
    assert "$(BIN)/orderkeep new '$(TARGET)' --name '$(NAME)' --entity '$(ENTITY)'" in recipe


@pytest.mark.parametrize(
    "given, seen", [(["STORE=sqlite:///given.db"], "sqlite:///given.db unset"), ([], "unset file")]
)
def test_make_serve_passes_the_store_in_the_environment_only(tmp_path: Path, given: list[str], seen: str) -> None:
    """All users of the machine can read the arguments of a process, and a URL may contain a password."""
    shutil.copy(CHECKOUT / "Makefile", tmp_path)
    (tmp_path / "file").write_text("sqlite:///file.db")
    program = tmp_path / ".venv" / "bin" / "orderkeep"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$*" "${ORDERKEEP_STORE:-unset}" "${ORDERKEEP_STORE_FILE:-unset}"\n')
    program.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "ORDERKEEP_STORE_FILE": "file"}
    command = ["make", "--silent", "--old-file=.venv/.installed-runtime", "serve", *given]
    made = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert made.stdout == f"serve --host 127.0.0.1 --port 8000 {seen}\n", made.stderr


@pytest.mark.parametrize(
    "text, shown",
    [
        ("echo one", ("two",)),
        ("echo one; echo two", ("one",)),
        ("echo one", ("one", "two")),
        ("false", ()),
        ("exit 4", ()),
        ("no-such-program", ()),
    ],
)
def test_a_page_that_drifts_is_seen(text: str, shown: tuple[str, ...], tmp_path: Path) -> None:
    with Reader(tmp_path / "checkout") as reader, pytest.raises(Drift, match=re.escape(text)):
        reader.follow([Command("page.md:1", text, shown)])


def test_a_page_may_show_an_exit_code_and_leave_out_what_differs(tmp_path: Path) -> None:
    told = [
        Command("page.md:1", "name=lamp; export name; echo one; echo two; (exit 4)", ("…", "t…o")),
        Command("page.md:2", "echo $?", ("4",)),
        Command("page.md:3", "echo $name", ("lamp",)),
    ]
    with Reader(tmp_path / "checkout") as reader:
        reader.follow(told)
    with Reader(tmp_path / "again") as reader, pytest.raises(Drift):
        reader.follow([*told[:1], Command("page.md:2", "echo $?", ("5",))])
