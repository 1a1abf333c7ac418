"""Orders that were stored before tracking numbers had labels: they verify, and are found from their next change on."""

import pytest

from orderkeep.application.dtos import labels_of, tracking_labels
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.bootstrap.stores import open_store
from orderkeep.infrastructure import serialization
from orderkeep.infrastructure.serialization import UNTRACKED_SCHEMA
from orderkeep.testing.orders import SINCE
from orderkeep.testing.searches import found, shipped_order
from orderkeep.testing.stores import loaded


@pytest.mark.parametrize("store_url", ["memory", "sqlite", "postgres", "dynamodb"], indirect=True)
async def test_untracked_order_verifies_and_is_found_after_its_next_change(store_url: str) -> None:
    store = open_store(store_url)
    with pytest.MonkeyPatch.context() as before:
        before.setattr(serialization, "SCHEMA", UNTRACKED_SCHEMA)
        before.setattr(
            serialization,
            "labels_of",
            lambda order: tuple(label for label in labels_of(order) if label not in tracking_labels(order)),
        )
        await store.save(shipped_order("order-1", "1Z 999", tags=("gift",)), shipped_order("order-2", "1Z 999"))
    verify = VerifyOrdersUseCase(store)
    assert (await verify.execute()).problems == []
    assert await found(store, "1Z999") == []

    order = await loaded(store, "order-1")
    order.add_note("Called.", "internal", at=SINCE)
    await store.save(order)
    assert await found(store, "1Z999") == ["order-1"]
    order.update_shipment("s1", {"tracking_number": None}, at=SINCE)
    await store.save(order)
    assert await found(store, "1Z999") == []
    assert (await verify.execute()).problems == []
    await store.close()
