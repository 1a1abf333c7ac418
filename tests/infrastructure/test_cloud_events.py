"""Changes as CloudEvents: valid for the CloudEvents project's own reader, with unique IDs, the same each time."""

import json
from dataclasses import replace

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat

from orderkeep.application.events import cloud_event_type
from orderkeep.domain.entities import event_types
from orderkeep.infrastructure.cloud_events import cloud_events
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import cancelled_order
from tests.infrastructure.published_changes import changes_of, feed_of, with_events

TYPES = {
    "OrderPlaced": "orderkeep.order.placed",
    "OrderImported": "orderkeep.order.imported",
    "OrderConfirmed": "orderkeep.order.confirmed",
    "ShipmentCreated": "orderkeep.order.shipment_created",
    "ShipmentUpdated": "orderkeep.order.shipment_updated",
    "ShipmentDelivered": "orderkeep.order.shipment_delivered",
    "OrderShipped": "orderkeep.order.shipped",
    "OrderDelivered": "orderkeep.order.delivered",
    "OrderCancelled": "orderkeep.order.cancelled",
    "LinesCancelled": "orderkeep.order.lines_cancelled",
    "OrderHeld": "orderkeep.order.held",
    "OrderReleased": "orderkeep.order.released",
    "PaymentRecorded": "orderkeep.order.payment_recorded",
    "RefundCreated": "orderkeep.order.refund_created",
    "RefundSucceeded": "orderkeep.order.refund_succeeded",
    "RefundFailed": "orderkeep.order.refund_failed",
    "ObligationsChanged": "orderkeep.order.obligations_changed",
    "ReturnRequested": "orderkeep.order.return_requested",
    "ReturnReceived": "orderkeep.order.return_received",
    "ReturnRejected": "orderkeep.order.return_rejected",
    "ReturnCancelled": "orderkeep.order.return_cancelled",
    "NoteAdded": "orderkeep.order.note_added",
    "NoteEdited": "orderkeep.order.note_edited",
    "DetailsChanged": "orderkeep.order.details_changed",
    "PersonalDataChanged": "orderkeep.order.personal_data_changed",
    "PersonalDataErased": "orderkeep.order.personal_data_erased",
    "DocumentAttached": "orderkeep.order.document_attached",
}


async def test_an_event_is_a_cloud_event_that_says_all_of_the_change() -> None:
    store = InMemoryOrderRepository([cancelled_order()])
    (change,) = await feed_of(store)
    (event,) = cloud_events(change, "/shops/web")
    message = HTTPMessage({"content-type": "application/cloudevents+json"}, event.to_json())
    read = from_structured_event(message, JSONFormat())
    said = read.get_attributes()
    assert said["id"] == "order-1.1.1"
    assert (said["source"], said["type"], said["subject"]) == ("/shops/web", "orderkeep.order.imported", "order-1")
    assert (said["specversion"], said["datacontenttype"]) == ("1.0", "application/json")
    assert (said["time"], said["dataschema"]) == (change.at, "urn:orderkeep:order-event:1")
    snapshot = await store.get_snapshot("order-1")
    assert snapshot is not None
    assert read.get_data() == {
        "event": {"type": "OrderImported", "data": {"status": "cancelled"}},
        "version": 1,
        "actor": "staff:anna",
        "request_id": "request-8f3a",
        "order": json.loads(snapshot.json),
        "order_ref": "/orders/order-1?version=1",
    }


def test_each_event_of_the_domain_has_a_type_that_stays() -> None:
    assert {name: cloud_event_type(name) for name in event_types()} == TYPES
    assert cloud_event_type("OrderPartlyShipped") == "orderkeep.order.partly_shipped"


async def test_event_id_is_unique_and_stable() -> None:
    changes = [with_events(change, "OrderPlaced", "OrderConfirmed") for change in await changes_of("A1 A2 B1")]
    changes.append(replace(changes[0], order_id="A.1"))
    ids = [event.id for change in changes for event in cloud_events(change)]
    assert ids == ["A.1.1", "A.1.2", "A.2.1", "A.2.2", "B.1.1", "B.1.2", "A.1.1.1", "A.1.1.2"]
    assert [event.id for change in changes for event in cloud_events(change)] == ids


async def test_an_event_without_its_order_says_where_to_read_it() -> None:
    (change,) = await changes_of("A2")
    (event,) = cloud_events(replace(change, order_id="a/b?c d"))
    data = json.loads(event.without_order().to_json())["data"]
    assert (data["order"], data["order_ref"]) == (None, "/orders/a%2Fb%3Fc%20d?version=2")
    assert data["event"] == {"type": "OrderConfirmed", "data": {}}


@pytest.mark.parametrize("name", ["id", "source", "subject", "type"])
async def test_no_attribute_is_empty(name: str) -> None:
    (change,) = await changes_of("A1")
    assert getattr(cloud_events(change)[0], name)
