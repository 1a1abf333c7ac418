"""The fields of an order and of its lines, and the kind of value of each, derived from the classes."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from enum import Enum, auto
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.domain.entities import Order
from orderkeep.domain.value_objects import Money, OrderLine


class Kind(Enum):
    """How a value is written in one cell."""

    TEXT = auto()
    INSTANT = auto()
    NUMBER = auto()
    AMOUNT = auto()  # minor units
    JSON = auto()  # a list or an object


def _kinds(dto: type, entity: type) -> dict[str, Kind]:
    hints, of_entity = get_type_hints(dto), get_type_hints(entity)
    return {field.name: _kind(hints[field.name], of_entity.get(field.name)) for field in fields(dto)}


def _kind(hint: Any, of_entity: Any) -> Kind:
    value_type = _without_none(hint)
    if value_type is int:
        return Kind.AMOUNT if _without_none(of_entity) is Money else Kind.NUMBER
    if value_type is datetime:
        return Kind.INSTANT
    return Kind.TEXT if value_type is str else Kind.JSON


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        parts = [part for part in get_args(hint) if part is not NoneType]
        return parts[0] if len(parts) == 1 else hint
    return hint


LINE_FIELDS = _kinds(LineDTO, OrderLine)
"""The fields of a line, in order."""

ORDER_FIELDS = {name: kind for name, kind in _kinds(OrderDTO, Order).items() if name != "lines"}
"""The fields of an order without its lines, in order."""
