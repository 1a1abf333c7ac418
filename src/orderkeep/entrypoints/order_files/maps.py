"""Maps: what the columns of somebody's CSV file mean. A small TOML file; `built_in_maps/northwind.toml` is an example.

    delimiter = ";"      # between cells; a comma by default
    amounts = "minor"    # 9900 is 99.00 EUR; "major" by default: 99.00
    dates = "%d/%m/%Y"   # as strptime writes it; by default ISO 8601. Without an offset, times are UTC

    [order]              # fields of the order; id or external_ref tells which rows belong together
    external_ref = "Order number"
    user_id = "Customer"
    currency = { value = "EUR" }
    ...
    [line]               # fields of its lines, if it has any
    [metadata]           # whatever else is to be kept, by its key

Each field is a column or a `Rule`. Where `total` is not mapped, it is lines + shipping + tax - discount. Columns that
no rule looks at are left away.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from orderkeep.entrypoints.order_files.fields import LINE_FIELDS, ORDER_FIELDS, Kind
from orderkeep.entrypoints.order_files.rules import Rule, rule_of

BUILT_IN = Path(__file__).with_name("built_in_maps")
OWN = "orderkeep"
"""The map of the files that orderkeep writes; it is no TOML file."""

NOT_MAPPED = ("version", "metadata", "cancellation", "documents")
"""Fields of an order that a map does not fill in its `[order]`: made here, a table of its own, or in no one cell."""

EXAMPLE = datetime(1998, 5, 6, 7, 8, 9, tzinfo=UTC)

Rules = dict[str, Rule]


class InvalidMap(ValueError):
    """There is no such map, or it is not one. The text says what is wrong."""


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    order: dict[str, str | Rule]
    line: dict[str, str | Rule] = {}
    metadata: dict[str, str | Rule] = {}
    delimiter: str = ","
    amounts: Literal["major", "minor"] = "major"
    dates: str | None = None


class OrderMap(msgspec.Struct, frozen=True):
    """A map that was read and checked."""

    order: Rules
    line: Rules
    metadata: Rules
    delimiter: str
    in_major_units: bool
    dates: str | None

    @property
    def key_column(self) -> str:
        """The column that tells which rows belong together."""
        rule = self.order.get("id") or self.order["external_ref"]
        return rule.column or ""


def built_in_names() -> list[str]:
    """Return the names of the maps that come with orderkeep."""
    return [OWN, *sorted(path.stem for path in BUILT_IN.glob("*.toml"))]


def text_of_built_in(name: str) -> bytes:
    """Return the text of a map that comes along. Raises `InvalidMap` where there is none."""
    texts = {path.stem: path for path in BUILT_IN.glob("*.toml")}
    if name not in texts:
        raise InvalidMap(f"is not one of {', '.join(sorted(texts))}")
    return texts[name].read_bytes()


def load_map(name: str) -> OrderMap:
    """Return the map of that name, or in that file. Raises `InvalidMap`."""
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
    """Return the map that a TOML text describes. Raises `InvalidMap`."""
    try:
        written = msgspec.convert(tomllib.loads(text), _Written)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidMap(f"is not a map: {error}") from None
    order, line, metadata = (
        {name: rule_of(rule) for name, rule in table.items()}
        for table in (written.order, written.line, written.metadata)
    )
    mapped = OrderMap(order, line, metadata, written.delimiter, written.amounts == "major", written.dates)
    _check(mapped)
    return mapped


def _check_rules(table: str, rules: Rules, known: dict[str, Kind]) -> None:
    for name, rule in rules.items():
        kind = known.get(name)
        if kind is None or name in NOT_MAPPED:
            raise InvalidMap(f"has {table}.{name}, which is no field that a map can fill")
        if (kind is Kind.JSON) != (rule.split is not None):
            raise InvalidMap(f"must split {table}.{name}" if kind is Kind.JSON else f"cannot split {table}.{name}")
        if rule.fraction and (table, kind) != ("line", Kind.AMOUNT):
            raise InvalidMap(f"has a fraction for {table}.{name}: only amounts of lines can be one")


def _check_dates(form: str | None) -> None:
    try:
        if form is not None:
            datetime.strptime(EXAMPLE.strftime(form), form)  # noqa: DTZ007  # only tried
    except ValueError:
        raise InvalidMap("has dates that strptime does not understand") from None


def _check(mapped: OrderMap) -> None:
    if len(mapped.delimiter) != 1 or mapped.delimiter in '"\r\n':
        raise InvalidMap("has a delimiter that is not one character")
    _check_dates(mapped.dates)
    _check_rules("order", mapped.order, ORDER_FIELDS)
    _check_rules("line", mapped.line, LINE_FIELDS)
    if any(rule.split or rule.fraction for rule in mapped.metadata.values()):
        raise InvalidMap("has a split or a fraction in [metadata], where all are texts")
    key = mapped.order.get("id") or mapped.order.get("external_ref")
    if key is None or key.column is None:
        raise InvalidMap("must give order.id or order.external_ref a column: it tells which rows belong together")
    if "currency" not in mapped.order:
        raise InvalidMap('must give order.currency, such as { value = "EUR" }')
    if not mapped.line and "total" not in mapped.order:
        raise InvalidMap("must give order.total, as it has no [line]")
