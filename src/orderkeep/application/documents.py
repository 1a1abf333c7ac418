"""The keys and file names of documents."""

import hashlib

from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.domain.value_objects import SAFE_ID, Document

RECEIPT = "receipt"

LINK_SECONDS = 300
"""The lifetime of a link to a document."""

ENDINGS = {"text/html": "html", "application/pdf": "pdf", "text/csv": "csv", "application/jsonl": "jsonl"}
"""The file name extension of each media type."""


def digest_of(content: bytes) -> str:
    """Return the SHA-256 (FIPS 180-4) in hexadecimal: the ID of a document."""
    return hashlib.sha256(content).hexdigest()


def document_key(order_id: str, document: Document) -> str:
    """Return the key of an order's document. Raises `StoreUnusable` for an order ID that could name another folder."""
    if not SAFE_ID.fullmatch(order_id):
        raise StoreUnusable("the ID of this order is not valid in a file name")
    return f"orders/{order_id}/{document.id}.{ENDINGS[document.media_type]}"


def file_name_of(order_id: str, document: Document) -> str:
    """Return the file name of a download, such as `receipt-1042-v1.pdf`."""
    name = order_id.replace(":", "_")
    return f"{document.kind}-{name}-v{document.order_version}.{ENDINGS[document.media_type]}"
