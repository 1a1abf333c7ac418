"""CSV files whose columns a map explains."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from math import floor
from typing import Any

from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.value_objects import EXPONENTS, Money
from orderkeep.entrypoints.order_files.csv_orders import Row
from orderkeep.entrypoints.order_files.fields import LINE_FIELDS, ORDER_FIELDS, Kind
from orderkeep.entrypoints.order_files.imported import Fault
from orderkeep.entrypoints.order_files.maps import OrderMap, Rules
from orderkeep.entrypoints.order_files.rules import Rule, Unreadable

_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")


class MappedLayout:
    """Reads orders as the map says."""

    def __init__(self, mapped: OrderMap) -> None:
        self.map = mapped
        self.delimiter = mapped.delimiter

    def check_header(self, columns: Sequence[str]) -> list[Fault]:
        looked_at = _columns(self.map.order, self.map.line, self.map.metadata)
        missing = dict.fromkeys(name for name in looked_at if name not in columns)
        return [Fault(name, "column_missing", "must be in the header: the map looks at it") for name in missing]

    def key_of(self, row: Row) -> str:
        return row.cells[self.map.key_column].strip()

    def order_columns(self) -> Iterator[str]:
        return _columns(self.map.order, self.map.metadata)

    def read(self, rows: Sequence[Row]) -> tuple[dict[str, Any], list[Fault]]:
        return _OrderReader(self.map, rows[0].cells).read([row.cells for row in rows])


class _OrderReader:
    """Reads one order, and collects what cannot be read."""

    def __init__(self, mapped: OrderMap, cells: Mapping[str, str]) -> None:
        self.map = mapped
        self.faults: list[Fault] = []
        self.currency = self._text(mapped.order["currency"], cells, "currency").strip()

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
        if kind is Kind.AMOUNT and self.map.in_major_units:
            if not _DECIMAL.fullmatch(text.strip()):
                raise Unreadable("must be an amount in major units, such as 99.00")
            if self.currency not in EXPONENTS:
                return 0  # the currency is told as wrong, once
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
            raise Unreadable(f"must be a date or time as {self.map.dates or 'ISO 8601'}") from None
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).isoformat()

    def _compute_total(self, order: dict[str, Any]) -> None:
        lines = order["lines"]
        if self.faults or any("quantity" not in line or "unit_price" not in line for line in lines):
            order["total"] = 0  # what stands in the way of the sum is told already
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
    """Return that fraction of an amount, such that what is left of it is rounded half up."""
    return gross - floor(gross * (1 - fraction) + Fraction(1, 2))
