"""Group commit: one thread writes, and all saves that wait when it turns to them share a transaction and an fsync."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnavailable
from orderkeep.infrastructure.sqlite_repo.errors import CLOSED, translated
from orderkeep.infrastructure.sqlite_repo.locks import patiently
from orderkeep.infrastructure.sqlite_repo.rows import INSERT_CHANGE, INSERT_TAG, Write

MOST_SAVES = 512
"""How many saves share a commit at most, so that other processes get their turn."""


@dataclass(slots=True, eq=False)
class _Save:
    writes: Sequence[Write]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]
    error: BaseException | None = None

    @classmethod
    def waiting(cls, writes: Sequence[Write]) -> "_Save":
        loop = asyncio.get_running_loop()
        return cls(writes, loop, loop.create_future())


class CommitWriter:
    """Owns the connection that writes. Any number of event loops, in any threads, may save at once."""

    def __init__(self, connection: sqlite3.Connection, check_in_place: Callable[[], None]) -> None:
        self._connection, self._cursor = connection, connection.cursor()
        self._check_in_place = check_in_place
        self._waiting: SimpleQueue[_Save] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def save(self, writes: Sequence[Write]) -> None:
        """Return once all of the writes are durable. Raises `ConcurrentUpdate` where one is refused, and then none
        is done, and `StoreUnavailable`. Cancelled, the save may still be done.
        """
        save = _Save.waiting(writes)
        with self._lock:
            if self._closed:
                raise StoreUnavailable(CLOSED)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="orderkeep-sqlite-writer", daemon=True)
                thread.start()
                self._thread = thread
            self._waiting.put(save)
        await save.future

    async def close(self) -> None:
        """Finish the saves that were accepted, then close the connection."""
        last = _Save.waiting(())  # the one that writes nothing is the last
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(last)
        if self._thread is None:
            self._connection.close()
        else:
            await last.future

    def _run(self) -> None:
        last = None
        while last is None:
            saves: list[_Save] = []
            last = self._take(saves)
            try:
                if saves:
                    self._commit(saves)
            except BaseException as error:  # noqa: BLE001  # whatever it is: who waits must hear, who comes be served
                self._fail(saves, error)
            _wake(saves)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        _wake([last])

    def _take(self, saves: list[_Save]) -> _Save | None:
        save = self._waiting.get()
        with contextlib.suppress(Empty):
            while save.writes:
                saves.append(save)
                if len(saves) == MOST_SAVES:
                    return None
                save = self._waiting.get_nowait()
            return save
        return None

    def _commit(self, saves: Sequence[_Save]) -> None:
        self._check_in_place()
        patiently(self._begin)
        try:
            for save in saves:
                self._write(save)
        except Exception:  # noqa: BLE001
            # A statement failed that no race explains. So that only its own save fails, all are done anew, apart:
            # a savepoint for each save from the start would double the work of every save.
            self._roll_back()
            patiently(self._begin)
            for save in saves:
                self._write_apart(save)
        self._cursor.execute("COMMIT")

    def _write(self, save: _Save) -> None:
        if len(save.writes) > 1:
            return self._write_apart(save)
        # Refused by its first statement, which then wrote nothing: there is nothing to take back.
        save.error = self._refusal(save.writes[0])
        return None

    def _write_apart(self, save: _Save) -> None:
        self._cursor.execute("SAVEPOINT save")
        try:
            save.error = next(filter(None, map(self._refusal, save.writes)), None)
        except Exception as error:
            if not self._connection.in_transaction:  # SQLite gave up the whole transaction
                raise
            save.error = translated(error)
        if save.error is not None:
            self._cursor.execute("ROLLBACK TO save")
        self._cursor.execute("RELEASE save")

    def _refusal(self, write: Write) -> ConcurrentUpdate | None:
        cursor = self._cursor
        cursor.execute(write.order_sql, write.order_row)
        if cursor.rowcount != 1:
            return ConcurrentUpdate(write.order_id)
        if write.tag_rows:
            cursor.executemany(INSERT_TAG, write.tag_rows)
        if write.change_row:
            cursor.execute(INSERT_CHANGE, write.change_row)
        return None

    def _fail(self, saves: Iterable[_Save], error: BaseException) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._roll_back()
        for save in saves:
            save.error = translated(error)

    def _begin(self) -> None:
        self._cursor.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")


def _wake(saves: Iterable[_Save]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Save]] = {}
    for save in saves:
        by_loop.setdefault(save.loop, []).append(save)
    for loop, theirs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits there any more
            loop.call_soon_threadsafe(_settle, theirs)


def _settle(saves: Iterable[_Save]) -> None:
    for save in saves:
        if save.future.done():  # cancelled
            continue
        if save.error is None:
            save.future.set_result(None)
        else:
            save.future.set_exception(save.error)
