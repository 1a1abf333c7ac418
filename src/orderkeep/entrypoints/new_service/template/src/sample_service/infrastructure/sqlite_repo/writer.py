"""Group commit: one thread writes, and all saves that are pending when it starts a transaction share one fsync.

A loop collects saves until an iteration adds none, then hands them over: a thread that wakes for each of them would
compete for the GIL with the loop that is about to add the next, and small groups cost an fsync each.
"""

import asyncio
import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from sample_service.domain.exceptions import ConcurrentUpdate, StoreUnavailable
from sample_service.infrastructure.sqlite_repo.errors import CLOSED, is_busy, translated

T = TypeVar("T")

MOST_SAVES = 512
"""How many saves share a commit at most, so that other processes get the lock in between."""

BUSY_SECONDS = 5.0
"""How long one process waits for another's lock before it fails with `StoreUnavailable`."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.0002, 0.002


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that changes exactly one row, or meets a conflict and changes none."""

    sample_item_id: str
    statement: str
    parameters: tuple[object, ...]


def retry_while_locked(action: Callable[[], T]) -> T:
    """Run the action, again while another process holds the lock. Raises the last error after `BUSY_SECONDS`.

    SQLite's own busy handler backs off to 100 ms a step, so that one of several busy processes starves, and does not
    wait at all if two processes enter WAL mode at once.
    """
    deadline = None
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            now = time.monotonic()
            deadline = deadline or now + BUSY_SECONDS
            if not is_busy(error) or now >= deadline:
                raise
        time.sleep(random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE))  # noqa: S311


@dataclass(slots=True, eq=False)
class _Save:
    writes: Sequence[Write]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None] | None = None  # of the last of several saves
    error: BaseException | None = None


class CommitWriter:
    """Owns the connection that writes. Any number of event loops, in any threads, may save concurrently."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        check_writable: Callable[[], None],
        close: Callable[[], None],
    ) -> None:
        self._connection, self._cursor = connection, connection.cursor()
        self._path, self._check_writable, self._close = path, check_writable, close
        self.failed = False
        """Whether the last commit failed, or a save in it for another reason than a conflict."""
        self._collected: dict[asyncio.AbstractEventLoop, list[_Save]] = {}
        self._pending: SimpleQueue[list[_Save]] = SimpleQueue()
        self._taken: list[_Save] = []  # and not yet committed
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def save(self, *each: Sequence[Write]) -> list[BaseException | None]:
        """Return once each is durable. The result of a save is None, or the `ConcurrentUpdate` that rejected one of its
        writes: then none of its writes is done. Raises `StoreUnavailable`. If cancelled, the saves may still be done.
        """
        if not each:
            return []
        loop = asyncio.get_running_loop()
        saves, done = [_Save(writes, loop) for writes in each], loop.create_future()
        saves[-1].future = done
        with self._lock:
            if self._closed:
                raise StoreUnavailable(CLOSED)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sample-service-sqlite-writer", daemon=True)
                self._thread.start()
            if loop not in self._collected:
                self._collected[loop] = []
                loop.call_soon(self._hand_over, loop)
            self._collected[loop] += saves
        await done
        for save in saves:
            if save.error is not None and not isinstance(save.error, ConcurrentUpdate):
                raise save.error
        return [save.error for save in saves]

    async def close(self) -> None:
        """Finish the accepted saves, then close the connection."""
        loop = asyncio.get_running_loop()
        last = _Save((), loop, done := loop.create_future())  # a save without writes ends the thread
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for loop in list(self._collected):
                self._put_collected(loop)
            self._pending.put([last])
        if self._thread is None:
            self._close()
        else:
            await done

    def _hand_over(self, loop: asyncio.AbstractEventLoop, before: int = 0) -> None:
        with self._lock:
            number = len(self._collected.get(loop, ()))
            if before < number < MOST_SAVES:  # requests that are at hand may add more
                loop.call_soon(self._hand_over, loop, number)
                return
            self._put_collected(loop)

    def _put_collected(self, loop: asyncio.AbstractEventLoop) -> None:
        # With the lock held, so that no save is put after the one that ends the thread.
        if saves := self._collected.pop(loop, None):
            self._pending.put(saves)

    def _run(self) -> None:
        last = None
        while last is None:
            saves = self._take()
            if not saves[-1].writes:
                last = saves.pop()
            try:
                if saves:
                    self._commit(saves)
            except BaseException as error:  # noqa: BLE001  # callers must get it, and later saves must be served
                self._fail(saves, error)
            _report(saves)
        with contextlib.suppress(sqlite3.Error):
            self._close()
        _report([last])

    def _take(self) -> list[_Save]:
        """Return all saves that are pending, at least one and at most `MOST_SAVES`."""
        taken = self._taken or self._pending.get()
        with contextlib.suppress(Empty):
            while len(taken) < MOST_SAVES:
                taken += self._pending.get_nowait()
        self._taken = taken[MOST_SAVES:]
        return taken[:MOST_SAVES]

    def _commit(self, saves: Sequence[_Save]) -> None:
        self._check_writable()
        retry_while_locked(self._begin)
        try:
            for save in saves:
                self._write(save)
        except Exception:  # noqa: BLE001
            # A statement failed for another reason than a conflict. So that only its own save fails, all are repeated
            # with a savepoint each; savepoints from the start would double the work of every save.
            self._roll_back()
            retry_while_locked(self._begin)
            for save in saves:
                self._write_in_savepoint(save)
        self._cursor.execute("COMMIT")
        self.failed = any(isinstance(save.error, StoreUnavailable) for save in saves)

    def _write(self, save: _Save) -> None:
        if len(save.writes) > 1:
            self._write_in_savepoint(save)
        else:  # a conflict shows at the first statement, which then wrote nothing: there is nothing to roll back
            save.error = self._execute(save.writes[0])

    def _write_in_savepoint(self, save: _Save) -> None:
        self._cursor.execute("SAVEPOINT save")
        try:
            save.error = next(filter(None, map(self._execute, save.writes)), None)
        except Exception as error:
            if not self._connection.in_transaction:  # SQLite rolled the whole transaction back
                raise
            save.error = translated(error, self._path)
        if save.error is not None:
            self._cursor.execute("ROLLBACK TO save")
        self._cursor.execute("RELEASE save")

    def _execute(self, write: Write) -> ConcurrentUpdate | None:
        cursor = self._cursor
        cursor.execute(write.statement, write.parameters)
        if cursor.rowcount != 1:
            return ConcurrentUpdate(write.sample_item_id)
        return None

    def _fail(self, saves: Iterable[_Save], error: BaseException) -> None:
        self.failed = True
        with contextlib.suppress(sqlite3.Error):
            self._roll_back()
        for save in saves:
            save.error = translated(error, self._path)

    def _begin(self) -> None:
        self._cursor.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")


def _report(saves: Iterable[_Save]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Save]] = {}
    for save in saves:
        by_loop.setdefault(save.loop, []).append(save)
    for loop, theirs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: no caller is waiting
            loop.call_soon_threadsafe(_settle, theirs)


def _settle(saves: Iterable[_Save]) -> None:
    for save in saves:
        if save.future is not None and not save.future.done():  # or it was cancelled
            save.future.set_result(None)
