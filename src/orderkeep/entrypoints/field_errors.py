"""What is wrong with what came in: all of it at once, each with the place, a stable code and a message for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orderkeep.domain.exceptions import InvalidInput

MOST_ERRORS = 100
"""How many errors are told; what has more is not mended by hand."""

LONGEST_NAME = 64
"""Names of fields that are longer, or not printable, are not repeated: the pointer ends at what holds them."""

MESSAGES = {
    "missing": ("field_missing", "must be given"),
    "extra_forbidden": ("unknown_field", "is not known here"),
    "string_type": ("wrong_type", "must be a text"),
    "string_unicode": ("text_not_printable", "must not hold half a surrogate pair"),
    "int_type": ("wrong_type", "must be a whole number"),
    "bool_type": ("wrong_type", "must be true or false"),
    "tuple_type": ("wrong_type", "must be an array"),
    "dict_type": ("wrong_type", "must be an object"),
    "model_type": ("wrong_type", "must be an object"),
}
"""Our code and message for each type of error that pydantic finds. Its own messages may hold the rejected value."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong. `pointer` is a JSON pointer (RFC 6901), `""` for the whole; `message` never holds
    the rejected value.
    """

    pointer: str
    code: str
    message: str
    limit: int | None = None
    """How many there may be, where there are more."""


class InvalidFields(Exception):
    """What came in does not fit its schema; `errors` says where and why."""

    code = "invalid_fields"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(f"{error.pointer} {error.message}".strip() for error in errors))
        self.errors = errors

    @classmethod
    def of(cls, error: ValidationError) -> InvalidFields:
        """Return what pydantic found, in our words."""
        found = error.errors(include_url=False, include_input=False)
        return cls(tuple(_field_error(details) for details in found[:MOST_ERRORS]))

    def below(self, pointer: str) -> InvalidFields:
        """Return the same of what stands at that place in something larger."""
        return InvalidFields(tuple(replace(error, pointer=pointer + error.pointer) for error in self.errors))

    def without_keys(self) -> InvalidFields:
        """Return the same for where it is logged."""
        return InvalidFields(tuple(replace(error, pointer=without_key(error.pointer)) for error in self.errors))


def without_key(pointer: str) -> str:
    """Return the pointer without the key of metadata that it ends in: customers may have chosen that."""
    return re.sub(r"(/metadata)/.+", r"\1/*", pointer, flags=re.DOTALL)


def field_error_of(error: InvalidInput) -> FieldError:
    """Return a refusal by the domain in the same form."""
    head, _, rest = error.field.partition("/")
    path = [head, rest] if head == "metadata" and rest else error.field.split("/")
    return FieldError(pointer_to(path) if error.field else "", error.code, str(error))


def code_and_message(details: ErrorDetails) -> tuple[str, str]:
    """Return the code and message for one finding of pydantic's; a rule of the domain brings its own."""
    context = details.get("ctx", {})
    if "code" in context:
        return context["code"], context["message"]
    return MESSAGES.get(details["type"], ("invalid_value", "is not valid"))


def pointer_to(path: Sequence[str | int]) -> str:
    """Return the JSON pointer to a place."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _field_error(details: ErrorDetails) -> FieldError:
    code, message = code_and_message(details)
    path = [*details["loc"], *details.get("ctx", {}).get("below", ())]
    if len(path) > 2 and path[-1] == "[key]":  # pydantic's mark for the key, not the value, of an entry
        path, message = path[:-2], f"keys {message}"
    if path and not _may_be_repeated(path[-1]):
        path, message = path[:-1], f"holds a name that {message}"
    return FieldError(pointer_to(path), code, message, details.get("ctx", {}).get("limit"))


def _may_be_repeated(name: str | int) -> bool:
    return isinstance(name, int) or (len(name) <= LONGEST_NAME and name.isprintable())
