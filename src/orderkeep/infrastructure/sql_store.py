"""What both SQL stores share: reads, lists, and the mapping between rows and orders.

SQL is written with PostgreSQL's parameters (`$1`); a store translates it with `Dialect.sql`.
"""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import (
    SEPARATOR,
    FeedEntry,
    FeedPage,
    ListPosition,
    OrderFilter,
    OrderStore,
    SnapshotPage,
    StoredOrder,
)
from orderkeep.application.store_copy import CopiedChange
from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.copies import commits_of, copies_of
from orderkeep.infrastructure.personal_rows import PersonalRow, personal_record_of, personal_rows
from orderkeep.infrastructure.serialization import (
    ChangeRecord,
    Commit,
    OrderRecord,
    Recomputed,
    built,
    change_of,
    commit_of,
    documents_of,
    mark_saved,
    order_of,
    page_length,
    row_name,
    snapshot_of,
)

Row = Sequence[Any]
Fetch = Callable[..., Awaitable[Sequence[Row]]]
"""Runs a statement with its parameters and returns all rows."""

SMALLEST, LARGEST = -(2**63), 2**63 - 1

STATUSES = [("status",) * count for count in range(1, len(OrderStatus) + 1)]
"""The keys of lists by status, with one status or several."""

_position_of = msgspec.json.Decoder(ListPosition).decode
"""Returns the position of an order, from its document: to fetch two more columns of each row would take longer."""

_LAST = "\U0010ffff"
_BEGINNING = datetime.min.replace(tzinfo=UTC)
END = (datetime.max.replace(tzinfo=UTC), _LAST)
"""After the newest order or key that there may be."""

_Built = TypeVar("_Built")


@dataclass(frozen=True)
class Dialect:
    """How a database differs: its parameters, its JSON columns as bytes, its values of instants, and a query around
    another one, with the same columns, that ends a page before its documents exceed `PAGE_BYTES`.
    """

    parameter: str
    as_bytes: str
    stored: Callable[[datetime], Any]
    instant: Callable[[Any], datetime]
    feed: tuple[str, ...]
    """The columns of a change's position in the feed."""
    settled: str
    """The condition that a change's position is final."""
    texts: Callable[[Sequence[str]], Any]
    """Returns texts as the parameter of `any_of`."""
    any_of: str
    """The condition that the value before it is one of several texts."""
    bounded: str = "{query}"

    def sql(self, statement: str) -> str:
        columns = {name: self.as_bytes.format(name) for name in ("document", "requests", "events")}
        return statement.format_map(columns).replace("$", self.parameter)

    def page(self, columns: str, statement: str) -> str:
        """Return the statement of a page, with the columns given."""
        names = columns.replace("{", "").replace("}", "")
        return self.bounded.format(columns=names, query=self.sql(statement))


CHANGE_COLUMNS = (
    "order_id, version, at, actor, key, request_id, {events}, {document}, previous_hash, hash, schema, fingerprint"
)
DOCUMENT_OF_CHANGE = CHANGE_COLUMNS.split(", ").index("{document}")

GET_ORDER = "SELECT {document}, {requests}, seal FROM orders WHERE id = $1"
_SNAPSHOTS = "SELECT id, user_id, created_at, version, schema, {document} FROM orders"
GET_SNAPSHOT = f"{_SNAPSHOTS} WHERE id = $1"
FIND_BY_PREFIX = f"{_SNAPSHOTS} WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3"
_CHANGES = f"SELECT {CHANGE_COLUMNS} FROM changes WHERE order_id = $1"  # noqa: S608  # nothing here comes from outside
GET_CHANGE = f"{_CHANGES} AND version = CAST($2 AS bigint)"
GET_CHANGE_AT = f"{_CHANGES} AND at <= $2 ORDER BY version DESC LIMIT 1"
LIST_CHANGES = f"{_CHANGES} AND version > CAST($2 AS bigint) ORDER BY version LIMIT $3"

_ORDER_ROW = tuple(field.name for field in fields(OrderRecord) if field.name != "tags")
# The tags of each order, and its labels (derived values to filter by), with the columns that lists are sorted by.
_TAG_ROW = ("tag", "created_at", "order_id", "user_id")
_CHANGE_ROW = tuple(field.name for field in fields(ChangeRecord))
_PAGE = 200
_ORDER_IDS = f"""
    SELECT id FROM (SELECT id FROM orders WHERE id > $1 ORDER BY id LIMIT {_PAGE}) AS o
    UNION
    SELECT order_id FROM (
        SELECT DISTINCT order_id FROM changes WHERE order_id > $1 ORDER BY order_id LIMIT {_PAGE}
    ) AS c
    ORDER BY id LIMIT {_PAGE}
"""  # noqa: S608
_RAW_ORDER = f"SELECT {', '.join(_ORDER_ROW)} FROM orders WHERE id = $1"  # noqa: S608
_RAW_TAG = f"SELECT {', '.join(_TAG_ROW)} FROM order_tags WHERE tag = $1 AND created_at = $2 AND order_id = $3"  # noqa: S608
_PERSONAL_DATA = "SELECT order_id, salt, record, label FROM personal_data WHERE order_id"
_COUNTS = """
    SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM order_tags WHERE tag >= ' '),
        (SELECT count(*) FROM order_tags WHERE tag < ' '), (SELECT count(*) FROM changes),
        (SELECT count(*) FROM personal_data)
"""  # a label begins with a control character
_BEFORE_THE_FEED = (SMALLEST, -(2**31))
_ADD_CHECKPOINT = "INSERT INTO checkpoints (id, content) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING"
_LAST_CHECKPOINT = "SELECT content FROM checkpoints ORDER BY id DESC LIMIT 1"


class SqlOrderRepository(OrderStore):
    """Reads orders from SQL tables. A store adds `_rows`, its statement for each combination of filters, and the rest
    of the port.
    """

    def __init__(self, dialect: Dialect, lists: Mapping[tuple[str, ...], str]) -> None:
        self._dialect, self._lists = dialect, lists
        self._sql = {
            statement: dialect.sql(statement)
            for statement in (GET_ORDER, GET_SNAPSHOT, FIND_BY_PREFIX, GET_CHANGE, GET_CHANGE_AT)
        }
        self._personal_data = dialect.sql(f"{_PERSONAL_DATA} {dialect.any_of}")
        self._list_changes = dialect.page(CHANGE_COLUMNS, LIST_CHANGES)
        self._raw_changes = dialect.sql(f"""
            SELECT {", ".join((*_CHANGE_ROW, *dialect.feed))} FROM changes
            WHERE order_id = $1 AND version > CAST($2 AS bigint) ORDER BY version LIMIT {_PAGE}
        """)  # noqa: S608

    @abstractmethod
    async def _feed_rows(self, after: int, limit: int) -> Sequence[Row]:
        """Return the rows of `CHANGE_COLUMNS` of a page of the feed. Raises `InvalidCursor`."""

    @abstractmethod
    async def _commit(self, commits: Sequence[Commit]) -> None:
        """Write all commits or none. Raises `ConcurrentUpdate`, `StoreUnavailable`."""

    @abstractmethod
    async def _write(self, key: str, statement: str, *parameters: Any) -> bool:
        """Run a statement on one row, which has the key, and return whether it changed it."""

    @abstractmethod
    async def _rows(self, statement: str, *parameters: Any) -> Sequence[Row]:
        """Run one statement and return its rows, or none if a parameter is no valid text. Raises `StoreUnavailable`."""

    @abstractmethod
    async def _page_rows(self, document: int, statement: str, *parameters: Any) -> Sequence[Row]:
        """Do the same, up to the row with which the documents exceed `PAGE_BYTES`. `document` is their column."""

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        commits = [commit_of(order) for order in orders]
        if commits:
            await self._commit(commits)
        return mark_saved(orders, commits)

    async def get_by_id(self, order_id: str) -> Order | None:
        return _one(lambda row: order_of(*row), await self._rows(self._sql[GET_ORDER], order_id))

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        return _one(self._snapshot_of_row, await self._rows(self._sql[GET_SNAPSHOT], order_id))

    async def find_by_id_prefix(self, prefix: str, limit: int) -> list[OrderSnapshot]:
        rows = await self._rows(self._sql[FIND_BY_PREFIX], prefix, prefix + _LAST, in_64_bits(limit))
        return built(self._snapshot_of_row, rows)

    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        statement, parameters = list_query(self._dialect, self._lists, where, after, limit + 1)
        rows = await self._page_rows(1, statement, *parameters)
        documents = documents_of(rows)
        length = page_length([len(document) for document in documents], limit)
        page = SEPARATOR.join(documents[:length])
        if len(rows) == length:
            return SnapshotPage(page, None)
        return SnapshotPage(page, *built(_position_of, documents[length - 1 : length]))

    async def get_personal_data(self, order_ids: Sequence[str]) -> dict[str, PersonalRecord]:
        rows = await self._rows(self._personal_data, self._dialect.texts(order_ids))
        return dict(built(lambda row: (row[0], personal_record_of(row[1], row[2])), rows))

    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        return _one(self.change_of_row, await self._rows(self._sql[GET_CHANGE], order_id, in_64_bits(version)))

    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        rows = await self._rows(self._sql[GET_CHANGE_AT], order_id, self._dialect.stored(instant))
        return _one(self.change_of_row, rows)

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        parameters = order_id, in_64_bits(after_version), in_64_bits(limit)
        rows = await self._page_rows(DOCUMENT_OF_CHANGE, self._list_changes, *parameters)
        length = page_length([len(row[DOCUMENT_OF_CHANGE]) for row in rows], limit)
        return built(self.change_of_row, rows[:length])

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        rows = await self._feed_rows(after, limit)
        return FeedPage(tuple(built(self.change_of_row, rows)), after + len(rows))

    async def read_copies(self, after: int, limit: int) -> list[CopiedChange]:
        return await copies_of(self, built(self._change_record_of_row, await self._feed_rows(after, limit)))

    async def write_copies(self, after: int, changes: Sequence[CopiedChange]) -> None:  # noqa: ARG002
        if commits := await commits_of(self, changes):
            await self._commit(commits)

    async def stored_keys(self) -> AsyncIterator[str]:
        last = ""
        while rows := await self._rows(self._dialect.sql(_ORDER_IDS), last):
            for (order_id,) in rows:
                yield order_id
            last = rows[-1][0]

    async def stored_order(self, key: str) -> StoredOrder:
        recomputed, version = Recomputed(), SMALLEST
        while rows := await self._rows(self._raw_changes, key, version):
            built(lambda row: self._add_raw_change(recomputed, row), rows)
            version = rows[-1][1]
        heads = await self._rows(self._dialect.sql(_RAW_ORDER), key)
        found = {"order": self._raw(_ORDER_ROW, heads[0])} if heads else {}
        head = found.get("order", {})
        [(record, order)] = built(lambda _: (recomputed.record(*_of_head(head)), recomputed.order()), [None])
        expected: dict[str, dict[str, Any]] = {}
        personal = [PersonalRow(*row) for row in await self._rows(self._dialect.sql(f"{_PERSONAL_DATA} = $1"), key)]
        found_data, expected_data = personal_rows(personal[0] if personal else None, order)
        found |= {"personal data": found_data} if found_data else {}
        expected |= {"personal data": expected_data} if expected_data else {}
        if record is not None:
            expected["order"] = self._row_of(_ORDER_ROW, record)
            placed = self._dialect.stored(record.created_at)
            label = expected_data.get("label")
            for tag in (*record.tags, label) if label else record.tags:
                values = (tag, placed, record.id, record.user_id)
                expected[row_name(tag)] = dict(zip(_TAG_ROW, values, strict=True))
                for row in await self._rows(self._dialect.sql(_RAW_TAG), *values[:3]):
                    found[row_name(tag)] = self._raw(_TAG_ROW, row)
        return StoredOrder(key, recomputed.changes, found, expected, order)

    async def feed_entries(self, *, settled: bool = False) -> AsyncIterator[FeedEntry]:
        feed = self._dialect.feed
        columns, parameters = ", ".join(feed), ", ".join(f"${number}" for number, _ in enumerate(feed, start=1))
        statement = self._dialect.sql(f"""
            SELECT order_id, version, hash, {columns} FROM changes
            WHERE ({columns}) > ({parameters}) {f"AND {self._dialect.settled}" if settled else ""}
            ORDER BY {columns} LIMIT {_PAGE}
        """)  # noqa: S608
        position: Row = _BEFORE_THE_FEED[: len(feed)]
        while rows := await self._rows(statement, *position):
            for row in rows:
                position = row[3:]
                yield FeedEntry(row[0], row[1], row[2], tuple(position))

    async def count_rows(self) -> Mapping[str, int]:
        [counts] = await self._rows(_COUNTS)
        return dict(zip(("order", "tag", "label", "change", "personal"), counts, strict=True))

    async def add_checkpoint(self, recorded_at: str, content: str) -> None:
        await self._write(recorded_at, self._dialect.sql(_ADD_CHECKPOINT), recorded_at, content)

    async def last_checkpoint(self) -> str | None:
        return _one(lambda row: str(row[0]), await self._rows(_LAST_CHECKPOINT))

    def _add_raw_change(self, recomputed: Recomputed, row: Row) -> None:
        values = self._raw((*_CHANGE_ROW, *self._dialect.feed), row)
        position = tuple(values.pop(name) for name in self._dialect.feed)
        texts = {name: values[name].encode() for name in ("events", "document")}
        change = ChangeRecord(**values | texts | {"at": self._dialect.instant(values["at"])})
        if type(change.version) is not int:  # SQLite stores any value in any column
            raise TypeError(change.version)
        as_written = self._row_of(_CHANGE_ROW, change) == values
        entry = FeedEntry(change.order_id, change.version, change.hash, position)
        recomputed.add(change, entry, as_written=as_written)

    def _raw(self, names: Sequence[str], row: Row) -> dict[str, Any]:
        """Return a row as stored; of an instant that the driver converts, the same one."""
        values = (self._dialect.instant(value) if isinstance(value, datetime) else value for value in row)
        return dict(zip(names, values, strict=True))

    def _row_of(self, names: Sequence[str], record: object) -> dict[str, Any]:
        """Return the row that a save of the record writes."""
        values = {name: getattr(record, name) for name in names}
        for name, value in values.items():
            if isinstance(value, bytes):
                values[name] = value.decode()
            elif isinstance(value, datetime):
                values[name] = self._dialect.stored(value)
        return values

    def change_of_row(self, row: Row) -> ChangeDTO:
        """Return the change of a row of `CHANGE_COLUMNS`."""
        return change_of(self._change_record_of_row(row))

    def _change_record_of_row(self, row: Row) -> ChangeRecord:
        order_id, version, at, *rest = row
        return ChangeRecord(order_id, version, self._dialect.instant(at), *rest)

    def _snapshot_of_row(self, row: Row) -> OrderSnapshot:
        id, user_id, created_at, version, schema, document = row
        return snapshot_of(id, user_id, self._dialect.instant(created_at), version, schema, document)


def list_query(
    dialect: Dialect, lists: Mapping[tuple[str, ...], str], where: OrderFilter, after: ListPosition | None, limit: int
) -> tuple[str, tuple[Any, ...]]:
    """Return the statement of a list and its parameters: the filters' values, the start of the range, its end as an
    instant and an id, and the limit. Each row begins with the schema and the document of an order. `lists` has the
    statement of each combination of filters; in its key, "status" is repeated for each status.

    `created_to` and the position both end the list; the statement gets the nearer one, so that the index is entered
    there and no row is read in vain.
    """
    statuses = [("status", status) for status in where.statuses]
    filters = [("user_id", where.user_id), *statuses, ("external_ref", where.external_ref), ("tag", where.tag)]
    given = [(name, value) for name, value in filters if value is not None]
    start = where.created_from or _BEGINNING
    ends = [] if where.created_to is None else [(where.created_to, "")]
    if after is not None:
        ends.append((after.created_at, after.id))
    end, end_id = min(ends, default=END)
    statement = lists[tuple(name for name, _ in given)]
    values = (value for _, value in given)
    return statement, (*values, dialect.stored(start), dialect.stored(end), end_id, in_64_bits(limit))


def _of_head(head: Mapping[str, Any]) -> tuple[int | None, bytes | None]:
    """Return the schema and the keys of a stored order."""
    requests = head.get("requests")
    return head.get("schema"), requests.encode() if isinstance(requests, str) else None


def in_64_bits(number: int) -> int:
    """Return the number, or the nearest that a database takes: no stored number is beyond."""
    return max(SMALLEST, min(number, LARGEST))


def _one(build: Callable[[Row], _Built], rows: Sequence[Row]) -> _Built | None:
    return built(build, rows)[0] if rows else None
