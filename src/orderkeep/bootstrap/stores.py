"""Opens the order store of a URL: the adapter of each scheme."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from orderkeep.application.ports import OrderStore, StoreAccess
from orderkeep.application.records import KeepsRecords, RecordStore
from orderkeep.domain.exceptions import StoreUnusable

if TYPE_CHECKING:  # an extra package may not be installed
    from orderkeep.infrastructure.dynamo_repo.setup import TableDescription as TableDescription
    from orderkeep.infrastructure.dynamo_repo.setup import TableSetup as TableSetup
    from orderkeep.infrastructure.sqlite_repo.backup import Backup

DEFAULT_STORE = "sqlite:///orders.db"
"""A file in the current directory."""

SCHEMES = ("memory", "sqlite", "postgresql", "postgres", "dynamodb")


UNKNOWN_SCHEME = (
    f"the URL of a store begins with {', '.join(f'{each}://' for each in SCHEMES[:-1])} or {SCHEMES[-1]}://"
)


class InvalidStoreURL(ValueError):
    """The URL is not that of an order store."""

    code = "invalid_store_url"


class ExtraNotInstalled(Exception):
    """A store or an authenticator needs an extra of this package that is not installed."""

    code = "extra_not_installed"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} requires an extra that is not installed: pip install 'orderkeep[{extra}]'")


@contextmanager
def _extra(what: str, extra: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("orderkeep"):
            raise
        raise ExtraNotInstalled(what, extra) from error


def open_store(url: str, *, auto_migrate: bool = True, access: StoreAccess = StoreAccess.CREATE) -> OrderStore:
    """Open the store of a URL: `memory://`, `sqlite:///orders.db` (`sqlite:////var/lib/orders.db`),
    `postgresql://user:password@host:5432/database` or `dynamodb://table?region=eu-central-1`.

    `access` decides whether a SQLite file or SQL tables are created, upgraded or only read; a DynamoDB table is never
    created here. Without `auto_migrate`, an older schema is rejected. Raises `InvalidStoreURL` and `ExtraNotInstalled`.
    """
    parts = _parts_of(url)
    match parts.scheme:
        case "memory":
            from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository

            _reject_extras(parts, "memory://", path_allowed=False)
            return InMemoryOrderRepository()
        case "sqlite":
            from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository

            return SqliteOrderRepository(_file_of(parts), migrate=auto_migrate, access=access)
        case "postgresql" | "postgres":
            return _postgres(parts, auto_migrate=auto_migrate, access=access)
        case "dynamodb":
            with _extra("DynamoDB", "aws"):
                from orderkeep.infrastructure.dynamo_repo import DynamoOrderRepository
            table, options = _table_of(parts)
            return DynamoOrderRepository(table, **options, access=access)
    raise InvalidStoreURL(UNKNOWN_SCHEME)


def _postgres(parts: SplitResult, *, auto_migrate: bool, access: StoreAccess) -> OrderStore:
    with _extra("PostgreSQL", "postgres"):
        from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository
    if not parts.path.strip("/"):
        raise InvalidStoreURL(
            "the URL of a PostgreSQL store contains a database name, such as postgresql://user@host/orders"
        )
    try:
        return PostgresOrderRepository(parts.geturl(), migrate=auto_migrate, access=access)
    except ValueError as error:
        raise InvalidStoreURL(str(error)) from error


@runtime_checkable
class HasTables(Protocol):
    """A store with a versioned schema."""

    async def migrate(self) -> tuple[int, int]:
        """Create or migrate the tables; return the schema version before and after."""


@runtime_checkable
class HasSchemaVersion(Protocol):
    """A store that reports the version of its schema."""

    async def schema(self) -> tuple[int, int]:
        """Return the version that the store has now, and the one that this code requires."""


async def schema_of(store: OrderStore) -> tuple[int, int] | None:
    """Return the schema version that the store has and the one that this code requires; None for a store without."""
    return await store.schema() if isinstance(store, HasSchemaVersion) else None


async def migrate_store(url: str) -> tuple[int, int]:
    """Create or migrate the tables of the store; return the schema version before and after."""
    store = open_store(url)
    try:
        if not isinstance(store, HasTables):
            raise InvalidStoreURL("this store has no schema to migrate")
        return await store.migrate()
    finally:
        await store.close()


class BackupNotSupported(ValueError):
    """The store is backed up with its database's own tools."""


_OF_POSTGRES = "back up a PostgreSQL store with pg_dump, or with the backups of your provider"
_OWN_BACKUPS = {
    "memory": "a store in memory cannot be backed up: use a SQLite store",
    "postgresql": _OF_POSTGRES,
    "postgres": _OF_POSTGRES,
    "dynamodb": "back up a DynamoDB table with point-in-time recovery (`orderkeep table create --pitr`) or AWS Backup",
}


def back_up_store(url: str, file: Path) -> "Backup":
    """Copy a SQLite store to a new file, also while a service writes to it. Raises `BackupNotSupported` for others,
    `OSError` if the file exists or cannot be written, and like `open_store`.
    """
    parts = _parts_of(url)
    if message := _OWN_BACKUPS.get(parts.scheme):
        raise BackupNotSupported(message)
    if parts.scheme != "sqlite":
        raise InvalidStoreURL(UNKNOWN_SCHEME)
    from orderkeep.infrastructure.sqlite_repo.backup import back_up

    return back_up(_file_of(parts), file)


def missing_file(url: str) -> Path | None:
    """Return the path of a SQLite store that does not exist yet; None of any other store. Raises `InvalidStoreURL`."""
    parts = _parts_of(url)
    path = Path(_file_of(parts)).absolute() if parts.scheme == "sqlite" else None
    return path if path and not path.exists() else None


def table_setup(url: str) -> "TableSetup":
    """Return the setup that creates and describes the table of a DynamoDB URL. Raises like `open_store`."""
    parts = _parts_of(url)
    if parts.scheme != "dynamodb":
        raise InvalidStoreURL("this command requires a DynamoDB store, such as dynamodb://orders")
    with _extra("DynamoDB", "aws"):
        from orderkeep.infrastructure.dynamo_repo.setup import TableSetup

    table, options = _table_of(parts)
    return TableSetup(table, **options)


def records_of(store: OrderStore) -> RecordStore:
    """Return the records of the store. Raises `StoreUnusable` if it does not support records."""
    if not isinstance(store, KeepsRecords):
        raise StoreUnusable("this store supports neither webhooks nor statistics nor sessions")
    return store.records()


async def check_table(url: str) -> None:
    """Check the table of a DynamoDB store; others are checked when opened. Raises like `open_store`."""
    if urlsplit(url).scheme == "dynamodb":
        setup = table_setup(url)
        try:
            await setup.check()
        finally:
            await setup.close()


def _parts_of(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise InvalidStoreURL("the URL of a store may contain [ and ] only around an IPv6 address") from error


def _file_of(parts: SplitResult) -> str:
    _reject_extras(parts, "sqlite:///orders.db", path_allowed=True)
    path = unquote(parts.path.removeprefix("/"))
    if not path:
        raise InvalidStoreURL("the URL of a SQLite store contains a file name, such as sqlite:///orders.db")
    return path


def _table_of(parts: SplitResult) -> tuple[str, dict[str, str]]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not parts.netloc or parts.path.strip("/") or parts.fragment or options.keys() - {"region", "endpoint"}:
        raise InvalidStoreURL("the URL of a DynamoDB store is dynamodb://table, optionally with ?region=…&endpoint=…")
    return parts.netloc, options


def _reject_extras(parts: SplitResult, example: str, *, path_allowed: bool) -> None:
    if parts.netloc or parts.query or parts.fragment or (parts.path.strip("/") and not path_allowed):
        raise InvalidStoreURL(f"the URL of this store contains more than {example}: remove the excess")
