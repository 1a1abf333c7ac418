"""Creates a service of the reader's own from the files in `template/`: `orderkeep new`.

The template is a service itself, about a sample item, that passes its own checks. Creating a service is to select the
files and lines of the chosen parts, and to replace the names. No formatter is needed afterwards: only imports are
sorted again, because their order depends on the names.
"""

import keyword
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

from orderkeep.entrypoints.new_service.names import identifiers_in, renamed, sorted_imports

TEMPLATE = Path(__file__).parent / "template"

STORES = ("memory", "sqlite", "postgres", "dynamodb")
ENTRYPOINTS = ("http", "cli", "lambda")
ADDITIONS = ("console", "webhooks")
DEFAULT_PARTS = ("memory", "sqlite", "http", "cli")

LONGEST_NAME = 16
"""In characters; a plural may have 3 more. The lines of the template are short enough for names of this length."""

_OWN_FILES: Mapping[str, tuple[str, ...]] = {
    "sqlite": ("src/sample_service/infrastructure/sqlite_repo/", "tests/contract/test_sqlite_store.py"),
    "postgres": ("src/sample_service/infrastructure/postgres_repo.py", "tests/contract/test_postgres_store.py"),
    "image": ("Dockerfile", ".dockerignore"),
    "dynamodb": (
        "src/sample_service/infrastructure/dynamo_repo.py",
        "src/sample_service/entrypoints/create_table.py",
        "tests/contract/test_dynamodb_store.py",
        "tools/install_dynamodb_local.py",
    ),
    "http": ("src/sample_service/entrypoints/api/server.py", "tests/entrypoints/test_server.py"),
    "lambda": (
        "src/sample_service/entrypoints/lambda_handler.py",
        "tests/entrypoints/lambda_events/",
        "tests/entrypoints/test_lambda.py",
        "tools/lambda_package.py",
    ),
    "api": (
        "src/sample_service/entrypoints/api/",
        "tests/entrypoints/http_calls.py",
        "tests/entrypoints/test_http.py",
        "tests/entrypoints/test_http_relay.py",
    ),
    "cli": (
        "src/sample_service/entrypoints/cli.py",
        "tests/entrypoints/cli_calls.py",
        "tests/entrypoints/test_cli.py",
    ),
    "console": ("src/sample_service/entrypoints/console/", "tests/entrypoints/test_console.py"),
    "webhooks": (
        "docs/decisions/0002-webhooks-from-an-outbox.md",
        "src/sample_service/application/use_cases/deliver_webhooks.py",
        "src/sample_service/application/webhooks/",
        "src/sample_service/entrypoints/relay.py",
        "src/sample_service/infrastructure/sqlite_repo/migrations/0002_outbox.sql",
        "src/sample_service/infrastructure/webhook_sender.py",
        "tests/contract/outbox.py",
        "tests/entrypoints/test_http_relay.py",
        "tests/entrypoints/test_relay.py",
        "tests/test_deliver_webhooks.py",
        "tests/webhook_receiver.py",
    ),
}
"""The files that are left out without a part; some need two parts. The memory store is always included: the tests of
rules use it.
"""

_STORES_WITH_OUTBOX = ("memory", "sqlite", "postgres")
"""The stores that webhooks can be combined with. All but the first are shared by processes."""

_SHARED: Mapping[str, tuple[str, ...]] = {"http": ("api", "image"), "cli": ("image",), "lambda": ("api",)}
"""What several parts need, and no one chooses by name: the routes, and the container image."""

_SQLITE_URL = "sqlite:///sample_service.db"
_DEFAULT_URLS = {
    "sqlite": _SQLITE_URL,
    "postgres": "postgresql://localhost/sample_service",
    "dynamodb": "dynamodb://sample_items",
    "memory": "memory://",
}
"""The store of a service without settings, by the best of its stores, in this order."""

_NOT_COPIED = re.compile(r"(^|/)(__pycache__|\.venv|\.\w+_cache|\.coverage)(/|$)")
_EXECUTABLE = (".ci/run",)

_LINE_OF_PART = re.compile(r"^(?P<line>.*?) *# with: (?P<part>[a-z]+)(?:: (?P<words>.+))?$")
_BLOCK_OF_PART = re.compile(r"^ *# with: (?P<negated>not )?(?P<part>[a-z+]+):$")
_END_OF_BLOCK = re.compile(r"^ *# end$")

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==")
_VIA = re.compile(r"^    #(?: via)? +([a-z0-9][a-z0-9._-]*)", re.MULTILINE)


class InvalidOption(ValueError):
    """An option has an invalid value: `option` names it, and the message says which rule is broken."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


@dataclass(frozen=True, slots=True)
class Service:
    """A service to create. Raises `InvalidOption` if a name or part cannot be used."""

    name: str
    entity: str
    plural: str
    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        used = identifiers_in(TEMPLATE)
        for option, name in (("--name", self.name), ("--entity", self.entity), ("--plural", self.plural)):
            _check_name(option, name, used, LONGEST_NAME + 3 * (option == "--plural"))
        if self.name in sys.stdlib_module_names or self.name in packages_distributions():
            raise InvalidOption("--name", f"{self.name} is an installed Python module: choose another name")
        if self.plural == self.entity:
            raise InvalidOption("--plural", f"must differ from --entity {self.entity}, such as {self.entity}_list")
        for part in self.parts:
            if part not in (*STORES, *ENTRYPOINTS, *ADDITIONS):
                known = ", ".join((*STORES, *ENTRYPOINTS, *ADDITIONS))
                raise InvalidOption("--with", f"{part or 'an empty name'} is not a part: choose from {known}")
        for kind, known_parts in (("store", STORES), ("entrypoint", ENTRYPOINTS)):
            if not set(self.parts) & set(known_parts):
                raise InvalidOption("--with", f"names no {kind}: add one or more of {', '.join(known_parts)}")
        self._check_additions()

    def _check_additions(self) -> None:
        if "console" in self.parts and "http" not in self.parts:
            raise InvalidOption("--with", "names console without http: add http")
        if "webhooks" in self.parts:
            for store in set(self.parts) & set(STORES) - set(_STORES_WITH_OUTBOX):
                raise InvalidOption("--with", f"names webhooks and {store}, which has no outbox: remove one of them")
            if not {*self.parts} & {"http", *_STORES_WITH_OUTBOX[1:]}:
                shared = " or ".join(_STORES_WITH_OUTBOX[1:])
                message = f"names webhooks, whose relay cannot read the memory of another process: add http, {shared}"
                raise InvalidOption("--with", message)

    @property
    def parts_in_full(self) -> tuple[str, ...]:
        """The chosen parts, and what these share with others."""
        return (*self.parts, *(shared for part in self.parts for shared in _SHARED.get(part, ())))

    @property
    def default_url(self) -> str:
        """The URL of the store that the service uses if no setting selects one."""
        return next(url for part, url in _DEFAULT_URLS.items() if part in self.parts)


def plural_of(noun: str) -> str:
    """Return the regular plural of an English noun."""
    if re.search(r"(s|x|z|ch|sh)$", noun):
        return f"{noun}es"
    if re.search(r"[^aeiou]y$", noun):
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def create_service(service: Service, target: Path) -> list[Path]:
    """Write the files of the service to a folder, which must not exist or be empty, and return their paths in it. The
    folder is complete or, after an error, as it was. Raises `InvalidOption`, `OSError`.
    """
    target = target.absolute()
    if target.is_dir() and any(target.iterdir()):
        raise InvalidOption("TARGET", f"{target} is not empty: choose a new folder")
    if target.exists() and not target.is_dir():
        raise InvalidOption("TARGET", f"{target} is a file: choose a new folder")
    if not target.parent.is_dir():
        raise InvalidOption("TARGET", f"the folder {target.parent} does not exist: create it first")
    files = dict(files_of(service))
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for name, text in files.items():
            path = beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755 if name in _EXECUTABLE else 0o644)
        beside.chmod(0o755)
        beside.replace(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return sorted(map(Path, files))


def files_of(service: Service) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file of the service."""
    left_out = tuple(path for part, paths in _OWN_FILES.items() if part not in service.parts_in_full for path in paths)
    for path in sorted(TEMPLATE.rglob("*")):
        name = path.relative_to(TEMPLATE).as_posix()
        if path.is_dir() or name.startswith(left_out) or _NOT_COPIED.search(name):
            continue
        text = _of_parts(path.read_text(encoding="utf-8"), service.parts_in_full)
        if name.startswith("requirements/"):
            text = "".join(_pins(text, *_requirements(service)[name == "requirements/dev.txt"]))
        text = text.replace(_SQLITE_URL, service.default_url) if "sqlite" not in service.parts else text
        text = renamed(text, service.name, service.entity, service.plural)
        yield (
            renamed(name, service.name, service.entity, service.plural),
            (sorted_imports(text) if name.endswith(".py") else text),
        )


def _check_name(option: str, name: str, used: frozenset[str], longest: int) -> None:
    if not _NAME.fullmatch(name) or len(name) > longest:
        rule = f"must be at most {longest} lower-case letters, digits and single _, such as room_booking"
        raise InvalidOption(option, f"{name or 'an empty name'} is not valid: it {rule}")
    pascal = "".join(map(str.capitalize, name.split("_")))
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or keyword.iskeyword(pascal):
        raise InvalidOption(option, f"{name} is a keyword of Python: choose another name")
    if taken := {name, pascal, f"{name}_id"} & used:
        raise InvalidOption(option, f"{min(taken)} is a name in the code of the service: choose another name")


def _of_parts(text: str, parts: tuple[str, ...]) -> str:
    """Return the lines that are of no part or of one that is chosen, without the marks of parts. A line whose mark has
    words of it, such as `# with: webhooks: , Outbox`, is kept without these if the part is not chosen.
    """
    kept, is_kept = [], True
    for line in text.splitlines(keepends=True):
        if block := _BLOCK_OF_PART.match(line):
            is_kept = ({*block["part"].split("+")} <= {*parts}) is not bool(block["negated"])
        elif _END_OF_BLOCK.match(line):
            is_kept = True
        elif not is_kept:
            continue
        elif marked := _LINE_OF_PART.match(line):
            if marked["part"] in parts:
                kept.append(f"{marked['line']}\n")
            elif words := marked["words"]:
                kept.append(f"{marked['line'].replace(words, '')}\n")
        else:
            kept.append(line)
    return "".join(kept)


def _requirements(service: Service) -> tuple[set[str], set[str]]:
    """Return the names of the packages that the service requires to run, and those for its development as well."""
    project = tomllib.loads(_of_parts((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"), service.parts_in_full))
    runtime, dev = project["project"]["dependencies"], project["dependency-groups"]["dev"]
    names = [{re.split(r"[^a-z0-9_.-]", line)[0] for line in lines} for lines in (runtime, [*runtime, *dev])]
    return names[0], names[1]


def _pins(lock: str, *roots: str) -> Iterator[str]:
    """Yield the lines of a lock file that pin the packages, and what these require."""
    heading, *entries = re.split(r"(?m)^(?=[a-z0-9])", lock)
    required_by = {_pinned(entry): set(_VIA.findall(entry)) for entry in entries}
    kept = set(roots)
    while more := {name for name, parents in required_by.items() if name not in kept and parents & kept}:
        kept |= more
    yield heading
    yield from (_without_parents(entry) for entry in entries if _pinned(entry) in kept)


def _pinned(entry: str) -> str:
    found = _PIN.match(entry)
    assert found is not None  # noqa: S101  # uv wrote it
    return found[1]


def _without_parents(entry: str) -> str:
    return "".join(line for line in entry.splitlines(keepends=True) if not line.startswith("    #"))
