"""What must hold of every order that was taken from outside: it is kept, loaded and read again as it is."""

import json

from orderkeep.application.dtos import OrderDTO
from orderkeep.domain.entities import Order
from orderkeep.entrypoints.import_records import ImportedOrder
from orderkeep.entrypoints.schemas import parse
from orderkeep.infrastructure.serialization import commit_of, order_of


def check_kept(order: Order) -> None:
    """Serialize the order as every store does, load it, and take it over as another service would."""
    kept = OrderDTO.of(order, order.version + 1)
    record = commit_of(order).order
    loaded = order_of(record.document, record.requests, record.seal)
    assert OrderDTO.of(loaded) == kept, "the store's mapping changes it"
    taken = parse(ImportedOrder, json.loads(record.document)).to_order().to_imported_order()
    assert OrderDTO.of(taken, kept.version) == kept, "it cannot be taken over as it was answered"
