"""The actions on an order: the form and the use case of each. `get_order_actions` returns which are possible."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult
from orderkeep.bootstrap import UseCases
from orderkeep.domain.payments import PaymentKind
from orderkeep.domain.returns import ReturnedUnits, ReturnState
from orderkeep.entrypoints.console.fields import (
    Amount,
    Choice,
    Country,
    Field,
    LongText,
    Order,
    Time,
    Units,
    Words,
    expected,
    failed,
    major,
    parts_in,
    refundable,
    returnable,
    unshipped,
    value_in,
)
from orderkeep.entrypoints.console.rendering import STATUSES, count, money

Values = Mapping[str, Any]
"""The values of a form by the names of its fields."""

Text = str | Callable[[Order, Values], str]
"""A text, or one that depends on an order and the values of a form."""

Run = Callable[[UseCases, Order, CommandContext, Values], Awaitable[CommandResult]]


@dataclass(frozen=True, slots=True)
class Action:
    """An action: its name among the domain's actions, its `title`, and how to run it. `submit` is the label of its
    button, and `done` what the order page says afterwards; both may depend on the values.
    """

    name: str
    title: str
    run: Run
    done: Text
    fields: tuple[Field, ...] = ()
    submit: Text = ""
    is_destructive: bool = False
    hint: str = ""

    def label(self, order: Order, values: Values | None) -> str:
        """Return the label of the button that runs the action."""
        if isinstance(self.submit, str):
            return self.submit or self.title
        return self.title if values is None else self.submit(order, values)

    def notice(self, order: Order, values: Values) -> str:
        """Return the message after the action was run: what was recorded."""
        return self.done if isinstance(self.done, str) else self.done(order, values)


def _plain(use_case: str) -> Run:
    """Return what runs a use case with the values of the form as its arguments."""

    async def run(do: UseCases, order: Order, context: CommandContext, values: Values) -> CommandResult:
        result: CommandResult = await getattr(do, use_case).execute(order["id"], context=context, **values)
        return result

    return run


def _units_text(values: Values) -> str:
    return count(sum(each.quantity for each in values["lines"]), "unit")


def _shipment_added(_: Order, values: Values) -> str:
    return f"The shipment of {_units_text(values)} was added." if values["lines"] else "The shipment was added."


def _were_cancelled(_: Order, values: Values) -> str:
    units = _units_text(values)
    return f"{units} {'was' if units == '1 unit' else 'were'} cancelled."


REASON = Field(
    name="reason",
    label="Reason",
    suggestions=("customer_request", "out_of_stock", "payment_failed", "fraud"),
)
NOTE = LongText(name="note", label="Note", hint="The customer can read it.")
TRACKING = (
    Field(name="carrier", label="Carrier", suggestions=("DHL", "DPD", "FedEx", "GLS", "UPS")),
    Field(name="tracking_number", label="Tracking number"),
    Field(name="tracking_url", label="Tracking link", hint="Begins with https://"),
)
OCCURRED = Time(name="occurred_at", label="When", hint="Empty means now.")
SHIPMENT = Choice(name="shipment_id", label="Shipment", choices=parts_in("shipments", "id"), is_required=True)
IN_TRANSIT = Choice(
    name="shipment_id", label="Shipment", choices=parts_in("shipments", "id", ("in_transit",)), is_required=True
)
RETURN = Choice(
    name="return_id", label="Return", choices=parts_in("returns", "id", (ReturnState.REQUESTED,)), is_required=True
)


async def _ship_rest(do: UseCases, order: Order, context: CommandContext, values: Values) -> CommandResult:
    if any(values.values()):
        return await do.add_shipment.execute(order["id"], context, **values)
    return await do.ship_order.execute(order["id"], context)


async def _update_shipment(do: UseCases, order: Order, context: CommandContext, values: Values) -> CommandResult:
    changes = {name: value for name, value in values.items() if name != "shipment_id" and value is not None}
    return await do.update_shipment.execute(order["id"], values["shipment_id"], changes, context)


async def _receive_return(do: UseCases, order: Order, context: CommandContext, values: Values) -> CommandResult:
    lines = [ReturnedUnits(each.line, each.quantity) for each in values["lines"]]
    return await do.receive_return.execute(order["id"], values["return_id"], context, lines=lines, note=values["note"])


def _close_return(outcome: str) -> Run:
    async def run(do: UseCases, order: Order, context: CommandContext, values: Values) -> CommandResult:
        return await do.close_return.execute(order["id"], values["return_id"], outcome, context, note=values["note"])

    return run


def _start_of(part: str, name: str) -> Callable[[Order], str]:
    return lambda order: (order.get(part) or {}).get(name) or ""


def _personal_fields(part: str, **labels: str) -> tuple[Field, ...]:
    return tuple(
        Field(name=f"{part}.{name}", label=label, start=_start_of(part, name), prefilled=True)
        for name, label in labels.items()
    )


PERSONAL = (
    *_personal_fields("customer", name="Customer name", email="E-mail", phone="Phone"),
    *_personal_fields(
        "shipping_address",
        name="Ship to",
        company="Company",
        line1="Address line 1",
        line2="Address line 2",
        postal_code="Postal code",
        city="City",
        region="Region",
    ),
    Country(
        name="shipping_address.country",
        label="Country code",
        start=_start_of("shipping_address", "country"),
        prefilled=True,
    ),
)


async def _edit(do: UseCases, order: Order, context: CommandContext, values: Values) -> CommandResult:
    changes: dict[str, Any] = {name: value for name, value in values.items() if "." not in name}
    for path, value in values.items():
        part, _, name = path.partition(".")
        if name:
            changes.setdefault(part, {})[name] = value
    return await do.edit_order.execute(order["id"], changes, context)  # type: ignore[arg-type]


ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action("confirm", "Confirm", _plain("confirm_order"), "The order was confirmed."),
        Action("ship", "Ship the rest", _ship_rest, "The rest was shipped.", TRACKING),
        Action(
            "add_shipment",
            "Ship part",
            _plain("add_shipment"),
            _shipment_added,
            (Units(name="lines", label="What to ship", most=unshipped, is_full=True), *TRACKING, OCCURRED),
            lambda _, values: f"Ship {_units_text(values)}" if values["lines"] else "Ship the order",
        ),
        Action("deliver", "Mark as delivered", _plain("deliver_order"), "The order was delivered."),
        Action(
            "cancel",
            "Cancel order",
            _plain("cancel_order"),
            "The order was cancelled.",
            (REASON, NOTE),
            is_destructive=True,
            hint="A cancelled order cannot be opened again. No money moves: refund what is due in a next step.",
        ),
        Action(
            "cancel_lines",
            "Cancel lines",
            _plain("cancel_lines"),
            _were_cancelled,
            (Units(name="lines", label="What to cancel", most=unshipped), REASON, NOTE),
            lambda _, values: f"Cancel {_units_text(values)}",
            is_destructive=True,
            hint="Cancelled units cannot be restored. No money moves: refund what is due in a next step.",
        ),
        Action(
            "hold",
            "Put on hold",
            _plain("hold_order"),
            "The order was put on hold.",
            (
                Field(
                    name="reason",
                    label="Reason",
                    is_required=True,
                    start=_start_of("hold", "reason"),
                    suggestions=("address check", "fraud check", "payment check"),
                ),
                replace(NOTE, start=_start_of("hold", "note")),
                Time(
                    name="until",
                    label="Until",
                    hint="Empty means until it is released.",
                    start=lambda order: _start_of("hold", "until")(order)[:16],
                ),
            ),
            hint="An order on hold can be neither confirmed nor shipped.",
        ),
        Action("release", "Release", _plain("release_order"), "The order was released."),
        Action(
            "record_payment",
            "Record payment",
            _plain("record_payment"),
            lambda order, values: f"The payment of {money(values['amount'], order['currency'])} was recorded.",
            (
                Choice(
                    name="kind",
                    label="What happened",
                    choices=lambda _: [(each, STATUSES[each][2]) for each in PaymentKind],
                    start=lambda _: PaymentKind.CAPTURED,
                ),
                Amount(
                    name="amount",
                    label="Amount",
                    start=lambda order: major(max(0, order["current_total"] - order["captured"]), order["currency"]),
                ),
                Field(
                    name="reference",
                    label="Reference",
                    is_required=True,
                    hint="The payment provider's ID. A reference is recorded once.",
                ),
                Field(name="method", label="Method", suggestions=("bank transfer", "card", "cash", "invoice")),
                OCCURRED,
            ),
            lambda order, values: f"Record {money(values['amount'], order['currency'])}",
        ),
        Action(
            "add_refund",
            "Refund",
            _plain("add_refund"),
            lambda order, values: (
                f"The refund of {money(values['amount'], order['currency'])} was added. "
                "Pay it at your payment provider, then mark it as settled."
            ),
            (
                Amount(name="amount", label="Amount", start=lambda order: major(refundable(order), order["currency"])),
                Field(
                    name="reference",
                    label="Reference",
                    is_required=True,
                    hint="The payment provider's ID, or a name of your own.",
                    start=lambda order: f"refund-{len(order['refunds']) + 1}",
                ),
                replace(
                    REASON, start=lambda order: next((each["reason"] or "" for each in failed(order["refunds"])), "")
                ),
            ),
            lambda order, values: f"Refund {money(values['amount'], order['currency'])}",
            hint="The refund is pending until it is marked as settled.",
        ),
        Action(
            "close_refund",
            "Settle refund",
            _plain("close_refund"),
            lambda _, values: f"The refund is {'settled' if values['status'] == 'succeeded' else 'marked as failed'}.",
            (
                Choice(
                    name="reference",
                    label="Refund",
                    choices=parts_in("refunds", "reference", ("pending", "succeeded")),
                    is_required=True,
                ),
                Choice(
                    name="status",
                    label="Outcome",
                    choices=lambda _: [("succeeded", "Settled"), ("failed", "Failed")],
                    start=lambda order: "succeeded" if order["refund_pending"] else "failed",
                ),
                OCCURRED,
            ),
            lambda _, values: "Settle refund" if values["status"] == "succeeded" else "Mark refund as failed",
            hint="A settled refund fails if the bank returns it.",
        ),
        Action(
            "deliver_shipment",
            "Shipment delivered",
            _plain("deliver_shipment"),
            "The shipment was delivered.",
            (IN_TRANSIT, OCCURRED),
        ),
        Action(
            "update_shipment",
            "Change tracking",
            _update_shipment,
            "The tracking was changed.",
            (SHIPMENT, *(replace(each, replaces=value_in("shipments", "shipment_id", each.name)) for each in TRACKING)),
            hint="What is left empty is kept.",
        ),
        Action(
            "request_return",
            "Request return",
            _plain("request_return"),
            "The return was requested.",
            (
                Units(name="lines", label="What comes back", most=returnable),
                Field(name="reason", label="Reason", suggestions=("damaged", "not as described", "too large")),
            ),
        ),
        Action(
            "receive_return",
            "Receive return",
            _receive_return,
            "The return was received.",
            (RETURN, Units(name="lines", label="What arrived", most=expected, is_full=True, is_needed=False), NOTE),
        ),
        Action("reject_return", "Reject return", _close_return("rejected"), "The return was rejected.", (RETURN, NOTE)),
        Action(
            "cancel_return", "Cancel return", _close_return("cancelled"), "The return was cancelled.", (RETURN, NOTE)
        ),
        Action(
            "edit",
            "Edit order",
            _edit,
            "The order was changed.",
            (
                Words(
                    name="tags",
                    label="Tags",
                    hint="Separated by commas.",
                    start=lambda order: ", ".join(order["tags"]),
                    prefilled=True,
                ),
                Field(
                    name="external_ref",
                    label="Reference",
                    hint="Can be set once.",
                    start=lambda order: order["external_ref"] or "",
                    prefilled=True,
                ),
                *PERSONAL,
            ),
            "Save",
        ),
        Action(
            "add_note",
            "Add note",
            _plain("add_note"),
            "The note was added.",
            (
                LongText(name="text", label="Note", is_required=True),
                Choice(
                    name="visibility",
                    label="Visible to",
                    choices=lambda _: [("internal", "Staff only"), ("customer", "Staff and the customer")],
                ),
            ),
        ),
        Action(
            "edit_note",
            "Edit note",
            _plain("edit_note"),
            "The note was changed.",
            (
                Choice(name="note_id", label="Note", choices=parts_in("notes", "id"), is_required=True),
                LongText(
                    name="text", label="New text", is_required=True, replaces=value_in("notes", "note_id", "text")
                ),
            ),
            "Save",
        ),
    )
}
"""All actions, by their name."""
