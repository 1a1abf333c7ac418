"""Record a checkpoint: the content of the feed at one time, to find later what was lost or rolled back since."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from datetime import UTC

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.ports import Clock, FeedEntry, Progress, StoreContents, ignore_progress, utc_now


class InvalidCheckpoint(ValueError):
    """A checkpoint or its key cannot be used; the message says why."""

    code = "invalid_checkpoint"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The first `changes` changes of the feed, which made `orders` orders: the `position` of the last one, and the
    SHA-256 of all of them. It contains the head of every order: its last version and hash.
    """

    recorded_at: str
    orders: int
    changes: int
    position: str
    sha256: str

    def to_json(self) -> str:
        """Return the checkpoint as one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def of_json(cls, text: str | bytes) -> Checkpoint:
        """Return the checkpoint of a JSON text. Raises `InvalidCheckpoint`."""
        try:
            values = json.loads(text)
            checkpoint = cls(**values)
        except (ValueError, TypeError):
            raise InvalidCheckpoint("this is not a checkpoint: it must be a file of `orderkeep checkpoint`") from None
        if any(type(getattr(checkpoint, f.name)).__name__ != f.type for f in fields(cls)):
            raise InvalidCheckpoint("this is not a checkpoint: a field has the wrong type")
        return checkpoint


class FeedDigest:
    """The numbers and the SHA-256 of the feed from its beginning, entry by entry.

    Each entry is hashed as a line of JSON: its position, order ID, version, hash, and what else the store wrote at the
    commit.
    """

    def __init__(self) -> None:
        self.orders, self.changes, self.position = 0, 0, ""
        self._hash = hashlib.sha256()

    def add(self, entry: FeedEntry) -> None:
        """Add the next entry."""
        self.changes += 1
        self.orders += entry.version == 1
        self.position = ":".join(map(str, entry.position))
        values = [self.position, entry.order_id, entry.version, entry.hash, entry.commit]
        self._hash.update(json.dumps(values, separators=(",", ":"), default=str).encode() + b"\n")

    def checkpoint(self, recorded_at: str) -> Checkpoint:
        """Return the checkpoint of the entries so far."""
        return Checkpoint(recorded_at, self.orders, self.changes, self.position, self._hash.hexdigest())


class CheckpointFiles(ABC):
    """Writes and reads checkpoint files."""

    @abstractmethod
    def write(self, checkpoint: Checkpoint, private_key: bytes | None) -> bytes:
        """Return the content of a file, signed if a private key is given (Ed25519, PEM). Raises
        `InvalidCheckpoint` if the key cannot be used.
        """

    @abstractmethod
    def read(self, content: bytes, public_key: bytes | None) -> Checkpoint:
        """Return the checkpoint of a file. Raises `InvalidCheckpoint` if it is something else, or if its signature is
        not that of the public key.
        """


@dataclass(frozen=True, slots=True)
class CheckpointResult:
    """A recorded checkpoint, and the content of its file."""

    checkpoint: Checkpoint
    file: bytes


class CreateCheckpointUseCase:
    """Record a checkpoint in the store, and return it as a file, to be stored elsewhere."""

    def __init__(self, contents: StoreContents, files: CheckpointFiles, clock: Clock = utc_now) -> None:
        self.contents, self.files, self.clock = contents, files, clock

    async def execute(
        self, on_progress: Progress = ignore_progress, *, private_key: bytes | None = None, actor: Actor = SYSTEM
    ) -> CheckpointResult:
        """Record and return the checkpoint; writers may continue. With a private key, the file is signed. Raises
        `NotAllowed`, `InvalidCheckpoint`, `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        recorded_at = self.clock().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        feed = FeedDigest()
        self.files.write(feed.checkpoint(recorded_at), private_key)  # an unusable key must not cost the whole reading
        async for entry in self.contents.feed_entries(settled=True):
            feed.add(entry)
            on_progress(1)
        checkpoint = feed.checkpoint(recorded_at)
        file = self.files.write(checkpoint, private_key)
        await self.contents.add_checkpoint(recorded_at, checkpoint.to_json())
        return CheckpointResult(checkpoint, file)
