"""Which keys a document store takes: those that are the same file name, and lead nowhere else, in every store."""

import re

from orderkeep.domain.exceptions import StoreUnusable

MAX_KEY = 512
"""S3 keeps 1,024 bytes, the prefix included."""

_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}"  # a folder keeps names of 255 bytes
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")


def checked(key: str) -> str:
    """Return the key. Raises `StoreUnusable` for one with `..`, a backslash, an empty part, or anything else that
    could lead to another place than it says.
    """
    if len(key) > MAX_KEY or not _KEY.fullmatch(key):
        raise StoreUnusable(
            f"a document's key has parts of up to 200 letters, digits and . _ : - with one / between two, at most "
            f"{MAX_KEY} in all: this one could lead elsewhere"
        )
    return key
