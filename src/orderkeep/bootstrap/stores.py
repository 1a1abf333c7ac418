"""Opens the order store of a URL: the adapter of each scheme."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from orderkeep.application.ports import OrderStore

if TYPE_CHECKING:  # an extra package may not be installed
    from orderkeep.infrastructure.dynamo_repo.setup import TableDescription as TableDescription
    from orderkeep.infrastructure.dynamo_repo.setup import TableSetup as TableSetup

DEFAULT_STORE = "sqlite:///orders.db"
"""A file in the current directory."""

SCHEMES = ("memory", "sqlite", "postgresql", "postgres", "dynamodb")


class InvalidStoreURL(ValueError):
    """The URL is not that of an order store."""


class StoreNotInstalled(InvalidStoreURL):
    """The driver of the store is not installed."""


def open_store(url: str, *, auto_migrate: bool = True) -> OrderStore:
    """Open the store of a URL: `memory://`, `sqlite:///orders.db` (`sqlite:////var/lib/orders.db`),
    `postgresql://user:password@host:5432/database` or `dynamodb://table?region=eu-central-1`. SQL tables are created
    and migrated; without `auto_migrate`, older tables are rejected.
    """
    parts = _parts_of(url)
    match parts.scheme:
        case "memory":
            from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository

            _refuse_extras(parts, "memory://", path_allowed=False)
            return InMemoryOrderRepository()
        case "sqlite":
            from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository

            _refuse_extras(parts, "sqlite:///orders.db", path_allowed=True)
            path = unquote(parts.path.removeprefix("/"))
            if not path:
                raise InvalidStoreURL("a SQLite store's URL names a file, such as sqlite:///orders.db")
            return SqliteOrderRepository(path, migrate=auto_migrate)
        case "postgresql" | "postgres":
            try:
                from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository
            except ModuleNotFoundError as error:
                if error.name != "asyncpg":
                    raise
                message = "PostgreSQL needs a package that is not installed: pip install 'orderkeep[postgres]'"
                raise StoreNotInstalled(message) from error
            if not parts.path.strip("/"):
                example = "postgresql://user@host:5432/orders"
                raise InvalidStoreURL(f"a PostgreSQL store's URL names a database, such as {example}")
            return PostgresOrderRepository(parts.geturl(), migrate=auto_migrate)
        case "dynamodb":
            try:
                from orderkeep.infrastructure.dynamo_repo import DynamoOrderRepository
            except ModuleNotFoundError as error:
                raise StoreNotInstalled(str(error)) from error
            table, options = _table_of(parts)
            return DynamoOrderRepository(table, **options)
    raise InvalidStoreURL(f"a store's URL begins with {' or '.join(f'{scheme}://' for scheme in SCHEMES)}")


@runtime_checkable
class HasTables(Protocol):
    """A store with a versioned schema."""

    async def migrate(self) -> tuple[int, int]:
        """Create or migrate the tables; return the schema version before and after."""


async def migrate_store(url: str) -> tuple[int, int]:
    """Create or migrate the tables of the store; return the schema version before and after."""
    store = open_store(url)
    try:
        if not isinstance(store, HasTables):
            raise InvalidStoreURL("this store has no tables to migrate")
        return await store.migrate()
    finally:
        await store.close()


def table_setup(url: str) -> "TableSetup":
    """Return the setup that creates and describes the table of a DynamoDB URL. Raises like `open_store`."""
    parts = _parts_of(url)
    if parts.scheme != "dynamodb":
        raise InvalidStoreURL("only a DynamoDB store has a table to create, such as dynamodb://orders")
    try:
        from orderkeep.infrastructure.dynamo_repo.setup import TableSetup
    except ModuleNotFoundError as error:
        raise StoreNotInstalled(str(error)) from error

    table, options = _table_of(parts)
    return TableSetup(table, **options)


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
        raise InvalidStoreURL("a store's URL has [ and ] around an IPv6 address only") from error


def _table_of(parts: SplitResult) -> tuple[str, dict[str, str]]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not parts.netloc or parts.path.strip("/") or parts.fragment or options.keys() - {"region", "endpoint"}:
        raise InvalidStoreURL("a DynamoDB store's URL is dynamodb://table, with ?region=… and &endpoint=… if need be")
    return parts.netloc, options


def _refuse_extras(parts: SplitResult, example: str, *, path_allowed: bool) -> None:
    if parts.netloc or parts.query or parts.fragment or (parts.path.strip("/") and not path_allowed):
        raise InvalidStoreURL(f"this store's URL has no more to it than {example}")
