"""The tables: searchable values in columns, and the documents as JSON text."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A time in whole microseconds since 1970: exact for every year, and in the sort order of numbers."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + timedelta(microseconds=value)


METADATA = MetaData()

# The columns of an `OrderRecord`, except its tags.
ORDERS = Table(
    "orders",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("external_ref", Text),
    Column("schema", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("requests", LargeBinary, nullable=False),
    Column("seal", Text, nullable=False),
    Index("orders_by_time", "created_at", "id"),
    Index("orders_by_user", "user_id", "created_at", "id"),
    Index("orders_by_status", "status", "created_at", "id"),
    Index("orders_by_ref", "external_ref", "created_at", "id"),
)

# The tags of an order when it was placed, with the columns by which lists are sorted.
TAGS = Table(
    "order_tags",
    METADATA,
    Column("tag", Text, primary_key=True),
    Column("created_at", Instant, primary_key=True),
    Column("order_id", Text, primary_key=True),
)

# The columns of a `ChangeRecord`, after its position in the feed.
CHANGES = Table(
    "changes",
    METADATA,
    Column("position", Integer, primary_key=True),
    Column("order_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("key", Text),
    Column("request_id", Text),
    Column("events", LargeBinary, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("schema", BigInteger, nullable=False),
    Column("fingerprint", Text, nullable=False),
    UniqueConstraint("order_id", "version"),
)

# The columns of a `PersonalRow`.
PERSONAL_DATA = Table(
    "personal_data",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("salt", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("label", Text),
)

CHECKPOINTS = Table(
    "checkpoints", METADATA, Column("id", Text, primary_key=True), Column("content", Text, nullable=False)
)
