"""The JSON Schemas of the page on events are those of the events that happen."""

import json
import re

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # of check-jsonschema

from orderkeep.application.events import events_of
from orderkeep.domain.entities import event_types
from orderkeep.domain.payments import Payment
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, pending_order
from tests.docs.event_tables import schema_of
from tests.docs.pages import CHECKOUT

PAGE = (CHECKOUT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")
SCHEMAS = dict(re.findall(r"#### (\w+)\n\n[^\n]+\n\n```json\n([^\n]+)\n```", PAGE))


def test_page_has_the_schema_of_each_type() -> None:
    assert SCHEMAS.keys() == event_types().keys()
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(json.loads(schema))


async def test_events_match_their_schemas() -> None:
    store, order = InMemoryOrderRepository(), pending_order()
    order.record_payment(Payment("pay-1", "captured", 50_000, None, SINCE), at=SINCE)
    order.confirm(at=SINCE)
    order.ship(at=SINCE)
    order.deliver(at=SINCE)
    await store.save(order)
    [change] = await store.list_changes(order.id, 0, 9)
    events = events_of(change, 1, change.order, full=True)
    assert len(events) > 5
    for event in events:
        Draft202012Validator(json.loads(SCHEMAS[event.type])).validate(
            {name: value for name, value in event.data.items() if name not in ("order", "previous")}
        )


@pytest.mark.parametrize("data", [{"reason": 5, "note": None}, {"note": None}])
def test_schema_rejects_other_data(data: dict[str, object]) -> None:
    assert not Draft202012Validator(schema_of(event_types()["OrderCancelled"])).is_valid(data)
