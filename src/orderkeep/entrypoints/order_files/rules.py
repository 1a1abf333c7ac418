"""The rules of a map: how one field's text comes out of a row. An empty text is no value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Unreadable(ValueError):
    """A cell holds what its rule cannot use. The text says why."""

    code = "unknown_value"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"otherwise": "else"}):
    """One of these, and a bare text is short for the first:

    - `column`: the text of that column; with `values`, what it stands for; with `split`, a list, split there
    - `value`: the same text for all
    - `first_of`: the text of the first of these columns that is not empty
    - `if_filled`, `then`, `else`: one text where that column is filled, the other where it is empty
    - `fraction`: an amount of a line: that fraction of quantity times unit_price, so that what is left of the line
      is rounded half up to the minor unit
    """

    column: str | None = None
    values: dict[str, str] | None = None
    split: str | None = None
    value: str | None = None
    first_of: list[str] | None = None
    if_filled: str | None = None
    then: str = ""
    otherwise: str = ""
    fraction: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("column", "value", "first_of", "if_filled", "fraction") if _is_set(self, name)]
        if len(given) != 1:
            raise ValueError("a rule is one of column, value, first_of, if_filled, fraction")
        if (self.values is not None or self.split is not None) and self.column is None:
            raise ValueError("values and split go with column")
        if self.split == "":
            raise ValueError("split must not be empty")

    @property
    def columns(self) -> list[str]:
        """The columns that the rule looks at."""
        return [name for name in (self.column, *(self.first_of or ()), self.if_filled, self.fraction) if name]

    def text(self, cells: Mapping[str, str]) -> str:
        """Return the field's text in this row, "" where there is none. Raises `Unreadable`."""
        if self.if_filled is not None:
            return self.then if cells[self.if_filled].strip() else self.otherwise
        if self.value is not None:
            return self.value
        text = next((cells[name] for name in self.columns if cells[name].strip()), "")
        if self.values is None or not text:
            return text
        if text not in self.values:
            raise Unreadable("is not one of the values that the map knows")
        return self.values[text]


def rule_of(written: str | Rule) -> Rule:
    """Return the rule, a bare column name included."""
    return Rule(column=written) if isinstance(written, str) else written


def _is_set(rule: Rule, name: str) -> Any:
    return getattr(rule, name) is not None
