"""How long a client may be slow: with a head, with a body, and with reading its answer. Who is slower is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from orderkeep.entrypoints.api.http1 import bounds
from orderkeep.entrypoints.api.http1.refusals import too_slow

if TYPE_CHECKING:
    from orderkeep.entrypoints.api.http1.connection import Connection


Stage = Literal["between", "head", "body", "over"]
"""What is heard from the client: nothing yet, a head, a body; or nothing more, whatever it sends."""


class Patience:
    """Looks at one connection from time to time, and remembers how it was."""

    def __init__(self) -> None:
        self._unsent = 0
        self._since = 0.0

    def look_at(self, connection: Connection, now: float) -> None:
        """End the connection, or refuse what it is at, where its time is over."""
        unsent = connection.transport.unsent()
        if unsent or connection.transport.lingers:
            self._look_at_reader(connection, unsent, now)
        else:
            self._since = 0.0
            _look_at_sender(connection, now)

    def _look_at_reader(self, connection: Connection, unsent: int, now: float) -> None:
        """A client has to take what is sent to it, and after the last of it has some time to close."""
        taken = self._unsent - unsent
        if not self._since or taken < 0 or taken > bounds.ANSWER_PAUSE_SECONDS * bounds.BYTES_PER_SECOND:
            self._unsent, self._since = unsent, now
        elif not unsent and self._unsent:
            self._unsent, self._since = 0, now
        elif unsent and now - self._since > bounds.ANSWER_PAUSE_SECONDS:
            connection.cut("answer")
        elif not unsent and now - self._since > bounds.LINGER_SECONDS:
            connection.transport.abort()


def _took(connection: Connection, now: float) -> float:
    return 0.0 if connection.since is None else now - connection.since


def _look_at_sender(connection: Connection, now: float) -> None:
    took = _took(connection, now)
    match connection.stage:
        case "body" if connection.flow.read_paused:
            connection.since = now  # it is us who do not listen
        case "body" if took > bounds.time_for_a_body(connection.received):
            connection.traffic.metrics.cut["body"] += 1
            connection.refuse(too_slow("the body", took))
        case "head" if took > bounds.HEAD_SECONDS:
            connection.traffic.metrics.cut["head"] += 1
            connection.refuse(too_slow("the head of the request", took))
        case "between" if took > bounds.HEAD_SECONDS and not connection.waits_for_us:
            connection.cut("idle")
