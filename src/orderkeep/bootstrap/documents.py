"""From a document store's URL to the store, and what can be put into it: receipts in each format."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from orderkeep.application.ports import DocumentStore, ReceiptRenderer

DEFAULT_DOCUMENTS = "folder:///documents"
"""A folder in the folder that orderkeep is started in. It is made when the first document comes."""


class InvalidDocumentsURL(ValueError):
    """The URL names no document store that there is."""


def open_documents(url: str) -> DocumentStore:
    """Open the document store that a URL names: `memory://`, `folder:///documents` (`folder:////var/lib/documents`)
    or `s3://bucket/prefix?region=eu-central-1`. Nothing is written, and nobody asked, until there is a document.
    """
    parts = urlsplit(url)
    opener = _STORES.get(parts.scheme)
    if opener is None:
        schemes = " or ".join(f"{scheme}://" for scheme in _STORES)
        raise InvalidDocumentsURL(f"a document store's URL begins with {schemes}")
    return opener(parts)


def receipt_renderers(seller: str = "") -> dict[str, ReceiptRenderer]:
    """Return what makes receipts, by the name of the format. `seller` is what they say of who sold, a line each.

    What pdf needs is looked for when a PDF is asked for, and not before: to load it takes time.
    """
    from orderkeep.infrastructure.html_receipts import HtmlReceipts
    from orderkeep.infrastructure.pdf_receipts import PdfReceipts

    return {"html": HtmlReceipts(seller), "pdf": PdfReceipts(seller)}


def _memory(_parts: SplitResult) -> DocumentStore:
    from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore

    return InMemoryDocumentStore()


def _folder(parts: SplitResult) -> DocumentStore:
    from orderkeep.infrastructure.filesystem_documents import FolderDocumentStore

    path = unquote(parts.path.removeprefix("/"))
    if not path or parts.netloc or parts.query or parts.fragment:
        raise InvalidDocumentsURL("a folder of documents is named as folder:///documents is")
    return FolderDocumentStore(Path(path))


_STORES: dict[str, Callable[[SplitResult], DocumentStore]] = {"memory": _memory, "folder": _folder}
