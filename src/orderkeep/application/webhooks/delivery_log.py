"""The log of a subscription's attempts: the newest `LOG_RECORDS` records, each with the attempts of one transaction."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from orderkeep.application.records import MAX_RECORD_BYTES, Record
from orderkeep.application.webhooks.sending import MAX_RESPONSE_BODY, WebhookResponse

LOG_RECORDS = 200
"""How many records of the log are kept for each subscription."""

MAX_ATTEMPTS_IN_RECORD = 40
"""With responses of 1 KB, this is half of the size that a record may have."""

MAX_LOGGED_RESPONSE = 1_024
"""How much of a response is logged, in characters."""

HIDDEN = "***"

_NUMBERS = 10**12
"""Records are listed in the order of their IDs. These count backwards from this number, so that the newest is first."""

_SECRETS = re.compile(
    r"""
    (?P<name>["']?[\w.-]*(?:password|passwd|secret|token|api[-_]?key|authorization|signature|cookie)[\w.-]*["']?
        \s*[:=]\s*(?:(?:bearer|basic)\s+)?["']?)[^\s"',;&}]+  # a value with a telling name
    | \b(?:bearer|basic)\s+[\w.~+/=-]{8,}
    | \b(?:whsec|ok|sk|pk|rk|ghp|gho|xox[a-z])_[\w+/=-]{8,}
    | \beyJ[\w-]{5,}(?:\.[\w-]*){1,2}  # a JSON Web Token
    | -----BEGIN[^-]*-----.*
    | [\w.+-]+@[\w-]+\.[\w.-]+  # an e-mail address
    | [A-Za-z0-9+/_=-]{32,}  # a key or a digest
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to deliver an event, or the outcome of a test. `attempt` counts from 1. `status` is None if the
    receiver sent no complete response; `error` then says why. `response` is the beginning of its body, redacted.
    `order_id` is None for a test. `replayed`: it is that of an earlier request with the same idempotency key.
    """

    at: datetime
    event_id: str
    type: str
    order_id: str | None
    position: int
    attempt: int
    status: int | None
    seconds: float
    error: str | None
    response: str
    replayed: bool = False

    def to_values(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        values = {name: getattr(self, name) for name in _FIELDS}  # all are plain: `asdict` takes ten times as long
        return values | {"at": self.at.isoformat()}

    @classmethod
    def of(cls, values: dict[str, Any]) -> Attempt:
        """Return the attempt that JSON has."""
        return cls(**values | {"at": datetime.fromisoformat(values["at"])})  # the other fields are JSON's own types

    @property
    def delivered(self) -> bool:
        return is_success(self.status)


def is_success(status: int | None) -> bool:
    """Return whether the receiver accepted an event: with any status from 200 to 299."""
    return status is not None and 200 <= status <= 299


def redacted(body: bytes) -> str:
    """Return the beginning of a response as text, without control characters, and without what looks like a secret or
    an e-mail address.
    """
    text = body[:MAX_RESPONSE_BODY].decode(errors="replace")
    text = _SECRETS.sub(lambda found: (found["name"] or "") + HIDDEN, text)
    return "".join(each if each.isprintable() else " " for each in text)[:MAX_LOGGED_RESPONSE]


def reason_of(response: WebhookResponse) -> str:
    """Return why a response is not a success."""
    return f"status {response.status}" if response.status is not None else response.error or "no response"


def log_kind(webhook_id: str) -> str:
    """Return the kind of the records of a subscription's log."""
    return f"webhook-deliveries:{webhook_id}"


def log_records(webhook_id: str, logged: int, attempts: Iterable[Attempt]) -> tuple[list[Record], list[Record]]:
    """Return the records to write for these attempts, and those to delete, if `logged` were written before."""
    written: list[Record] = []
    for batch in _batches(attempts):
        logged += 1
        written.append(_record(webhook_id, logged, f"[{','.join(reversed(batch))}]", 0))
    numbers = range(logged - len(written) - LOG_RECORDS + 1, logged - LOG_RECORDS + 1)
    return written, [_record(webhook_id, number, "", 1) for number in numbers if number > 0]


def attempts_in(record: Record) -> list[Attempt]:
    """Return the attempts in a record, newest first."""
    return [Attempt.of(each) for each in json.loads(record.content)]


def _record(webhook_id: str, number: int, content: str, version: int) -> Record:
    return Record(log_kind(webhook_id), f"{_NUMBERS - number:012}", content, version)


def _batches(attempts: Iterable[Attempt]) -> Iterator[list[str]]:
    batch, size = list[str](), 0
    for attempt in attempts:
        text = _encode(attempt.to_values())
        bytes_of = len(text.encode())
        if batch and (len(batch) == MAX_ATTEMPTS_IN_RECORD or size + bytes_of > MAX_RECORD_BYTES - 1_000):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += bytes_of + 1
    if batch:
        yield batch


_encode: Callable[[object], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_FIELDS = [each.name for each in fields(Attempt) if each.name != "replayed"]
