"""How a sample item is stored: as a JSON document, whose members are the fields of the entity."""

import json
from dataclasses import asdict, fields, replace
from datetime import datetime

from sample_service.domain.entities import SampleItem
from sample_service.domain.lifecycle import SampleItemStatus

_FIELDS = frozenset(field.name for field in fields(SampleItem))


def next_document(sample_item: SampleItem) -> str:
    """Return the document to save: that of the next version."""
    saved = replace(sample_item, version=sample_item.version + 1)
    return json.dumps(asdict(saved), default=datetime.isoformat, separators=(",", ":"))


def sample_item_of(document: str) -> SampleItem:
    """Return the sample item of a document. Other members are ignored: a newer version may have more fields."""
    stored = {name: value for name, value in json.loads(document).items() if name in _FIELDS}
    stored["status"] = SampleItemStatus(stored["status"])
    for name in ("created_at", "updated_at"):
        stored[name] = datetime.fromisoformat(stored[name])
    return SampleItem(**stored)
