"""The statistics screen: figures of a period and a currency, as charts that each have a table and a CSV file."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from http import HTTPStatus

from starlette.responses import Response

from orderkeep.application.access.actor import Scope
from orderkeep.application.errors import InvalidQuery
from orderkeep.application.periods import zone_of
from orderkeep.application.ports import utc_now
from orderkeep.application.use_cases.get_statistics import Amount, CurrencyFigures, Period, Statistics
from orderkeep.domain.value_objects import EXPONENTS
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.console.charts import ROW, Cell, Chart, Mark, Point, Row, Series, bars, columns, line
from orderkeep.entrypoints.console.pages import Page, Screen
from orderkeep.entrypoints.console.rendering import STATUSES, count, money
from orderkeep.entrypoints.order_files.formats import GUARD, RISKY

screen = Screen("Statistics", "/console/statistics", scope=Scope.STATISTICS)

PERIODS = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "12 months"}
"""The periods until today, in days."""

DEFAULT_PERIOD = "30"
PARAMETERS = ("period", "from", "to", "timezone", "currency")
LABELS = {"from": "from", "to": "until", "timezone": "time zone", "by": "the range", "period": "period"}

MOST_REASONS = 6
"""How many cancellation reasons the chart has; the table has all."""

NO_AMOUNT = Amount(count=0, value=0)


class Given(dict[str, str]):
    """The parameters that have a value; others are empty."""

    def __missing__(self, _: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Figures:
    """The statistics, and those of one currency."""

    all: Statistics
    currency: str

    @property
    def own(self) -> CurrencyFigures | None:
        """What the currency has in the range."""
        return next((each for each in self.all.totals if each.currency == self.currency), None)

    def of(self, period: Period) -> tuple[int, int]:
        """Return the orders of the currency in a period, and their value."""
        found = next((each for each in period.currencies if each.currency == self.currency), None)
        return (found.orders, found.value) if found else (0, 0)

    @property
    def refund_due(self) -> Amount:
        """What is owed to customers now."""
        return next((each.refund_due for each in self.all.current if each.currency == self.currency), NO_AMOUNT)


@screen.get()
async def show_statistics(page: Page) -> Response:
    """Return the page."""
    given, figures, error = _given(page), None, ""
    try:
        figures = await _figures(page, given)
    except InvalidQuery as invalid:
        error = f"{LABELS.get(invalid.parameter, invalid.parameter)} {invalid}"
    return page.render(
        "statistics.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK,
        given=given,
        figures=figures,
        charts=list(_charts(figures, page.url if page.may(Scope.READ) else _no_link)) if figures else [],
        currencies=sorted({each.currency for each in figures.all.current}) if figures else [],
        last_day=figures.all.end - timedelta(days=1) if figures else None,
        periods=PERIODS,
        period="" if given["from"] or given["to"] else given["period"] or DEFAULT_PERIOD,
        may_read=page.may(Scope.READ),
        error=error,
    )


@screen.get("/csv")
async def export(page: Page) -> Response:
    """Return the table of a chart as a file."""
    figures = await _figures(page, _given(page))
    wanted = page.query.get("chart", "")
    chart = next((each for each in _charts(figures) if each.name == wanted), None)
    if chart is None:
        raise HttpProblem("not_found", "Choose a chart of the statistics.")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(chart.heads)
    writer.writerows([_safe(cell.value) for cell in row] for row in chart.rows)
    headers = {"Content-Disposition": f'attachment; filename="{wanted}-{figures.all.start:%Y-%m-%d}.csv"'}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)


def _safe(value: str | int) -> str | int:
    """Return a value that no spreadsheet takes for a formula."""
    return f"{GUARD}{value}" if isinstance(value, str) and value.startswith(tuple(RISKY)) else value


def _given(page: Page) -> Given:
    return Given({name: value for name in PARAMETERS if (value := page.query.get(name, "").strip())})


async def _figures(page: Page, given: Given) -> Figures:
    """Return the statistics. Raises `InvalidQuery`."""
    timezone = given["timezone"] or "UTC"
    start, last = _range(given, utc_now().astimezone(zone_of(timezone)).date())
    days = (last - start).days + 1
    by = "hour" if days <= 2 else "day" if days <= 92 else "week" if days <= 400 else "month"
    found = await page.use_cases.get_statistics.execute(
        start, last + timedelta(days=1), timezone=timezone, by=by, actor=page.actor
    )
    numbers = {each.currency: sum(one.orders for one in each.statuses) for each in found.totals or found.current}
    return Figures(found, given["currency"] or max(numbers, key=lambda name: numbers[name], default="EUR"))


def _range(given: Mapping[str, str], today: date) -> tuple[date, date]:
    """Return the first and the last day."""
    days = given["period"] or DEFAULT_PERIOD
    if days not in PERIODS:
        raise InvalidQuery(f"must be one of {', '.join(PERIODS)} days", "period")
    last = _day("to", given) or today
    return _day("from", given) or last - timedelta(days=int(days) - 1), last


def _day(name: str, given: Mapping[str, str]) -> date | None:
    try:
        day = date.fromisoformat(given[name]) if given[name] else None
    except ValueError:
        day = date.max
    if day is not None and not 1970 <= day.year < 2999:
        raise InvalidQuery("must be a date such as 2026-11-30", name)
    return day


def _no_link(_: str) -> str:
    """Return no URL: links are for those who may read orders."""
    return ""


def _charts(figures: Figures, url: Callable[[str], str] = _no_link) -> Iterator[Chart]:
    names = [_names(period.start, figures.all.by) for period in figures.all.periods]
    numbers = [figures.of(period) for period in figures.all.periods]
    yield _orders(figures.all.by, names, [orders for orders, _ in numbers])
    yield _value(figures.all.by, names, [value for _, value in numbers], figures.currency)
    yield _funnel(figures.all)
    yield _reasons(figures.all)
    yield _times(figures.all)
    yield _obligations(figures.all, url)


Names = tuple[str, str, str]
"""A period as the axis has it, as the table has it, and as CSV has it."""


def _names(start: datetime, by: str) -> Names:
    if by == "month":
        name = f"{start:%b %Y}"
        return name, name, str(start.date())
    day = f"{start:%-d %b}"
    if by == "hour":
        hour = f"{start:%H:%M}"
        return hour, f"{day}, {hour}", start.isoformat()
    return day, f"{day} {start.year}", str(start.date())


def _orders(by: str, names: Sequence[Names], numbers: Sequence[int]) -> Chart:
    average = f"{sum(numbers) / len(numbers):,.1f}".removesuffix(".0")
    texts = [count(number, "order") for number in numbers]
    return _over_time(
        *("Orders", "Orders", by, average, names, texts),
        cells=[Cell(f"{number:,}", number) for number in numbers],
        series=Series([name for name, _, _ in names], numbers),
        draw=lambda points: columns(points, lambda number: f"{number:,}"),
    )


def _value(by: str, names: Sequence[Names], amounts: Sequence[int], currency: str) -> Chart:
    average = money(round(sum(amounts) / len(amounts)), currency)
    texts = [money(amount, currency) for amount in amounts]
    return _over_time(
        *("Value", f"Value ({currency})", by, average, names, texts),
        cells=[Cell(text, _plain(amount, currency)) for text, amount in zip(texts, amounts, strict=True)],
        series=Series([name for name, _, _ in names], amounts, _unit(currency), _exponent(currency)),
        draw=lambda points: line(points, lambda amount: _short_money(amount, currency)),
    )


def _over_time(
    what: str,
    head: str,
    by: str,
    average: str,
    names: Sequence[Names],
    texts: Sequence[str],
    *,
    cells: Sequence[Cell],
    series: Series,
    draw: Callable[[Sequence[Point]], list[Mark]],
) -> Chart:
    points = [
        Point(label, name, value, text)
        for (label, name, _), value, text in zip(names, series.values, texts, strict=True)
    ]
    most = max(points, key=lambda point: point.value)
    on = {"hour": "at", "day": "on", "week": "in the week of", "month": "in"}[by]
    sentence = f"On average {average} {'an' if by == 'hour' else 'a'} {by}; the most {on} {most.name}, {most.text}."
    rows = [(Cell(name, exact), cell) for (_, name, exact), cell in zip(names, cells, strict=True)]
    return Chart(
        name=f"{what.lower()}-per-{by}",
        title=f"{what} per {by}",
        sentence=sentence if most.value else "No orders were placed in this period.",
        heads=(by.capitalize(), head),
        rows=rows[::-1],
        marks=draw(points) if most.value else (),
        series=series,
    )


def _plain(minor: int, currency: str) -> str:
    """Return an amount with a point and without a unit."""
    exponent = _exponent(currency)
    return f"{minor / 10**exponent:.{exponent}f}"


def _exponent(currency: str) -> int:
    return EXPONENTS.get(currency, 2)


def _unit(currency: str) -> str:
    """Return what is before the number of an amount."""
    return money(0, currency).partition("0")[0]


def _short_money(minor: int, currency: str) -> str:
    """Return a round amount, such as `€2k`."""
    whole, unit = minor / 10 ** _exponent(currency), _unit(currency)
    for size, letter in ((10**9, "bn"), (10**6, "m"), (10**3, "k")):
        if whole >= size:
            return f"{unit}{whole / size:g}{letter}"
    return f"{unit}{whole:g}"


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.0f} %)" if whole else f"{part:,}"


def _funnel(found: Statistics) -> Chart:
    funnel = found.funnel
    steps = [
        ("Placed", funnel.placed),
        ("Confirmed", funnel.confirmed),
        ("Shipped, some or all", funnel.first_shipment),
        ("Shipped, all", funnel.shipped),
        ("Delivered", funnel.delivered),
        ("Cancelled", funnel.cancelled),
    ]
    parts = [(name, number, _share(number, funnel.placed)) for name, number in steps]
    sentence = (
        f"Of {count(funnel.placed, 'order')} placed, in all currencies, "
        f"{funnel.confirmed:,} {'is' if funnel.confirmed == 1 else 'are'} confirmed and {funnel.delivered:,} delivered "
        "so far."
    )
    return Chart(
        name="funnel",
        title="How far orders get",
        sentence=sentence if funnel.placed else "No orders were placed in this period.",
        heads=("Step", "Orders"),
        rows=[(Cell(name, name), Cell(text, number)) for name, number, text in parts],
        marks=bars([Row(*part) for part in parts]) if funnel.placed else (),
        height=len(parts) * ROW + 4,
    )


def _reasons(found: Statistics) -> Chart:
    numbers = Counter[str]()
    for each in found.cancellations:
        numbers[each.reason or "No reason given"] += each.orders + each.partial
    total, listed = numbers.total(), numbers.most_common(MOST_REASONS)
    if rest := total - sum(number for _, number in listed):
        listed = [*listed[:-1], ("All others", rest + listed[-1][1])]
    parts = [Row(name, number, _share(number, total)) for name, number in listed]
    first = f"; the most frequent reason is “{listed[0][0]}” with {listed[0][1]:,}" if len(listed) > 1 else ""
    return Chart(
        name="cancellations",
        title="Why orders are cancelled",
        sentence=f"{count(total, 'cancellation')}, in all currencies{first}." if total else "Nothing was cancelled.",
        heads=("Reason", "Currency", "Orders", "Partial", "Value"),
        rows=[
            (
                Cell(each.reason or "No reason given", each.reason or ""),
                Cell(each.currency, each.currency),
                Cell(f"{each.orders:,}", each.orders),
                Cell(f"{each.partial:,}", each.partial),
                Cell(money(each.value, each.currency), _plain(each.value, each.currency)),
            )
            for each in found.cancellations
        ],
        marks=bars(parts) if total else (),
        height=len(parts) * ROW + 4,
    )


def _times(found: Statistics) -> Chart:
    times = found.time_in_status
    rows = [
        Row(STATUSES[each.status][2], each.p50, f"{_duration(each.p50)}, {_duration(each.p95)}", each.p95)
        for each in times
    ]
    longest = max(times, key=lambda each: each.p50, default=None)
    sentence = "No order left a status in this period."
    if longest:
        sentence = (
            f"The longest is {STATUSES[longest.status][2].lower()}: half of the orders leave it within "
            f"{_duration(longest.p50)}, 19 of 20 within {_duration(longest.p95)}."
        )
    return Chart(
        name="time-in-status",
        title="Time in status",
        sentence=sentence,
        heads=("Status", "Orders", "Median", "95th percentile"),
        rows=[
            (
                Cell(STATUSES[each.status][2], each.status),
                Cell(f"{each.count:,}", each.count),
                Cell(_duration(each.p50), each.p50),
                Cell(_duration(each.p95), each.p95),
            )
            for each in times
        ],
        marks=bars(rows) if rows else (),
        height=len(rows) * ROW + 4,
        legend="Solid: median. Pale: 95th percentile. Both are accurate to 10 %; the CSV file has seconds.",
    )


def _duration(seconds: int) -> str:
    """Return a duration in its largest unit."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            number = f"{seconds / size:,.1f}".removesuffix(".0") if seconds < 10 * size else f"{seconds / size:,.0f}"
            return f"{number} {'day' if number == '1' and unit == 'days' else unit}"
    return f"{seconds} s"


def _obligations(found: Statistics, url: Callable[[str], str]) -> Chart:
    rows = list[Sequence[Cell]]()
    for each in found.current:
        owed = (
            ("Refund due", each.refund_due, url("/?refund_due=true")),
            ("Void due", each.void_due, url("/?void_due=true")),
            ("Refund in progress", each.refund_pending, ""),
        )
        for name, amount, link in owed:
            if amount.count:
                cells = (
                    Cell(name, name, link),
                    Cell(each.currency, each.currency),
                    Cell(f"{amount.count:,}", amount.count),
                    Cell(money(amount.value, each.currency), _plain(amount.value, each.currency)),
                )
                rows.append(cells)
    return Chart(
        name="obligations",
        title="Open obligations",
        sentence="What the shop owes or holds now, in all currencies." if rows else "Nothing is owed now.",
        heads=("Obligation", "Currency", "Orders", "Amount"),
        rows=rows,
    )
