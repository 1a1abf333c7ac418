"""Opens the document store of a URL, and the receipt renderers."""

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NoReturn
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from orderkeep.application.access.loopback import host_in
from orderkeep.application.ports import DocumentStore, ReceiptRenderer
from orderkeep.bootstrap.stores import ExtraNotInstalled
from orderkeep.infrastructure.html_receipts import HtmlReceipts
from orderkeep.infrastructure.pdf_receipts import PdfReceipts

DEFAULT_DOCUMENTS = "folder:///documents"
"""A folder in the current directory, created with the first document."""

SCHEMES = ("memory", "folder", "s3")


class InvalidDocumentsURL(ValueError):
    """The URL is not that of a document store."""

    code = "invalid_documents_url"


_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._:-]{0,199})*/?")
_REGION = re.compile(r"[A-Za-z0-9-]{0,64}")
_LONGEST_PREFIX = 400  # a key of S3 has 1,024 bytes


def open_documents(url: str) -> DocumentStore:
    """Open the document store of a URL: `memory://`, `folder:///documents` (`folder:////var/lib/documents`) or
    `s3://bucket/prefix?region=eu-central-1`. It is not accessed before the first document.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidDocumentsURL("the URL may contain [ and ] only around an IPv6 address") from error
    match parts.scheme:
        case "memory":
            from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore

            if parts.netloc or parts.path or parts.query or parts.fragment:
                raise InvalidDocumentsURL("the URL of a document store in memory is memory://, without a path")
            return InMemoryDocumentStore()
        case "folder":
            from orderkeep.infrastructure.filesystem_documents import FolderDocumentStore

            path = unquote(parts.path.removeprefix("/"))
            if not path or parts.netloc or parts.query or parts.fragment or "\0" in path:
                raise InvalidDocumentsURL(
                    "the URL of a folder is folder:///documents for a relative path, and folder:////var/lib/documents "
                    "for an absolute path"
                )
            return FolderDocumentStore(Path(path))
        case "s3":
            return _s3(parts)
    raise InvalidDocumentsURL(f"the URL must begin with {' or '.join(f'{each}://' for each in SCHEMES)}")


def end_process_after(main: Callable[[], object]) -> NoReturn:
    """Run the main function of a process, which closes what it opened, and end the process with its exit code.

    The threads of the S3 client cannot be joined. One that returns to Python while the interpreter ends aborts the
    process (SIGABRT), whatever its exit code was to be. So a process that loaded the client ends without the
    interpreter's own end, after its output is written.
    """
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    if "obstore" not in sys.modules:
        raise SystemExit(code)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # no reader is left, or it is closed
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def receipt_renderers(seller: str = "") -> Mapping[str, ReceiptRenderer]:
    """Return the receipt renderers by format. `seller` is the seller's name and address, one line each."""
    return {"html": HtmlReceipts(seller), "pdf": PdfReceipts(seller)}


def _s3(parts: SplitResult) -> DocumentStore:
    if find_spec("obstore") is None or find_spec("aiodynamo") is None:
        raise ExtraNotInstalled("S3", "aws")
    given = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(given)
    if len(options) < len(given):
        raise InvalidDocumentsURL("the URL of an S3 bucket must contain region and endpoint at most once")
    if unknown := sorted(options.keys() - {"region", "endpoint"}) or ["a fragment"][: bool(parts.fragment)]:
        raise InvalidDocumentsURL(f"the URL of an S3 bucket accepts region and endpoint, not {', '.join(unknown)}")
    if not _BUCKET.fullmatch(parts.netloc):
        raise InvalidDocumentsURL(
            "the URL of an S3 bucket is s3://bucket/prefix, with a bucket name of 3 to 63 a-z, 0-9, . and -"
        )
    if len(parts.path) > _LONGEST_PREFIX or not _PREFIX.fullmatch(parts.path):
        raise InvalidDocumentsURL(
            "the prefix must consist of letters, digits and . _ : -, in parts separated by single slashes, "
            f"with at most {_LONGEST_PREFIX} characters"
        )
    if not _REGION.fullmatch(options.get("region", "")):
        raise InvalidDocumentsURL("the region must consist of letters, digits and -, such as eu-central-1")
    if "endpoint" in options and not _is_endpoint(options["endpoint"]):
        raise InvalidDocumentsURL(
            "the endpoint must be a URL without a path or password, such as https://s3.example.com:9000"
        )
    return _S3OnDemand(parts.netloc, parts.path, options)


class _S3OnDemand(DocumentStore):
    """Loads the S3 store with the first document: its import takes a tenth of a second of each start."""

    def __init__(self, bucket: str, prefix: str, options: Mapping[str, str]) -> None:
        self._bucket, self._prefix, self._options = bucket, prefix, options

    async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:
        await self._store.put(key, content, media_type)

    async def get(self, key: str) -> bytes | None:
        return await self._store.get(key)

    async def delete(self, key: str) -> None:
        await self._store.delete(key)

    async def link(self, key: str, file_name: str, seconds: int) -> str | None:
        return await self._store.link(key, file_name, seconds)

    async def close(self) -> None:
        if "_store" in self.__dict__:
            await self._store.close()

    @cached_property
    def _store(self) -> DocumentStore:
        from orderkeep.infrastructure.s3_documents import S3DocumentStore

        return S3DocumentStore(self._bucket, self._prefix, **self._options)


def _is_endpoint(url: str) -> bool:
    """Return whether the URL is valid, or else the S3 client panics, and has no path and no password."""
    return host_in(url) is not None and urlsplit(url)[2:] in (("", "", ""), ("/", "", ""))
