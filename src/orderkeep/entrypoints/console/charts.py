"""Charts: SVG shapes of numbers, each with a sentence, and a table with the same values for the page and for CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import NamedTuple

WIDTH, HEIGHT = 640, 160
LEFT, TOP, BOTTOM = 52, 8, 140
"""The edges of the plot of columns and lines: axes are beside and below."""

ROW, BAR, LABELS, LONGEST_BAR = 28, 16, 160, 340
"""Height of a row of bars, and of a bar; width of the labels, and of the longest bar."""

MOST_LETTERS = 26
AXIS_LABELS = 5


class Mark(NamedTuple):
    """A shape: a `rect`, `text`, `path` or `circle`. `at` is x, y, and of rectangles width and height."""

    kind: str
    style: str = ""
    at: tuple[float, ...] = ()
    text: str = ""
    anchor: str = "start"


class Cell(NamedTuple):
    """A value of a table as it is shown, and as CSV has it."""

    text: str
    value: str | int
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart with its table. Without marks it is only a table."""

    name: str
    title: str
    sentence: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    marks: Sequence[Mark] = ()
    height: float = HEIGHT
    legend: str = ""


class Point(NamedTuple):
    """A value of a period: what it is called on the axis and on hover, and the value in words."""

    label: str
    name: str
    value: int
    text: str


def columns(points: Sequence[Point], tick: Callable[[int], str]) -> list[Mark]:
    """Return columns over time."""
    marks, height = _frame(points, tick)
    step = (WIDTH - LEFT) / len(points)
    for index, point in enumerate(points):
        if point.value:
            top = height(point.value)
            at = (LEFT + index * step + step * 0.1, top, step * 0.8, BOTTOM - top)
            marks.append(Mark("rect", "b", _rounded(*at), f"{point.name}: {point.text}"))
    return marks


def line(points: Sequence[Point], tick: Callable[[int], str]) -> list[Mark]:
    """Return a line over time."""
    marks, height = _frame(points, tick)
    step = (WIDTH - LEFT) / len(points)
    places = [_rounded(LEFT + (index + 0.5) * step, height(point.value)) for index, point in enumerate(points)]
    marks.append(Mark("path", "ln", text="M" + "L".join(f"{x} {y}" for x, y in places)))
    for place, point in zip(places, points, strict=True):
        marks.append(Mark("circle", "b", place, f"{point.name}: {point.text}"))
    return marks


def _frame(points: Sequence[Point], tick: Callable[[int], str]) -> tuple[list[Mark], Callable[[int], float]]:
    """Return the axes, and the function of the height of a value."""
    most = max(point.value for point in points)
    step = _step(most / 4)
    top = step * ceil(most / step)

    def height(value: int) -> float:
        return BOTTOM - (BOTTOM - TOP) * value / top

    marks = []
    for value in range(0, top + 1, step):
        y = height(value)
        marks.append(Mark("path", "g", text=f"M{LEFT} {y:.1f}H{WIDTH}"))
        marks.append(Mark("text", "", _rounded(LEFT - 8, y + 4), tick(value), "end"))
    width, every = (WIDTH - LEFT) / len(points), ceil(len(points) / AXIS_LABELS)
    for index in range((len(points) - 1) % every, len(points), every):  # the last one always has a label
        middle, is_last = LEFT + (index + 0.5) * width, index == len(points) - 1
        x = min(middle, WIDTH) if not is_last or width > 60 else WIDTH
        anchor = "end" if x == WIDTH else "middle"
        marks.append(Mark("text", "", _rounded(x, HEIGHT - 3), points[index].label, anchor))
    return marks, height


def _step(least: float) -> int:
    """Return a round number of at least `least`."""
    power = 10 ** max(0, floor(log10(max(least, 1))))
    factors = (1, 2, 2.5, 5, 10) if power > 1 else (1, 2, 5, 10)
    return int(next(factor for factor in factors if factor * power >= least) * power)


class Row(NamedTuple):
    """A row of bars: a value, in words after the bar; or two, of which the second is longer and pale."""

    label: str
    value: float
    text: str
    longer: float = 0


def bars(rows: Sequence[Row]) -> list[Mark]:
    """Return horizontal bars."""
    marks, most = list[Mark](), max(1, *(max(row.value, row.longer) for row in rows))
    for index, row in enumerate(rows):
        y, widths = index * ROW + 6, [LONGEST_BAR * value / most for value in (row.longer, row.value)]
        marks.append(Mark("text", "v", (0, y + 13), _short(row.label)))
        for width, style in zip(widths, ("b2", "b"), strict=True):
            if width:
                marks.append(Mark("rect", style, _rounded(LABELS, y, width, BAR), f"{row.label}: {row.text}"))
        marks.append(Mark("text", "v", _rounded(LABELS + max(widths) + 8, y + 13), row.text))
    return marks


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1].rstrip() + "…"


def _rounded(*numbers: float) -> tuple[float, ...]:
    return tuple(round(number, 1) for number in numbers)
