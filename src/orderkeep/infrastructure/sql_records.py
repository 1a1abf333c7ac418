"""The records of both SQL stores, in a table of their own."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from orderkeep.application.records import Record, RecordStore, check_write
from orderkeep.infrastructure.serialization import built, page_length
from orderkeep.infrastructure.sql_store import Dialect, Fetch, Row, in_64_bits

_RECORDS = "SELECT id, version, {document} FROM (SELECT kind, id, version, content AS document FROM records) AS r"
_CONTENT = 2


class SqlRecords(RecordStore):
    """Reads records. A store adds how it writes them. `fetch` returns all rows of a statement, `fetch_page` those up to
    the one with which the contents exceed `PAGE_BYTES`.
    """

    def __init__(self, dialect: Dialect, fetch: Fetch, fetch_page: Callable[..., Awaitable[Sequence[Row]]]) -> None:
        self._dialect, self._fetch, self._fetch_page = dialect, fetch, fetch_page
        self._get = dialect.sql(f"{_RECORDS} WHERE id {dialect.any_of} AND kind = $2 ORDER BY id")
        self._list = dialect.page(
            "id, version, {document}", f"{_RECORDS} WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3"
        )

    @abstractmethod
    async def _write(self, records: Sequence[Record], deleted: Sequence[Record]) -> None:
        """Write and delete the records in one transaction. Raises `ConcurrentUpdate`."""

    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        possible = [id for id in ids if id.isprintable()]  # PostgreSQL would reject the others
        return _records_of(kind, await self._fetch(self._get, self._dialect.texts(possible), kind))

    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        rows = await self._fetch_page(_CONTENT, self._list, kind, after, in_64_bits(limit))
        return _records_of(kind, rows[: page_length([len(row[_CONTENT]) for row in rows], limit)])

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        check_write(records, deleted)
        if records or deleted:
            await self._write(records, deleted)
        return [replace(record, version=record.version + 1) for record in records]


def _records_of(kind: str, rows: Sequence[Row]) -> list[Record]:
    return built(lambda row: Record(kind, row[0], row[_CONTENT].decode(), row[1]), rows)
