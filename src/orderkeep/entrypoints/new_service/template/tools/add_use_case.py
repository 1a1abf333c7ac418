"""Adds a command: use case, route, command of the command line and tests. `make add-use-case NAME=hold` calls it.

The command leads from the statuses in FROM (by default the first one) to the status TO (by default the past participle
of the name), which is added if it does not exist. Nothing is written if an argument is invalid.
"""

import argparse
import ast
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from sample_service.domain.entities import SampleItem
from sample_service.domain.lifecycle import Command, SampleItemStatus

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "sample_service"

PARTICIPLES = {
    "begin": "begun", "bring": "brought", "build": "built", "buy": "bought", "choose": "chosen", "find": "found",
    "give": "given", "hold": "held", "keep": "kept", "leave": "left", "lend": "lent", "lose": "lost", "make": "made",
    "pay": "paid", "put": "put", "sell": "sold", "send": "sent", "set": "set", "split": "split", "take": "taken",
    "withdraw": "withdrawn", "write": "written",
}  # fmt: skip

USE_CASE = '''"""{Words} a sample item."""

from sample_service.application.change_sample_item import change_sample_item
from sample_service.application.ports import Clock, utc_now
from sample_service.domain.entities import SampleItem
from sample_service.domain.repositories import SampleItemRepository


class {Name}SampleItemUseCase:
    """{Words} a sample item."""

    def __init__(self, repo: SampleItemRepository, clock: Clock = utc_now) -> None:
        self.repo, self.clock = repo, clock

    async def execute(self, sample_item_id: str, expected_version: int | None = None) -> SampleItem:
        """Return the changed entity. Raises `Cannot{Name}SampleItem`, and like `change_sample_item`."""

        def {name}(sample_item: SampleItem) -> None:
            sample_item.{name}(at=self.clock())

        return await change_sample_item(self.repo, sample_item_id, {name}, expected_version)
'''

REJECTION = '''class Cannot{Name}SampleItem(
    CommandRejected,
    code="cannot_{name}_sample_item",
    title="Sample item cannot be {participle}",
):
    """The status of the sample item rejects `{name}`."""


'''

METHOD = '''
    def {name}(self, *, at: datetime) -> None:
        """{Words} the sample item. Raises `Cannot{Name}SampleItem`."""
        self._change(Command.{NAME}, at)
'''
# with: api:

ROUTE = '''

@router.post("/{{sample_item_id}}/{kebab}", summary="{Words} a sample item")
async def {name}_sample_item(
    sample_item_id: str,
    use_cases: UseCasesOfApp,
    response: Response,
    version: ExpectedVersion,
) -> SampleItemBody:
    """{Words} a sample item."""
    return _body_of(await use_cases.{name}_sample_item.execute(sample_item_id, version), response)
'''
# end
# with: cli:

CLI_COMMAND = '''@cli.command("{kebab}")
@sample_item_id_argument
@if_version_option
@click.pass_obj
def {name}_command(store: str | None, sample_item_id: str, if_version: int | None) -> None:
    """{Words} a sample item."""
    _write(_run(store, lambda use_cases: use_cases.{name}_sample_item.execute(sample_item_id, if_version)))


'''
# end

TEST = '''"""When a sample item can be {participle}, and what then changes."""

import pytest

from sample_service.application.use_cases.{name}_sample_item import {Name}SampleItemUseCase
from sample_service.domain.lifecycle import {imported}
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from tests.sample_items import LATER, stored

ALLOWED = {allowed}


@pytest.mark.parametrize("status", ALLOWED)
async def test_{name}_leads_to_{target}(status: str) -> None:
    repo = InMemorySampleItemRepository()
    sample_item_id = await stored(repo, status=status)
    changed = await {Name}SampleItemUseCase(repo, lambda: LATER).execute(sample_item_id)
    assert (changed.status, changed.updated_at, changed.version) == ("{target}", LATER, 2)
    assert await repo.get_by_id(sample_item_id) == changed


@pytest.mark.parametrize("status", [each for each in SampleItemStatus if each not in ALLOWED])
async def test_{name}_rejects_other_statuses(status: str) -> None:
    repo = InMemorySampleItemRepository()
    sample_item_id = await stored(repo, status=status)
    with pytest.raises(Cannot{Name}SampleItem, match=f" cannot be {participle}: it is {{status}}$"):
        await {Name}SampleItemUseCase(repo, lambda: LATER).execute(sample_item_id)
    found = await repo.get_by_id(sample_item_id)
    assert found is not None
    assert (found.status, found.version) == (status, 1)
'''
# with: api:

HTTP_TEST = '''"""`POST /sample-items/{{id}}/{kebab}`."""

from httpx import AsyncClient

from tests.entrypoints.http_calls import place


async def test_{name}_returns_the_changed_sample_item(client: AsyncClient) -> None:
    path = f"/sample-items/{{await place(client)}}/{kebab}"
    changed = await client.post(path, headers={{"If-Match": '"1"'}})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json()["status"] == "{target}"


async def test_{name}_of_an_unknown_sample_item_is_not_found(client: AsyncClient) -> None:
    assert (await client.post("/sample-items/unknown/{kebab}")).status_code == 404
'''
# end
# with: cli:

CLI_TEST = '''"""`sample-service {kebab}`."""

from tests.entrypoints.cli_calls import Run, place


def test_{name}_prints_the_changed_sample_item(run: Run) -> None:
    changed = run("{kebab}", place(run), "--if-version", "1")
    assert (changed.code, changed.rows[0]["status"]) == (0, "{target}")


def test_{name}_of_an_unknown_sample_item_is_not_found(run: Run) -> None:
    assert run("{kebab}", "unknown").code == 3
'''
# end


class InvalidArgument(ValueError):
    """An argument cannot be used; the message says which, and the rule."""


def main() -> None:
    """Read the arguments, and write all files or none."""
    parser = argparse.ArgumentParser(description="Add a command to the service.")
    parser.add_argument("name")
    parser.add_argument("--from", dest="origins", default="")
    parser.add_argument("--to", dest="target", default="")
    given = parser.parse_args()
    try:
        texts = changes(given.name, given.origins, given.target)
    except InvalidArgument as error:
        sys.exit(f"add-use-case: {error}")
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


def changes(name: str, origins: str, target: str) -> dict[Path, str]:
    """Return the new text of each file that the command needs. Raises `InvalidArgument`."""
    check_name("NAME", name)
    if name in [*Command] or hasattr(SampleItem, name):
        raise InvalidArgument(f"NAME={name} exists: choose another name")
    participle = participle_of(name)
    target = target or participle
    check_name("TO", target)
    known = [*SampleItemStatus]
    given = [each.strip() for each in origins.split(",")] if origins else [known[0].value]
    for origin in given:
        if origin not in known:
            raise InvalidArgument(f"FROM={origin} is not a status: use one of {', '.join(known)}")
    pascal = "".join(map(str.capitalize, name.split("_")))
    quoted = [f'"{each}"' for each in given]
    names = {
        "name": name,
        "NAME": name.upper(),
        "Name": pascal,
        "Words": name.replace("_", " ").capitalize(),
        "kebab": name.replace("_", "-"),
        "participle": participle.replace("_", " "),
        "target": target,
        "imported": ", ".join(sorted([f"Cannot{pascal}SampleItem", "SampleItemStatus"], key=str.lower)),
        "allowed": f"({', '.join(quoted)}{',' * (len(quoted) == 1)})",
    }
    return dict(_files(names, given))


def participle_of(name: str) -> str:
    """Return the past participle of the verb with which a name begins, and the rest of the name."""
    verb, _, rest = name.partition("_")
    if verb in PARTICIPLES:
        found = PARTICIPLES[verb]
    elif re.search(r"[^aeiou]y$", verb):
        found = f"{verb[:-1]}ied"
    elif re.fullmatch(r"[^aeiou]*[aeiou][bdgklmnprt]", verb):
        found = f"{verb}{verb[-1]}ed"
    else:
        found = f"{verb.removesuffix('e')}ed"
    return f"{found}_{rest}" if rest else found


def check_name(argument: str, name: str) -> None:
    """Raise `InvalidArgument` unless the name can be used in code and in a URL."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > 20:
        raise InvalidArgument(f"{argument}={name} must be at most 20 lower-case letters, digits and _, such as hold")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise InvalidArgument(f"{argument}={name} is a keyword of Python: choose another name")


def _files(names: dict[str, str], origins: list[str]) -> Iterator[tuple[Path, str]]:
    yield PACKAGE / "domain/lifecycle.py", _lifecycle(names, origins)
    entities = Source(PACKAGE / "domain/entities.py")
    entities.insert_before(entities.method("SampleItem", "_change"), METHOD.format(**names)[1:] + "\n")
    yield entities.path, entities.text
    yield PACKAGE / f"application/use_cases/{names['name']}_sample_item.py", USE_CASE.format(**names)
    yield PACKAGE / "bootstrap.py", _bootstrap(names)
    yield ROOT / f"tests/test_{names['name']}_sample_item.py", TEST.format(**names)
    # with: api:
    routes = PACKAGE / "entrypoints/api/sample_items.py"
    yield routes, routes.read_text(encoding="utf-8") + ROUTE.format(**names)
    yield ROOT / f"tests/entrypoints/test_http_{names['name']}.py", HTTP_TEST.format(**names)
    # end
    # with: cli:
    cli = Source(PACKAGE / "entrypoints/cli.py")
    cli.insert_before(cli.statement("main"), CLI_COMMAND.format(**names))
    yield cli.path, cli.text
    yield ROOT / f"tests/entrypoints/test_cli_{names['name']}.py", CLI_TEST.format(**names)
    # end


def _lifecycle(names: dict[str, str], origins: list[str]) -> str:
    source, target = Source(PACKAGE / "domain/lifecycle.py"), names["target"]
    command = f"Command.{names['NAME']}"
    source.insert_before(source.end("REJECTIONS"), "    {c}: Cannot{Name}SampleItem,\n".format(c=command, **names))
    source.insert_before(source.statement("REJECTIONS"), REJECTION.format(**names))
    for origin in origins:
        follower = f"SampleItemStatus.{target.upper()}"
        row = f"    (SampleItemStatus.{origin.upper()}, {command}): {follower},\n"
        source.insert_before(source.end("LIFECYCLE"), row)
    source.insert_after(source.statement("Command"), f'    {names["NAME"]} = "{names["name"]}"\n')
    if target not in [*SampleItemStatus]:
        source.insert_after(source.statement("SampleItemStatus"), f'    {target.upper()} = "{target}"\n')
    return source.text


def _bootstrap(names: dict[str, str]) -> str:
    source, use_case = Source(PACKAGE / "bootstrap.py"), "{name}_sample_item".format(**names)
    kind = "{Name}SampleItemUseCase".format(**names)
    imported = f"from sample_service.application.use_cases.{use_case} import {kind}\n"
    [built] = [node for node in ast.walk(source.tree()) if isinstance(node, ast.keyword) and node.arg == "check_store"]
    source.insert_before(built.lineno, f"        {use_case}={kind}(store, clock),\n")
    source.insert_before(source.method("UseCases", "check_store"), f"    {use_case}: {kind}\n")
    package = "from sample_service.application.use_cases."
    lines = [line for line in source.text.splitlines(keepends=True) if line.startswith(package)]
    source.text = source.text.replace("".join(lines), "".join(sorted([*lines, imported])))
    return source.text


class Source:
    """The text of a module, in which lines are inserted where its syntax tree has a name."""

    def __init__(self, path: Path) -> None:
        self.path, self.text = path, path.read_text(encoding="utf-8")

    def tree(self) -> ast.Module:
        """Return the syntax tree of the text as it is now."""
        return ast.parse(self.text)

    def insert_before(self, place: int | ast.stmt, text: str) -> None:
        """Insert text before a line, or before a statement that has no decorators."""
        line = place if isinstance(place, int) else place.lineno
        lines = self.text.splitlines(keepends=True)
        lines.insert(line - 1, text)
        self.text = "".join(lines)

    def insert_after(self, statement: ast.stmt, text: str) -> None:
        """Insert text after the last line of a statement."""
        assert statement.end_lineno is not None
        self.insert_before(statement.end_lineno + 1, text)

    def statement(self, name: str) -> ast.stmt:
        """Return the class, function or assignment of a name."""
        return _named(self.tree().body, name, self.path)

    def method(self, kind: str, name: str) -> ast.stmt:
        """Return a method or field of a class."""
        owner = self.statement(kind)
        assert isinstance(owner, ast.ClassDef)
        return _named(owner.body, name, self.path)

    def end(self, name: str) -> int:
        """Return the last line of an assignment, which closes a table."""
        line = self.statement(name).end_lineno
        assert line is not None
        return line


def _named(body: list[ast.stmt], name: str, path: Path) -> ast.stmt:
    for node in body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if name in (getattr(node, "name", None), getattr(target, "id", None)):
            return node
    raise InvalidArgument(f"{path.relative_to(ROOT)} has no {name}: add the command by hand")


if __name__ == "__main__":
    main()
