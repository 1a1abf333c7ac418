"""The orders screen: the list with its filters and search, its export, and the sample orders of an empty store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.responses import Response, StreamingResponse

from orderkeep.application.access.actor import Scope
from orderkeep.application.errors import InvalidQuery
from orderkeep.application.ports import OrderFilter, utc_now
from orderkeep.application.use_cases.count_orders import OrderCounts
from orderkeep.application.use_cases.export_to_document import OrderFormat
from orderkeep.application.use_cases.list_orders import EVERYTHING, FLAGS, OrderPage
from orderkeep.domain.exceptions import ServiceUnavailable
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.payments import PaymentStatus
from orderkeep.domain.returns import ReturnStatus
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.console.fields import failed
from orderkeep.entrypoints.console.pages import Page, Screen
from orderkeep.entrypoints.console.rendering import query
from orderkeep.entrypoints.field_errors import LONGEST_NAME, unknown_name
from orderkeep.entrypoints.order_files.formats import FORMATS
from orderkeep.entrypoints.sample_orders import store_samples

screen = Screen("Orders", "/")
others = Screen("", "/console", part_of="Orders")

SAMPLES = 60

PART = 100
"""How many orders an export sends at once."""

VIEWS: tuple[tuple[str, dict[str, str]], ...] = (
    ("All orders", {}),
    ("Needs attention", {"needs_attention": "true"}),
    ("Today", {"created_from": "today"}),
    ("On hold", {"on_hold": "true"}),
    ("Refund due", {"refund_due": "true"}),
)
"""The saved views, each with its filter."""

LABELS = {
    "q": "search",
    "status": "status",
    "payment_status": "payment",
    "return_status": "returns",
    "tag": "tag",
    "external_ref": "reference",
    "user_id": "customer ID",
    "created_from": "placed from",
    "created_to": "placed until",
    "needs_attention": "needs attention",
    "on_hold": "on hold",
    "refund_due": "refund due",
    "void_due": "void due",
}
"""The parameters of the list, and what they are called."""

COMBINES = ("user_id", "created_from", "created_to")
"""The parameters that combine with a status."""


class Given(dict[str, str]):
    """The parameters of a request that have a value; others are empty."""

    @classmethod
    def of(cls, page: Page) -> Given:
        """Return the parameters of the list."""
        return cls({name: value for name in LABELS if (value := page.query.get(name, "").strip())})

    def __missing__(self, _: str) -> str:
        return ""


class Line(msgspec.Struct):
    """A line of an order in the list."""

    quantity: int


class Named(msgspec.Struct):
    """The customer of an order in the list."""

    name: str | None = None
    email: str | None = None


class Held(msgspec.Struct):
    """Why an order is on hold, and until when."""

    reason: str
    until: str | None


class Row(msgspec.Struct):
    """An order in the list: the fields that it shows."""

    id: str
    user_id: str
    total: int
    currency: str
    status: str
    payment_status: str
    return_status: str
    created_at: str
    refund_pending: int
    refund_due: int
    refunds: list[dict[str, Any]]
    void_due: int
    external_ref: str | None
    lines: list[Line]
    hold: Held | None
    customer: Named | None = None

    @property
    def name(self) -> str:
        """What a person calls the order."""
        return self.external_ref or self.id[:8]

    @property
    def buyer(self) -> str:
        """The customer's name, or else the e-mail address or the ID."""
        customer = self.customer or Named()
        return customer.name or customer.email or self.user_id

    @property
    def refund_failed(self) -> int:
        """The amount of the refunds that failed and were not repeated."""
        return sum([each["amount"] for each in failed(self.refunds)])

    @property
    def units(self) -> int:
        return sum([line.quantity for line in self.lines])


_rows = msgspec.json.Decoder(list[Row])


@screen.get()
async def list_orders(page: Page) -> Response:
    """Return the list."""
    given = Given.of(page)
    kept = {name: given[name] for name in COMBINES if name in given}
    error, found, counts = "", OrderPage(b"", None), None
    try:
        if unknown := [name for name in page.query if name not in (*LABELS, "cursor")]:
            raise InvalidQuery(unknown_name(unknown[0], LABELS, "filter"), unknown[0][:LONGEST_NAME])
        found, counts = await asyncio.gather(_find(page, given), _count(page, given))
    except InvalidQuery as invalid:
        label = LABELS.get(invalid.parameter, f"the parameter {invalid.parameter}")
        other = LABELS.get(invalid.other, invalid.other)
        text = str(invalid).replace(f" {invalid.other}", f" {other}", 1)
        error = "this page of the list does not exist any more" if invalid.parameter == "cursor" else f"{label} {text}"
    rows = _rows.decode(b"[" + found.json + b"]")
    is_empty = not rows and not given and not error and "cursor" not in page.query
    view = {name: given[name] for name in given if name != "status"}
    template = "orders-empty.html" if is_empty else "orders.html"
    return page.render(
        template,
        HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK,
        rows=rows,
        error=error,
        given=given,
        view=view,
        named=view if view not in [of for _, of in VIEWS] else {},
        labels=LABELS,
        views=VIEWS,
        next_cursor=found.next_cursor,
        is_first="cursor" not in page.query,
        kept=kept,
        counts=counts,
        total=_total(counts, given),
        order_statuses=list(OrderStatus),
        payment_statuses=list(PaymentStatus),
        return_statuses=[each for each in ReturnStatus if each != ReturnStatus.NONE],
        may_act=page.may(Scope.WRITE) or page.may(Scope.CANCEL),
        may_place=page.may(Scope.WRITE),
        may_load=page.may(Scope.ADMIN),
        samples=SAMPLES,
        origin=str(page.request.base_url).rstrip("/"),
    )


async def _count(page: Page, given: Given) -> OrderCounts | None:
    """Return the numbers of orders that the links by status show; None if they are unknown, if the actor has not the
    scope, or if these links show only some orders of a status, or are not shown.
    """
    if not page.may(Scope.STATISTICS) or given.keys() & {"q", *COMBINES}:
        return None
    try:
        return await page.use_cases.count_orders.execute(page.actor)
    except ServiceUnavailable:  # the list is shown without them, or reports the error
        return None


def _total(counts: OrderCounts | None, given: Mapping[str, str]) -> int | None:
    """Return how many orders match: all, or those in a status. With other filters, the number is unknown."""
    if counts is None or given.keys() - {"status"}:
        return None
    return counts.statuses.get(OrderStatus(given["status"]), 0) if given else counts.total


async def _find(page: Page, given: Given) -> OrderPage:
    where, cursor = filter_of(given), page.query.get("cursor")
    if "q" in given:
        search = page.use_cases.search_orders
        found = await search.execute(given["q"], where, cursor=cursor, actor=page.actor)
        if not found.json and (rest := given["q"].removeprefix("#").strip()) not in ("", given["q"]):
            given["q"] = rest
            found = await search.execute(rest, where, cursor=cursor, actor=page.actor)
        return found
    return await page.use_cases.list_orders.execute(where, cursor=cursor, actor=page.actor)


def list_of_referrer(page: Page) -> str:
    """Return the query string of the list that the browser came from, or nothing. Other parameters are dropped."""
    try:
        referrer = urlsplit(page.request.headers.get("referer", ""))
        sent = dict(parse_qsl(referrer.query, max_num_fields=100))
    except ValueError:
        return ""
    is_list = referrer.netloc == page.request.headers.get("host") and referrer.path == page.url("/")
    return query({name: sent[name] for name in (*LABELS, "cursor") if name in sent}) if is_list else ""


def filter_of(given: Mapping[str, str]) -> OrderFilter:
    """Return the filter of the parameters. `created_to` includes its day. Raises `InvalidQuery`."""
    values: dict[str, Any] = {name: given.get(name) for name in ("payment_status", "return_status", "tag")}
    values |= {name: given.get(name) for name in ("external_ref", "user_id")}
    values |= dict.fromkeys([name for name in FLAGS if given.get(name) == "true"], True)
    start, end = _day("created_from", given), _day("created_to", given)
    return OrderFilter(
        statuses=(given["status"],) if "status" in given else (),
        created_from=start,
        created_to=end and end + timedelta(days=1),
        **values,
    )


def _day(name: str, given: Mapping[str, str]) -> datetime | None:
    text = given.get(name)
    if text is None:
        return None
    if text == "today":
        return utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidQuery("must be a date such as 2026-11-30", name) from None


@others.get()
@others.get("/")
@others.get("/orders")
async def redirect_to_list(page: Page) -> Response:
    """Redirect from the folders of the pages to the list."""
    return page.redirect("/")


@others.get("/export")
async def export(page: Page) -> Response:
    """Return the orders that match the filter as a file."""
    given = Given.of(page)
    file_format = FORMATS.get(page.query.get("format", ""))
    if file_format is None or "q" in given:
        raise HttpProblem("not_found", "Choose CSV or JSON Lines. The results of a search cannot be exported.")
    orders = page.use_cases.export_orders.execute(filter_of(given), page.actor)
    first = await anext(orders, None)  # errors are reported before the response starts
    name = f"orders-{utc_now():%Y-%m-%d}.{page.query['format']}"
    return StreamingResponse(
        _content(first, orders, file_format),
        media_type=file_format.media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _content(first: bytes | None, rest: AsyncIterator[bytes], file_format: OrderFormat) -> AsyncIterator[bytes]:
    parts = [file_format.beginning]
    if first is not None:
        parts.append(file_format.order(first))
    async for order in rest:
        parts.append(file_format.order(order))
        if len(parts) >= PART:
            yield b"".join(parts)
            parts.clear()
    yield b"".join(parts)


@others.post("/load-samples")
async def load_samples(page: Page) -> Response:
    """Place sample orders in an empty store."""
    page.actor.require(Scope.ADMIN)
    if (await page.use_cases.list_orders.execute(EVERYTHING, limit=1)).json:
        return page.redirect("/", notice="No sample orders were placed, because the store already has orders.")
    await store_samples(page.use_cases, SAMPLES)
    return page.redirect("/", notice=f"{SAMPLES} sample orders were placed.")
