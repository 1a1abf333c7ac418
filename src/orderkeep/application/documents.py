"""Where documents are kept, and what they are called: the one place that makes keys and file names."""

import hashlib
import re

from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.domain.validation import ID_PATTERN
from orderkeep.domain.value_objects import Document

RECEIPT = "receipt"

LINK_SECONDS = 300
"""How long a link to a document can be used."""

ENDINGS = {
    "text/html": "html",
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/jsonl": "jsonl",
}
"""How the name of a file of each media type ends."""

_ID = re.compile(ID_PATTERN.removesuffix("$") + r"\Z")


def digest_of(content: bytes) -> str:
    """Return the SHA-256 (FIPS 180-4) in hexadecimal: a document's id."""
    return hashlib.sha256(content).hexdigest()


def order_key(order_id: str, document_id: str, media_type: str) -> str:
    """Return where a document of an order is kept. Raises `StoreUnusable` for an id that was never checked, and that
    could lead elsewhere.
    """
    if not _ID.match(order_id):
        raise StoreUnusable("the id of this order is not valid in a file name")
    return f"orders/{order_id}/{document_id}.{ENDINGS[media_type]}"


def export_key(digest: str, media_type: str) -> str:
    """Return where an export is kept."""
    return f"exports/{digest}.{ENDINGS[media_type]}"


def file_name_of(order_id: str, document: Document) -> str:
    """Return what the file is to be called on somebody's machine, such as `receipt-1042-v1.pdf`."""
    name = order_id.replace(":", "_")
    return f"{document.kind}-{name}-v{document.order_version}.{ENDINGS[document.media_type]}"


def export_file_name_of(digest: str, media_type: str) -> str:
    """Return what an export is to be called on somebody's machine."""
    return f"orders-{digest[:12]}.{ENDINGS[media_type]}"
