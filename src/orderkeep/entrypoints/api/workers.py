"""Several worker processes behind one listening socket: started, given connections in turn, replaced, and stopped.

The supervisor accepts connections and passes each to the next worker. Workers that shared a listening socket would get
unequal shares: of a burst of 48 connections, one of four workers often took all. A worker's standard input is one end
of a socket pair: it sends a byte when it serves, receives connections and the number of the signal that stops it, and
also stops if the supervisor is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import struct
import sys
from array import array
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger("orderkeep.workers")

STABLE_SECONDS = 10.0
"""A worker that ran for so long is replaced at once; one that ended sooner, after a delay that doubles each time."""

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0


_SO_ATTACH_FILTER = 26
_DROP_SYN = struct.pack(
    "=" + "HBBI" * 4, *(0x30, 0, 0, 13), *(0x45, 0, 1, 2), *(0x06, 0, 0, 0), *(0x06, 0, 0, 2**32 - 1)
)
"""A socket filter (classic BPF): drops a segment if SYN is set in byte 13 of the TCP header, and accepts any other."""


def drop_new_connections(listener: socket.socket) -> None:
    """Begin no new connection on a listening socket that will be closed, on Linux: one that was established between the
    last `accept` and the close would be reset. Clients repeat their first segment, and are refused then.
    """
    address, length = (program := array("Q", _DROP_SYN)).buffer_info()  # an instruction has eight bytes
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", length, address))
    del program  # read by the kernel by now


@dataclass(eq=False, slots=True)
class _Worker:
    process: Process
    control: socket.socket
    serves: bool = False

    def stop(self, number: int) -> None:
        with contextlib.suppress(OSError):  # it ended
            self.control.send(bytes([number]))


class Supervisor:
    """Keeps `count` workers, started by `command`, at work until a signal. It accepts connections for `drain_seconds`
    after SIGTERM, as workers drain for so long, and kills workers that still run `end_seconds` after a signal.
    """

    def __init__(
        self, command: Sequence[str], listener: socket.socket, count: int, drain_seconds: float, end_seconds: float,
        on_ready: Callable[[], None],
    ) -> None:  # fmt: skip
        self._command, self._listener, self._count = command, listener, count
        self._drain_seconds, self._end_seconds, self._on_ready = drain_seconds, end_seconds, on_ready
        self._workers: list[_Worker] = []
        self._stopped_by: int | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Return the exit code: that of the first worker if it does not begin to serve, otherwise 0. The first starts
        alone: it brings the store's tables up to date, or reports why it cannot.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        self._listener.setblocking(False)
        first = await self._start()
        if not first.serves and not self._stopping.is_set():
            return abs(await first.process.wait())
        if not self._stopping.is_set():
            loop.add_reader(self._listener, self._accept)
            self._on_ready()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep(first))
            for _ in range(self._count - 1):
                group.create_task(self._keep(None))
        return 0

    def _accept(self) -> bool:
        """Pass a connection to the worker that has waited longest, and return whether there was one."""
        try:
            connection, _ = self._listener.accept()
        except OSError:  # the client is gone, or no more files can be opened
            return False
        with connection:
            for worker in [each for each in self._workers if each.serves]:
                self._workers.remove(worker)
                self._workers.append(worker)
                with contextlib.suppress(OSError):  # it ended, or is stuck
                    socket.send_fds(worker.control, [b"\0"], [connection.fileno()])
                    break
        return True

    async def _keep(self, worker: _Worker | None) -> None:
        loop, delay = asyncio.get_running_loop(), 0.0
        while worker is not None or not self._stopping.is_set():
            started = loop.time()
            if worker is None:
                worker = await self._start()
            code = await worker.process.wait()
            self._workers.remove(worker)
            worker.control.close()
            worker = None
            if not self._stopping.is_set():
                log.error("a worker ended and will be replaced", extra={"reason": f"exit code {code}"})
                is_stable = loop.time() - started > STABLE_SECONDS
                delay = 0.0 if is_stable else min(2 * delay or FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), delay)

    async def _start(self) -> _Worker:
        """Start a worker, and wait until it serves or ends."""
        control, theirs = socket.socketpair()
        control.setblocking(False)
        with theirs:  # the process group of its own: Ctrl+C in a terminal reaches the supervisor only
            process = await asyncio.create_subprocess_exec(*self._command, stdin=theirs.fileno(), process_group=0)
        worker = _Worker(process, control)
        self._workers.append(worker)
        if self._stopped_by is not None:  # while it was started
            worker.stop(self._stopped_by)
        with contextlib.suppress(OSError):
            worker.serves = bool(await asyncio.get_running_loop().sock_recv(control, 1))
        return worker

    def _stop(self, number: int) -> None:
        """Stop all workers. The first signal goes through the socket pair, which also reaches workers that still start,
        and is handled once if a service manager sent it to every process. Others are passed on.
        """
        is_first, self._stopped_by = self._stopped_by is None, number
        self._stopping.set()
        drain = self._drain_seconds if is_first and number == signal.SIGTERM else 0.0
        loop = asyncio.get_running_loop()
        loop.call_later(drain, self._close_listener)
        if is_first:
            loop.call_later(self._end_seconds, self._kill)
        for worker in self._workers:
            if is_first:
                worker.stop(number)
            else:
                with contextlib.suppress(ProcessLookupError):
                    worker.process.send_signal(number)

    def _kill(self) -> None:
        for worker in self._workers:
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()

    def _close_listener(self) -> None:
        if self._listener.fileno() >= 0:
            drop_new_connections(self._listener)
            while self._accept():  # a connection that was not accepted would be reset
                pass
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
