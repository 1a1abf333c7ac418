"""Keys of documents: only those that are the same safe file name in every document store."""

import re

from orderkeep.domain.exceptions import StoreUnusable

MAX_KEY = 512
"""S3 allows 1,024 bytes, including the prefix."""

_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}"  # file systems allow names of 255 bytes
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")


def checked(key: str) -> str:
    """Return the key. Raises `StoreUnusable` if it contains `..`, a backslash, an empty part, or anything else that
    could refer to another path.
    """
    if len(key) > MAX_KEY or not _KEY.fullmatch(key):
        raise StoreUnusable(
            f"the key of a document has parts of up to 200 letters, digits and . _ : - separated by single slashes, "
            f"at most {MAX_KEY} characters in all: this one could refer to another path"
        )
    return key
