"""Charts: SVG shapes of numbers, each with a sentence, and a table with the same values for the page and for CSV."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import NamedTuple

from markupsafe import Markup, escape

WIDTH = 640
HEIGHT = 168
LEFT, RIGHT, TOP, BOTTOM = 52, 620, 8, 144
"""The edges of the plot of columns and lines, which `charts.js` keeps: axes are beside and below."""

ROW, BAR, LABELS, VALUES = 28, 16, 160, 140
"""Height of a row of bars, and of a bar; width of the labels, and of the values. The bars have the rest."""

MOST_LETTERS = 26
AXIS_LABELS = 5


class Mark(NamedTuple):
    """A shape: a `rect`, `text`, `path` or `circle`. `at` is x, y, and of rectangles width and height."""

    kind: str
    style: str = ""
    at: tuple[float, ...] = ()
    text: str = ""
    anchor: str = ""

    def svg(self) -> str:
        """Return the element."""
        match self.kind:
            case "rect":
                x, y, width, height = self.at
                place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
                return f'<rect class="{self.style}" {place}><title>{_escaped(self.text)}</title></rect>'
            case "circle":
                x, y = self.at
                place = f'cx="{x:.1f}" cy="{y:.1f}" r="2"'
                return f'<circle class="{self.style}" {place}><title>{_escaped(self.text)}</title></circle>'
            case "path":
                return f'<path class="{self.style}" d="{self.text}"/>'
        style = f' class="{self.style}"' if self.style else ""
        anchor = f' text-anchor="{self.anchor}"' if self.anchor else ""
        x, y = self.at
        return f'<text{style} x="{x:.1f}" y="{y:.1f}"{anchor}>{_escaped(self.text)}</text>'


class Cell(NamedTuple):
    """A value of a table as it is shown, and as CSV has it."""

    text: str
    value: str | int
    link: str = ""


class Series(NamedTuple):
    """The values of a chart over time, for `charts.js`. Of amounts, `unit` is before the number and `exponent` is that
    of the currency; without a unit they are numbers.
    """

    labels: Sequence[str]
    values: Sequence[int]
    unit: str = ""
    exponent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart with its table. Without marks it is only a table. Its texts may be a customer's: they are escaped."""

    name: str
    title: str
    sentence: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    marks: Sequence[Mark] = ()
    height: float = HEIGHT
    legend: str = ""
    series: Series | None = None

    @property
    def shapes(self) -> Markup:
        """The content of the SVG element."""
        return Markup("".join([mark.svg() for mark in self.marks]))  # noqa: S704  # escaped one by one

    @property
    def body(self) -> Markup:
        """The rows of the table. Templates take several times as long."""
        kinds = ["" if head == "Currency" else "r" for head in self.heads]
        return Markup("\n".join([_row(row, kinds) for row in self.rows]))  # noqa: S704  # escaped one by one


_SPECIAL = re.compile("[&<>\"']")


def _escaped(text: str) -> str:
    """Return the text as HTML. Most texts are numbers and dates, for which `escape` takes five times as long."""
    return str(escape(text)) if _SPECIAL.search(text) else text


def _row(cells: Sequence[Cell], kinds: Sequence[str]) -> str:
    head, *others = cells
    name = _escaped(head.text)
    if head.link:
        name = f'<a href="{_escaped(head.link)}">{name}</a>'
    found = [f'<tr><th scope="row">{name}</th>']
    for cell, kind in zip(others, kinds[1:], strict=True):
        style = f' class="{kind} z"' if kind and cell.value == 0 else f' class="{kind}"' if kind else ""
        found.append(f"<td{style}>{_escaped(cell.text)}</td>")
    return "".join(found) + "</tr>"


class Point(NamedTuple):
    """A value of a period: what it is called on the axis and on hover, and the value in words."""

    label: str
    name: str
    value: int
    text: str


def columns(points: Sequence[Point], tick: Callable[[int], str]) -> list[Mark]:
    """Return columns over time."""
    marks, height = _frame(points, tick)
    step = (RIGHT - LEFT) / len(points)
    for index, point in enumerate(points):
        if point.value:
            top = height(point.value)
            at = (LEFT + index * step + step * 0.1, top, step * 0.8, BOTTOM - top)
            marks.append(Mark("rect", "b", at, f"{point.name}: {point.text}"))
    return marks


def line(points: Sequence[Point], tick: Callable[[int], str]) -> list[Mark]:
    """Return a line over time."""
    marks, height = _frame(points, tick)
    step = (RIGHT - LEFT) / len(points)
    places = [(LEFT + (index + 0.5) * step, height(point.value)) for index, point in enumerate(points)]
    marks.append(Mark("path", "ln", text="M" + "L".join([f"{x:.1f} {y:.1f}" for x, y in places])))
    for place, point in zip(places, points, strict=True):
        marks.append(Mark("circle", "b", place, f"{point.name}: {point.text}"))
    return marks


def _frame(points: Sequence[Point], tick: Callable[[int], str]) -> tuple[list[Mark], Callable[[int], float]]:
    """Return the axes, and the function of the height of a value."""
    most = max([point.value for point in points])
    step = _step(most / 4)
    top = step * ceil(most / step)

    def height(value: int) -> float:
        return BOTTOM - (BOTTOM - TOP) * value / top

    marks = []
    for value in range(0, top + 1, step):
        y = height(value)
        marks.append(Mark("path", "g", text=f"M{LEFT} {y:.1f}H{RIGHT}"))
        marks.append(Mark("text", "", (LEFT - 8, y + 4), tick(value), "end"))
    width, every = (RIGHT - LEFT) / len(points), ceil(len(points) / AXIS_LABELS)
    for index in range((len(points) - 1) % every, len(points), every):  # the last one always has a label
        x = LEFT + (index + 0.5) * width
        marks.append(Mark("text", "", (x, HEIGHT - 4), points[index].label, "middle"))
    return marks, height


def _step(least: float) -> int:
    """Return a round number of at least `least`."""
    power = 10 ** max(0, floor(log10(max(least, 1))))
    factors = (1, 2, 2.5, 5, 10) if power > 1 else (1, 2, 5, 10)
    return int(next(factor for factor in factors if factor * power >= least) * power)


class Row(NamedTuple):
    """A row of bars: a value, in words before the bar; or two, of which the second is longer and pale."""

    label: str
    value: float
    text: str
    longer: float = 0


def bars(rows: Sequence[Row]) -> list[Mark]:
    """Return horizontal bars."""
    marks, most = list[Mark](), max(1, *(max(row.value, row.longer) for row in rows))
    for index, row in enumerate(rows):
        y, start = index * ROW + 6, LABELS + VALUES
        widths = [(WIDTH - start) * value / most for value in (row.longer, row.value)]
        marks.append(Mark("text", "v", (0, y + 13), _short(row.label)))
        marks.append(Mark("text", "v", (LABELS, y + 13), row.text))
        for width, style in zip(widths, ("b2", "b"), strict=True):
            if width:
                marks.append(Mark("rect", style, (start, y, width, BAR), f"{row.label}: {row.text}"))
    return marks


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1].rstrip() + "…"
