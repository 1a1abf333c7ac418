"""Checkpoints: what `verify` finds with them, and which files are rejected."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import IO

import pytest

from orderkeep.application.access.actor import Actor, ActorKind
from orderkeep.application.errors import NotAllowed
from orderkeep.application.ports import FeedEntry
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.create_checkpoint import (
    Checkpoint,
    CheckpointResult,
    CreateCheckpointUseCase,
    InvalidCheckpoint,
)
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase, VerifyProblem, VerifyReport
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.checkpoint_files import Ed25519CheckpointFiles
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, small_order

LATER = SINCE + timedelta(days=1)


async def store_with(*order_ids: str) -> InMemoryOrderRepository:
    store = InMemoryOrderRepository()
    for order_id in order_ids:
        await store.save(small_order(order_id))
    return store


async def checkpoint_of(store: InMemoryOrderRepository) -> CheckpointResult:
    return await CreateCheckpointUseCase(
        store, Ed25519CheckpointFiles(), InMemoryDocumentStore(), clock=lambda: LATER
    ).execute()


async def verified(store: InMemoryOrderRepository, file: bytes | None = None) -> VerifyReport:
    return await VerifyOrdersUseCase(store, files=Ed25519CheckpointFiles()).execute(checkpoint_file=file)


async def test_checkpoint_counts_orders_and_changes() -> None:
    store = await store_with("order-1", "order-2")
    await ConfirmOrderUseCase(store).execute("order-2")
    made = await checkpoint_of(store)
    found = made.checkpoint
    assert (found.orders, found.changes, found.position) == (2, 3, "3")
    assert found.recorded_at == "2026-02-04T04:05:06.789012Z"
    assert made.file == found.to_json().encode() + b"\n"
    assert Checkpoint.of_json(await store.last_checkpoint() or "") == found


class HeldBackStore(InMemoryOrderRepository):
    """Has a change that is committed while an earlier one is not."""

    async def feed_entries(self, *, settled: bool = False) -> AsyncIterator[FeedEntry]:
        found = [entry async for entry in super().feed_entries(settled=settled)]
        for entry in found[:-1] if settled else found:
            yield entry


async def test_checkpoint_ends_where_a_change_may_still_be_added() -> None:
    store = HeldBackStore([small_order("order-1"), small_order("order-2")])
    assert (await checkpoint_of(store)).checkpoint.changes == 1


async def test_checkpoint_is_valid_after_orders_have_grown() -> None:
    store = await store_with("order-1", "order-2")
    made = await checkpoint_of(store)
    await ConfirmOrderUseCase(store).execute("order-1")
    await store.save(small_order("order-3"))
    report = await verified(store, made.file)
    assert (report.changes, report.checkpoints, report.problems) == (4, 2, [])


async def test_checkpoint_of_an_empty_store_is_valid_later() -> None:
    store = await store_with()
    made = await checkpoint_of(store)
    assert (made.checkpoint.changes, made.checkpoint.position) == (0, "")
    await store.save(small_order("order-1"))
    assert (await verified(store, made.file)).problems == []


async def test_verify_finds_altered_checkpoint_of_an_empty_store() -> None:
    store = await store_with()
    made = replace((await checkpoint_of(store)).checkpoint, position="7")
    report = await verified(store, made.to_json().encode() + b"\n")
    message = f"the first 0 changes of the feed are not those of the checkpoint of {made.recorded_at}"
    assert report.problems == [VerifyProblem("", 0, message)]


async def test_verify_finds_lost_changes_by_a_checkpoint() -> None:
    made = await checkpoint_of(await store_with("order-1", "order-2"))
    report = await verified(await store_with("order-1"), made.file)
    lost = f"the feed contains 1 changes, and contained 2 at the checkpoint of {made.checkpoint.recorded_at}"
    assert [problem.message for problem in report.problems] == [lost]


async def test_verify_finds_other_changes_by_the_checkpoint_in_the_store() -> None:
    made = await checkpoint_of(await store_with("order-1", "order-2"))
    store = await store_with("order-1", "order-3", "order-2")
    await store.add_checkpoint(made.checkpoint.recorded_at, made.checkpoint.to_json())
    report = await verified(store)
    other = f"the first 2 changes of the feed are not those of the checkpoint of {made.checkpoint.recorded_at}"
    assert [problem.message for problem in report.problems] == [other]


async def test_verify_compares_the_last_checkpoint_in_the_store() -> None:
    store = await store_with("order-1")
    await store.add_checkpoint("2026-01-01T00:00:00.000000Z", "not JSON")
    (problem,) = (await verified(store)).problems
    assert problem.message.startswith("the last checkpoint in the store was altered: this is not a checkpoint")
    await checkpoint_of(store)
    assert (await verified(store)).problems == []


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"orders":1}', b"\xff", b"null"])
async def test_file_that_is_no_checkpoint_is_rejected(content: bytes) -> None:
    with pytest.raises(InvalidCheckpoint, match="is not a checkpoint"):
        await verified(await store_with("order-1"), content)


async def test_checkpoint_with_a_value_of_another_type_is_rejected() -> None:
    file = (await checkpoint_of(await store_with("order-1"))).file
    with pytest.raises(InvalidCheckpoint, match="a field has the wrong type"):
        await verified(await store_with("order-1"), file.replace(b'"orders":1', b'"orders":"1"'))


async def test_checkpoint_needs_the_scope_admin() -> None:
    clerk = Actor(ActorKind.STAFF, "clerk", frozenset())
    create = CreateCheckpointUseCase(await store_with("order-1"), Ed25519CheckpointFiles(), InMemoryDocumentStore())
    with pytest.raises(NotAllowed):
        await create.execute(actor=clerk)


async def document_with(store: InMemoryOrderRepository, documents: InMemoryDocumentStore) -> str:
    create = CreateCheckpointUseCase(store, Ed25519CheckpointFiles(), documents, clock=lambda: LATER)
    made = await create.execute(to_documents=True)
    assert made.key
    assert await documents.get(made.key) == made.file
    return made.key


async def test_checkpoint_in_the_document_store_finds_what_was_lost() -> None:
    documents = InMemoryDocumentStore()
    key = await document_with(await store_with("order-1", "order-2"), documents)
    assert key.startswith("checkpoints/2026-02-04T040506.789012Z-")
    verify = VerifyOrdersUseCase(await store_with("order-1"), documents, Ed25519CheckpointFiles())
    (problem,) = (await verify.execute(checkpoint_key=key)).problems
    assert problem.message.startswith("the feed contains 1 changes, and contained 2 at the checkpoint of 2026-02-04")


async def test_checkpoint_is_not_in_the_document_store_by_default() -> None:
    assert (await checkpoint_of(await store_with("order-1"))).key is None


async def test_checkpoint_of_another_key_is_rejected() -> None:
    store, documents = await store_with("order-1"), InMemoryDocumentStore()
    key = await document_with(store, documents)
    verify = VerifyOrdersUseCase(store, documents, Ed25519CheckpointFiles())
    with pytest.raises(InvalidCheckpoint, match="is not the key of a checkpoint"):
        await verify.execute(checkpoint_key="exports/orders.csv")
    with pytest.raises(InvalidCheckpoint, match="the document store does not contain checkpoints/"):
        await verify.execute(checkpoint_key=key.replace("2026", "2025"))


async def test_checkpoint_that_was_altered_in_the_document_store_is_rejected() -> None:
    store, documents = await store_with("order-1"), InMemoryDocumentStore()
    key = await document_with(store, documents)
    altered = InMemoryDocumentStore()
    await altered.put(key, (await documents.get(key) or b"").replace(b'"orders":1', b'"orders":2'), "application/json")
    with pytest.raises(InvalidCheckpoint, match="was altered: its SHA-256 is not that in its key"):
        await VerifyOrdersUseCase(store, altered, Ed25519CheckpointFiles()).execute(checkpoint_key=key)


async def test_checkpoint_is_not_recorded_if_the_document_store_fails() -> None:
    class FullDocumentStore(InMemoryDocumentStore):
        async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:
            raise StoreUnavailable(f"{key} of {media_type} does not fit: {content!r}")

    store = await store_with("order-1")
    with pytest.raises(StoreUnavailable):
        await document_with(store, FullDocumentStore())
    assert await store.last_checkpoint() is None
