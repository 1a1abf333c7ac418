"""Column maps: the meaning of the columns of a CSV file, in TOML; `built_in_maps/northwind.toml` is an example.

    delimiter = ";"      # between cells; default: a comma
    amounts = "minor"    # 9900 is 99.00 EUR; default: "major", 99.00
    dates = "%d/%m/%Y"   # for strptime; default: ISO 8601. Without an offset, times are UTC

    [order]              # fields of the order; id or external_ref identifies the rows of an order
    external_ref = "Order number"
    user_id = "Customer"
    currency = { value = "EUR" }
    ...
    [line]               # fields of its lines, if it has any
    [metadata]           # other data to keep, by key

Each field is a column or a `Rule`. If `total` is not mapped, it is lines + shipping + tax - discount. Columns that no
rule reads are ignored.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any, Literal

import msgspec

from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.value_objects import EXPONENTS, Money
from orderkeep.entrypoints.order_files.csv_orders import Row
from orderkeep.entrypoints.order_files.fields import LINE_FIELDS, ORDER_FIELDS, Kind
from orderkeep.entrypoints.order_files.lines import Fault

BUILT_IN = Path(__file__).with_name("built_in_maps")
OWN = "orderkeep"
"""The name of the layout of the CSV that orderkeep writes, which is not a TOML map."""

NOT_MAPPED = ("version", "metadata", "cancellation", "documents")
"""Fields of an order that `[order]` cannot map: generated, in a table of their own, or more than one cell."""

EXAMPLE = datetime(1998, 5, 6, 7, 8, 9, tzinfo=UTC)


class Unreadable(ValueError):
    """A cell has a value that its rule cannot use. The text is a message for people."""

    code = "unknown_value"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"otherwise": "else"}):
    """How the text of a field is derived from a row; an empty text is no value. A rule is one of these, and a plain
    string is short for the first:

    - `column`: the text of that column; with `values`, translated; with `split`, a list
    - `value`: a constant text
    - `first_of`: the text of the first of these columns that is not empty
    - `if_filled`, `then`, `else`: `then` if that column is not empty, otherwise `else`
    - `fraction`: an amount of a line: that fraction of quantity times unit_price, such that the rest of the line is
      rounded half up to the minor unit
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
        kinds = (self.column, self.value, self.first_of, self.if_filled, self.fraction)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("a rule is one of column, value, first_of, if_filled, fraction")
        if (self.values is not None or self.split is not None) and self.column is None:
            raise ValueError("values and split go with column")
        if self.split == "":
            raise ValueError("split must not be empty")

    @property
    def columns(self) -> list[str]:
        """The columns that the rule reads."""
        return [name for name in (self.column, *(self.first_of or ()), self.if_filled, self.fraction) if name]

    def text(self, cells: Mapping[str, str]) -> str:
        """Return the text of the field in this row, or "". Raises `Unreadable`."""
        if self.if_filled is not None:
            return self.then if cells[self.if_filled].strip() else self.otherwise
        if self.value is not None:
            return self.value
        text = next((cells[name] for name in self.columns if cells[name].strip()), "")
        if self.values is None or not text:
            return text
        if text not in self.values:
            raise Unreadable("is not a value defined in the map")
        return self.values[text]


Rules = dict[str, Rule]


class InvalidMap(ValueError):
    """The map does not exist or is invalid. The text is a message for people."""


class OrderMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A map, as it is written in TOML."""

    order: Rules
    line: Rules = {}
    metadata: Rules = {}
    delimiter: str = ","
    amounts: Literal["major", "minor"] = "major"
    dates: str | None = None

    @property
    def key_column(self) -> str:
        """The column that identifies the rows of an order."""
        rule = self.order.get("id") or self.order["external_ref"]
        return rule.column or ""


def built_in_names() -> list[str]:
    """Return the names of the built-in maps."""
    return [OWN, *sorted(path.stem for path in BUILT_IN.glob("*.toml"))]


def text_of_built_in(name: str) -> bytes:
    """Return the text of a built-in map. Raises `InvalidMap` if there is none of that name."""
    texts = {path.stem: path for path in BUILT_IN.glob("*.toml")}
    if name not in texts:
        raise InvalidMap(f"is not one of {', '.join(sorted(texts))}")
    return texts[name].read_bytes()


def load_map(name: str) -> OrderMap:
    """Return the built-in map of that name, or the map in that file. Raises `InvalidMap`."""
    built_in = BUILT_IN / f"{name}.toml"
    path = built_in if name in built_in_names() else Path(name)
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise InvalidMap(f"is neither a file nor one of {', '.join(built_in_names())}") from None
    except OSError as error:
        raise InvalidMap(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidMap("is not UTF-8") from None
    return read_map(text)


def read_map(text: str) -> OrderMap:
    """Return the map in a TOML text. Raises `InvalidMap`."""
    try:
        tables = {name: _with_rules(value) for name, value in tomllib.loads(text).items()}
        order_map = msgspec.convert(tables, OrderMap)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidMap(f"is not a map: {error}") from None
    _check(order_map)
    return order_map


def _with_rules(table: Any) -> Any:
    """Return the table with a rule instead of each plain column name."""
    if not isinstance(table, dict):
        return table
    return {name: {"column": rule} if isinstance(rule, str) else rule for name, rule in table.items()}


def _check_rules(table: str, rules: Rules, known: dict[str, Kind]) -> None:
    for name, rule in rules.items():
        kind = known.get(name)
        if kind is None or name in NOT_MAPPED:
            raise InvalidMap(f"has {table}.{name}, which is not a field that a map can set")
        if (kind is Kind.JSON) != (rule.split is not None):
            raise InvalidMap(f"must split {table}.{name}" if kind is Kind.JSON else f"cannot split {table}.{name}")
        if rule.fraction and (table, kind) != ("line", Kind.AMOUNT):
            raise InvalidMap(f"has a fraction for {table}.{name}: only amounts of lines can have one")


def _check_dates(form: str | None) -> None:
    try:
        if form is not None:
            datetime.strptime(EXAMPLE.strftime(form), form)  # noqa: DTZ007  # only a test
    except ValueError:
        raise InvalidMap("has a dates format that strptime does not accept") from None


def _check(order_map: OrderMap) -> None:
    if len(order_map.delimiter) != 1 or order_map.delimiter in '"\r\n':
        raise InvalidMap("has a delimiter that is not one character")
    _check_dates(order_map.dates)
    _check_rules("order", order_map.order, ORDER_FIELDS)
    _check_rules("line", order_map.line, LINE_FIELDS)
    if any(rule.split or rule.fraction for rule in order_map.metadata.values()):
        raise InvalidMap("has a split or a fraction in [metadata], where all values are texts")
    key = order_map.order.get("id") or order_map.order.get("external_ref")
    if key is None or key.column is None:
        raise InvalidMap("must map order.id or order.external_ref to a column, which identifies the rows of an order")
    if "currency" not in order_map.order:
        raise InvalidMap('must map order.currency, such as { value = "EUR" }')
    if not order_map.line and "total" not in order_map.order:
        raise InvalidMap("must map order.total, as it has no [line]")


# --- reading with a map ---

_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")


class MappedLayout:
    """Reads orders with a map."""

    def __init__(self, order_map: OrderMap) -> None:
        self.map = order_map
        self.delimiter = order_map.delimiter

    def check_header(self, columns: Sequence[str]) -> list[Fault]:
        used = _columns(self.map.order, self.map.line, self.map.metadata)
        missing = dict.fromkeys(name for name in used if name not in columns)
        return [Fault(name, "column_missing", "is required in the header: the map reads it") for name in missing]

    def key_of(self, row: Row) -> str:
        return row.cells[self.map.key_column].strip()

    def order_columns(self) -> Iterator[str]:
        return _columns(self.map.order, self.map.metadata)

    def read(self, rows: Sequence[Row]) -> tuple[dict[str, Any], list[Fault]]:
        return _OrderReader(self.map, rows[0].cells).read([row.cells for row in rows])


class _OrderReader:
    """Reads one order, and collects the errors in it."""

    def __init__(self, order_map: OrderMap, cells: Mapping[str, str]) -> None:
        self.map = order_map
        self.faults: list[Fault] = []
        self.currency = self._text(order_map.order["currency"], cells, "currency").strip()

    def read(self, rows: Sequence[Mapping[str, str]]) -> tuple[dict[str, Any], list[Fault]]:
        order = self._values(self.map.order, ORDER_FIELDS, rows[0], "")
        texts = {key: self._text(rule, rows[0], f"metadata/{key}") for key, rule in self.map.metadata.items()}
        order["metadata"] = {key: text for key, text in texts.items() if text.strip()}
        if self.map.line:
            order["lines"] = [self._line(cells, f"lines/{index}/") for index, cells in enumerate(rows)]
        if "total" not in self.map.order:
            self._compute_total(order)
        return order, self.faults

    def _values(self, rules: Rules, kinds: Mapping[str, Kind], cells: Mapping[str, str], path: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, rule in rules.items():
            text = "" if rule.fraction else self._text(rule, cells, path + name)
            if not text.strip():
                continue
            try:
                values[name] = self._value(text, kinds[name], rule)
            except (Unreadable, InvalidInput) as error:
                self._fault(path + name, rule, error.code, str(error))
        return values

    def _line(self, cells: Mapping[str, str], path: str) -> dict[str, Any]:
        line = self._values(self.map.line, LINE_FIELDS, cells, path)
        for name, rule in self.map.line.items():
            if rule.fraction and "quantity" in line and "unit_price" in line:
                fraction = cells[rule.fraction].strip() or "0"
                if not _DECIMAL.fullmatch(fraction) or not 0 <= Fraction(fraction) <= 1:
                    self._fault(path + name, rule, "invalid_fraction", "must be a fraction from 0 to 1")
                else:
                    line[name] = part_of(line["quantity"] * line["unit_price"], Fraction(fraction))
        return line

    def _text(self, rule: Rule, cells: Mapping[str, str], path: str) -> str:
        try:
            return rule.text(cells)
        except Unreadable as error:
            self._fault(path, rule, error.code, str(error))
            return ""

    def _value(self, text: str, kind: Kind, rule: Rule) -> Any:
        if kind is Kind.INSTANT:
            return self._instant(text.strip())
        if kind is Kind.AMOUNT and self.map.amounts == "major":
            if not _DECIMAL.fullmatch(text.strip()):
                raise Unreadable("must be an amount in major units, such as 99.00")
            if self.currency not in EXPONENTS:
                return 0  # the schema rejects the currency, once
            return Money.of(text.strip(), self.currency).minor
        if kind in (Kind.AMOUNT, Kind.NUMBER):
            if not _WHOLE.fullmatch(text.strip()):
                raise Unreadable("must be a whole number")
            return int(text)
        if kind is Kind.JSON:
            return [part.strip() for part in text.split(rule.split) if part.strip()]
        return text

    def _instant(self, text: str) -> str:
        try:
            form = self.map.dates
            moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007  # UTC, below
        except ValueError:
            raise Unreadable(f"must be a date or time in the format {self.map.dates or 'ISO 8601'}") from None
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).isoformat()

    def _compute_total(self, order: dict[str, Any]) -> None:
        lines = order["lines"]
        if self.faults or any("quantity" not in line or "unit_price" not in line for line in lines):
            order["total"] = 0  # the reason is reported already
            return
        of_lines = sum(
            line["quantity"] * line["unit_price"] - line.get("discount", 0) + line.get("tax", 0) for line in lines
        )
        order["total"] = of_lines + order.get("shipping", 0) + order.get("tax", 0) - order.get("discount", 0)

    def _fault(self, path: str, rule: Rule, code: str, message: str) -> None:
        where = f" (column {', '.join(rule.columns)})" if rule.columns else ""
        self.faults.append(Fault(path, code, message + where))


def _columns(*tables: Rules) -> Iterator[str]:
    for rules in tables:
        for rule in rules.values():
            yield from rule.columns


def part_of(gross: int, fraction: Fraction) -> int:
    """Return that fraction of an amount, such that the rest of the amount is rounded half up."""
    return gross - floor(gross * (1 - fraction) + Fraction(1, 2))
