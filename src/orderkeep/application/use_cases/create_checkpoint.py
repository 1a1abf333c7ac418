"""Record a checkpoint: the content of the feed at one time, to find later what was lost or rolled back since."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from datetime import UTC

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.documents import digest_of
from orderkeep.application.ports import (
    Clock,
    DocumentStore,
    FeedEntry,
    Progress,
    StoreContents,
    ignore_progress,
    utc_now,
)

_KEY = re.compile(r"checkpoints/[0-9TZ.-]+-([0-9a-f]{64})\.json", re.ASCII)


class InvalidCheckpoint(ValueError):
    """A checkpoint or its key cannot be used; the message says why."""

    code = "invalid_checkpoint"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The first `changes` changes of the feed, which made `orders` orders: the `position` of the last one, and a
    SHA-256 that covers the last version and hash of every order.
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
    """A recorded checkpoint, the content of its file, and the file's key if it is in the document store."""

    checkpoint: Checkpoint
    file: bytes
    key: str | None


class CreateCheckpointUseCase:
    """Record a checkpoint in the store, and return it as a file, to be stored elsewhere."""

    def __init__(
        self, contents: StoreContents, files: CheckpointFiles, documents: DocumentStore, clock: Clock = utc_now
    ) -> None:
        self.contents, self.files, self.documents, self.clock = contents, files, documents, clock

    async def execute(
        self,
        on_progress: Progress = ignore_progress,
        *,
        private_key: bytes | None = None,
        to_documents: bool = False,
        actor: Actor = SYSTEM,
    ) -> CheckpointResult:
        """Record and return the checkpoint; writers may continue. With a private key, the file is signed. With
        `to_documents`, it is also stored in the document store. Raises `NotAllowed`, `InvalidCheckpoint`,
        `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        recorded_at = self.clock().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        feed = FeedDigest()
        self.files.write(feed.checkpoint(recorded_at), private_key)  # an unusable key must not cost the whole reading
        async for entry in self.contents.feed_entries(settled=True):
            feed.add(entry)
            on_progress(1)
        checkpoint = feed.checkpoint(recorded_at)
        file, key = self.files.write(checkpoint, private_key), None
        if to_documents:
            key = f"checkpoints/{recorded_at.replace(':', '')}-{digest_of(file)}.json"
            await self.documents.put(key, file, "application/json")
        await self.contents.add_checkpoint(recorded_at, checkpoint.to_json())
        return CheckpointResult(checkpoint, file, key)


async def read_checkpoint(documents: DocumentStore, key: str) -> bytes:
    """Return a checkpoint's file from the document store. Its key contains the time, by which keys sort, and the
    file's SHA-256. Raises `InvalidCheckpoint`, `StoreUnavailable`.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        expected = "use one that `orderkeep checkpoint --to-documents` printed"
        raise InvalidCheckpoint(f"{key} is not the key of a checkpoint: {expected}")
    content = await documents.get(key)
    if content is None:
        raise InvalidCheckpoint(
            f"the document store does not contain {key}: the checkpoint was deleted, or this is another document store"
        )
    if digest_of(content) != found[1]:
        raise InvalidCheckpoint(f"the checkpoint {key} was altered: its SHA-256 is not that in its key")
    return content
