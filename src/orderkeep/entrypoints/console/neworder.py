"""The new order screen: a form whose totals the server computes, while it is typed or with the button *Calculate*."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from orderkeep.application.access.actor import Scope
from orderkeep.application.dtos import ChangeDTO, PlaceOrder
from orderkeep.application.errors import IdempotencyKeyReused, NotAllowed
from orderkeep.application.use_cases.list_orders import EVERYTHING
from orderkeep.domain.exceptions import AmountOutOfRange, InvalidInput, OrderNotFound, TextMissing
from orderkeep.domain.lines import OrderLine
from orderkeep.domain.value_objects import CURRENCIES, Money, in_major_units
from orderkeep.entrypoints.amounts import message_in_major_units, parse_amount
from orderkeep.entrypoints.console.changes import own_time_ago
from orderkeep.entrypoints.console.pages import Form, Page, Screen
from orderkeep.entrypoints.field_errors import FieldError, InvalidFields, field_error_of
from orderkeep.entrypoints.schemas import read_place_order

screen = Screen("", "/console/new-order", scope=Scope.WRITE, part_of="Orders")

MAX_FORM_LINES = 100
"""Lines that fit in the form, far below those of an order."""

LINE = {
    "sku": "SKU",
    "name": "Name",
    "quantity": "Quantity",
    "unit_price": "Unit price",
    "discount": "Discount",
    "tax": "Tax",
}
CUSTOMER = {"name": "Name", "email": "E-mail", "phone": "Phone"}
ADDRESS = {
    "name": "Recipient",
    "company": "Company",
    "line1": "Street and number",
    "line2": "Second line",
    "postal_code": "Postal code",
    "city": "City",
    "region": "Region",
    "country": "Country code",
}
PARTS = {
    "customer": ("Customer", CUSTOMER),
    "shipping_address": ("Shipping address", ADDRESS),
    "billing_address": ("Billing address", ADDRESS),
}
AMOUNTS = {"shipping": "Shipping", "tax": "Tax", "discount": "Discount"}
OF_LINE = ("unit_price", "discount", "tax")
UPPER = ("currency", "shipping_address/country", "billing_address/country")
ORDER = {"user_id": "Customer ID", "external_ref": "Reference", "currency": "Currency", "tags": "Tags"}
LABELS = {
    **ORDER,
    **{
        f"{part}/{name}": f"{label}, {text.lower()}"
        for part, (label, names) in PARTS.items()
        for name, text in names.items()
    },
    **AMOUNTS,
}
"""The fields of the form by their names, which are those of the API, with `/` between the parts."""

MESSAGES = {TextMissing.code: "is required", AmountOutOfRange.code: "is too large, or makes the total too large"}
"""Messages in place of those of the API, by code."""

AGAIN = "This form has placed an order already. If you want to place a second one, send it again."


@dataclass
class Draft:
    """What was typed in the form, what is wrong with it, and the total, None while an amount is wrong."""

    values: dict[str, str]
    lines: list[dict[str, str]]
    once: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    amounts: list[int | None] = field(default_factory=list)
    total: int | None = None
    focus: str = ""

    @classmethod
    def of(cls, form: Form) -> Draft:
        """Return the draft that a form contains."""
        values = {name: form.text(name) for name in LABELS}
        values |= {name: values[name].upper() for name in UPPER}
        lines: dict[int, dict[str, str]] = {}
        for rest, text in form.starting("lines/"):
            number, _, name = rest.partition("/")
            if name in LINE and number.isdecimal():
                lines.setdefault(int(number), dict.fromkeys(LINE, ""))[name] = text
        return cls(values, list(lines.values()) or [dict.fromkeys(LINE, "")], form.text("once"))

    def calculate(self) -> None:
        """Set the amounts of the lines and the total, and the errors of those that cannot be read."""
        self.amounts = [self._amount_of(f"lines/{index}/", line) for index, line in enumerate(self.lines)]
        parts = [self._minor(name, self.values[name]) for name in AMOUNTS]
        if None not in parts and None not in self.amounts:
            shipping, tax, discount = parts
            self.total = sum(self.amounts) + shipping + tax - discount  # type: ignore[arg-type, operator]

    def _amount_of(self, path: str, line: dict[str, str]) -> int | None:
        given = {name: self._minor(path + name, line[name]) for name in OF_LINE}
        text = line["quantity"] or "0"
        quantity = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
        if quantity is None:
            self.errors[path + "quantity"] = "must be a whole number of at least 1"
        if quantity is None or None in given.values():
            return None
        price, discount, tax = (Money(given[name] or 0, self._currency) for name in OF_LINE)
        return OrderLine("", "", quantity, price, discount, tax).total_minor

    def _minor(self, name: str, text: str) -> int | None:
        try:
            return parse_amount(text or "0", self._currency)
        except InvalidInput:
            self.errors["currency"] = "must be an ISO 4217 code, such as EUR, USD or JPY"
        except ValueError as error:
            self.errors[name] = str(error)
        return None

    @property
    def items(self) -> int | None:
        """The amount of all lines."""
        return None if None in self.amounts else sum(each or 0 for each in self.amounts)

    @property
    def _currency(self) -> str:
        return self.values["currency"]

    def has(self, part: str) -> bool:
        """Return whether a part has a value or an error."""
        return any(name.startswith(f"{part}/") for name in (*filter(self.values.get, self.values), *self.errors))

    def command(self) -> PlaceOrder | None:
        """Return the order to place, or None with errors."""
        if not any(map(_is_filled, self.lines)):
            self.errors["lines/0/sku"] = "is required, because an order has at least one line"
        for index, line in enumerate(self.lines):
            if _is_filled(line) and not line["unit_price"]:
                self.errors[f"lines/{index}/unit_price"] = "is required"
        if self.total is not None and self.total < 0 and (self.items or 0) >= 0:
            self.errors["discount"] = "must not be more than lines, shipping and tax together"
        try:
            command = read_place_order(self._data())
        except InvalidFields as invalid:
            for error in invalid.errors:
                self.note(error)
        places = [*ORDER, *(f"lines/{index}/{name}" for index in range(len(self.lines)) for name in LINE), *LABELS]
        self.errors = dict(sorted(self.errors.items(), key=lambda each: [*places, each[0]].index(each[0])))
        return None if self.errors else command

    def _data(self) -> dict[str, Any]:
        """Return the order as the body of a request has it, without empty fields. Amounts with an error are 0."""
        values = self.values
        data: dict[str, Any] = {name: values[name] for name in ("user_id", "currency")}
        data |= {name: self._minor(name, values[name]) or 0 for name in AMOUNTS}
        data |= {"total": max(0, self.total or 0), "external_ref": values["external_ref"] or None}
        data["tags"] = [tag.strip() for tag in values["tags"].split(",") if tag.strip()]
        for part, (_, names) in PARTS.items():
            data[part] = {name: text for name in names if (text := values[f"{part}/{name}"])}
        return data | {"lines": [self._line_data(index) for index, line in enumerate(self.lines) if _is_filled(line)]}

    def _line_data(self, index: int) -> dict[str, Any]:
        line, path = self.lines[index], f"lines/{index}/"
        quantity = 1 if path + "quantity" in self.errors else int(line["quantity"] or 0)
        amounts = {name: self._minor(path + name, line[name]) or 0 for name in OF_LINE}
        return {"sku": line["sku"], "name": line["name"], "quantity": quantity, **amounts}

    def note(self, error: FieldError) -> None:
        """Add an error of the API at the field that its pointer means."""
        path = (error.pointer or "").removeprefix("/").split("/")
        if path[0] == "lines" and len(path) > 1:
            path[1] = str([index for index, line in enumerate(self.lines) if _is_filled(line)][int(path[1])])
        name = "tags" if path[0] == "tags" else "discount" if path[0] == "total" else "/".join(path)
        self.errors.setdefault(name, MESSAGES.get(error.code, error.message))

    def label_of(self, name: str) -> str:
        """Return what a field is called in the summary of errors."""
        head, _, rest = name.partition("/")
        if head != "lines" or not rest:
            return LABELS.get(name, "The order")
        number, _, part = rest.partition("/")
        return f"{LINE.get(part, 'Line')} of line {int(number) + 1}"


def _is_filled(line: Mapping[str, str]) -> bool:
    """Return whether more than the quantity, which the form fills in, is given."""
    return any(text for name, text in line.items() if name != "quantity")


@screen.get()
async def show_form(page: Page) -> Response:
    """Return the empty form."""
    draft = Draft.of(Form())
    draft.values["currency"] = await _usual_currency(page)
    draft.lines[0]["quantity"] = "1"
    draft.calculate()
    draft.focus = "user_id"
    return _page(page, draft, just_placed=await _just_placed(page))


@screen.post()
async def place_order(page: Page) -> Response:
    """Place the order; or add or remove a line, or calculate, as the button says."""
    draft = Draft.of(page.form)
    do, _, number = page.form.text("do").partition(" ")
    if do == "add" and len(draft.lines) < MAX_FORM_LINES:
        draft.lines.append(dict.fromkeys(LINE, "") | {"quantity": "1"})
        draft.focus = f"lines/{len(draft.lines) - 1}/sku"
    elif do == "remove" and number.isdecimal():
        del draft.lines[int(number) : int(number) + 1]
        draft.lines = draft.lines or [dict.fromkeys(LINE, "")]
        draft.focus = f"lines/{min(int(number), len(draft.lines) - 1)}/sku"
    draft.calculate()
    if do != "place":
        return _page(page, draft)
    command = draft.command()
    if command is not None:
        try:
            placed = await page.use_cases.place_order.execute(command, page.context())
        except InvalidInput as invalid:
            error = field_error_of(invalid)
            draft.note(replace(error, message=message_in_major_units(invalid, draft.values["currency"])))
        except IdempotencyKeyReused:
            draft.once, draft.errors[""] = "", AGAIN
        else:
            page.session.keep_placed(placed.order_id)
            return page.redirect(f"/console/orders/{placed.order_id}", notice="The order was placed.")
    draft.focus = next(iter(draft.errors))
    return _page(page, draft, HTTPStatus.UNPROCESSABLE_ENTITY)


async def _usual_currency(page: Page) -> str:
    """Return the currency of the newest order."""
    if page.may(Scope.READ):
        newest = await page.use_cases.list_orders.execute(EVERYTHING, limit=1, actor=page.actor)
        if newest.json:
            currency: str = msgspec.json.decode(newest.json)["currency"]
            return currency
    return "EUR"


async def _just_placed(page: Page) -> tuple[ChangeDTO, str] | None:
    """Return the placement of the last order of this browser, and how long ago, if the actor has just placed it."""
    if not page.session.placed:
        return None
    try:
        found = await page.use_cases.get_order_history.execute(page.session.placed, limit=1, actor=page.actor)
    except (NotAllowed, OrderNotFound):
        return None
    [change] = found.changes
    ago = own_time_ago(page, change)
    return (change, ago) if ago else None


def _page(
    page: Page,
    draft: Draft,
    status: HTTPStatus = HTTPStatus.OK,
    just_placed: tuple[ChangeDTO, str] | None = None,
) -> Response:
    return page.render(
        "new-order.html",
        status,
        draft=draft,
        just_placed=just_placed,
        example="" if draft.total is None else in_major_units(1_250, draft.values["currency"]),
        line_labels=LINE,
        amount_labels=AMOUNTS,
        parts=PARTS,
        currencies=sorted(CURRENCIES),
        most=MAX_FORM_LINES,
    )
