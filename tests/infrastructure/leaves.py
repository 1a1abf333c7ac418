"""All the values in a nested structure of dataclasses, tuples and dicts."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any


def leaves_of(value: Any) -> Iterator[Any]:
    """Yield every value that holds no others; of a dict, the keys as well."""
    if is_dataclass(value):
        for field in fields(value):
            yield from leaves_of(getattr(value, field.name))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from leaves_of(item)
    elif isinstance(value, dict):
        for pair in value.items():
            yield from leaves_of(pair)
    else:
        yield value
