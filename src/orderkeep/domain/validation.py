"""Checks of texts, tags and metadata. Stored orders are not checked again: limits may become stricter."""

import re
from collections.abc import Mapping

from orderkeep.domain import limits
from orderkeep.domain.exceptions import (
    DuplicateTag,
    InvalidId,
    TextMissing,
    TextNotPrintable,
    TextTooLong,
    TooManyMetadataKeys,
    TooManyTags,
)

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:\-]*$"
"""Order IDs appear unescaped in URLs, file names and logs."""

UNPRINTABLE = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
"""Control characters, line separators and surrogates, which a text on one line must not contain."""

_ID = re.compile(ID_PATTERN.removesuffix("$") + r"\Z")
_UNPRINTABLE = re.compile(UNPRINTABLE)
_UNPRINTABLE_BUT_BREAKS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def check_text(text: str, field: str, longest: int, *, breaks: bool = False, blank: bool = False) -> None:
    """Check a required text of up to `longest` characters. `breaks` allows tabs and line breaks, `blank` allows an
    empty or blank text.
    """
    if not isinstance(text, str) or not (blank or text.strip()):
        raise TextMissing("must not be empty or blank", field)
    if len(text) > longest:
        raise TextTooLong(f"must have at most {longest} characters", field)
    if (_UNPRINTABLE_BUT_BREAKS if breaks else _UNPRINTABLE).search(text):
        raise TextNotPrintable("must not contain control characters", field)


def check_id(id: str) -> None:
    """Check the length and the characters of an order ID."""
    check_text(id, "id", limits.MAX_ID_LENGTH)
    if not _ID.match(id):
        raise InvalidId("must start with a letter or digit and contain only letters, digits and . _ : -", "id")


def check_tags(tags: tuple[str, ...]) -> None:
    """Check the number, length and uniqueness of tags."""
    if len(tags) > limits.MAX_TAGS:
        raise TooManyTags(f"must have at most {limits.MAX_TAGS} items", "tags")
    for index, tag in enumerate(tags):
        check_text(tag, f"tags/{index}", limits.MAX_TAG_LENGTH)
        if tag in tags[:index]:
            raise DuplicateTag("repeats an earlier tag: remove it", f"tags/{index}")


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Check the number and length of metadata keys and values. A value may be empty."""
    if len(metadata) > limits.MAX_METADATA_KEYS:
        raise TooManyMetadataKeys(f"must have at most {limits.MAX_METADATA_KEYS} keys", "metadata")
    for key, value in metadata.items():
        check_text(key, "metadata", limits.MAX_METADATA_KEY_LENGTH)
        check_text(value, f"metadata/{key}", limits.MAX_METADATA_VALUE_LENGTH, breaks=True, blank=True)
