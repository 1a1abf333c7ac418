"""What differs between two versions of an order, and its history, as the pages show them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from orderkeep.application.cursors import history_cursor
from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.entrypoints.change_texts import details_text, event_text
from orderkeep.entrypoints.console.pages import Page
from orderkeep.entrypoints.console.rendering import STATUSES, count, money, sentence

RECENT = timedelta(minutes=5)
"""How long a form warns its user of what they have just done."""

SHOWN = 50
"""How many changes the timeline shows at once."""

_STATUS_FIELDS = {
    "status": "Status",
    "payment_status": "Payment",
    "return_status": "Returns",
}
_AMOUNTS = {
    "current_total": "Total",
    "authorized": "Authorized",
    "captured": "Paid",
    "refund_pending": "Refunds pending",
    "refunded": "Refunded",
    "refund_due": "Refund due",
    "void_due": "Void due",
}
_UNITS = ("cancelled", "shipped", "delivered", "returned")
_PARTS = {"s": "shipment", "r": "return"}
_ALWAYS = ("status", "payment_status", "current_total", "refund_due")
"""What a preview shows even if it stays the same."""

Values = Mapping[str, Any]
"""An order as JSON has it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value before and after."""

    label: str
    old: str
    new: str

    @property
    def is_change(self) -> bool:
        return self.old != self.new


def values_of(order: OrderDTO) -> dict[str, Any]:
    """Return an order as JSON has it."""
    found: dict[str, Any] = msgspec.to_builtins(order)
    return found


def differences(before: Values, after: Values) -> list[Difference]:
    """Return what changes from one version to another."""
    return [each for _, each in _compared(before, after) if each.is_change]


def preview_of(before: Values, after: Values) -> list[Difference]:
    """Return what a command changes, and the values that people look for even if they stay the same."""
    return [each for name, each in _compared(before, after) if each.is_change or name in _ALWAYS]


def _compared(before: Values, after: Values) -> Iterator[tuple[str, Difference]]:
    currency = after["currency"]
    for name, label in _STATUS_FIELDS.items():
        yield name, Difference(label, STATUSES[before[name]][2], STATUSES[after[name]][2])
    yield "on_hold", Difference("On hold", _yes(before["on_hold"]), _yes(after["on_hold"]))
    for name, label in _AMOUNTS.items():
        yield name, Difference(label, money(before[name], currency), money(after[name], currency))
    earlier = {line["id"]: line for line in before["lines"]}
    for line in after["lines"]:
        for name in _UNITS:
            old = earlier.get(line["id"], {}).get(name, 0)
            yield name, Difference(f"{line['name']} {name}", str(old), str(line[name]))
    yield "external_ref", Difference("Reference", before["external_ref"] or "none", after["external_ref"] or "none")
    yield "tags", Difference("Tags", _joined(before["tags"]), _joined(after["tags"]))
    for key in sorted({*before["metadata"], *after["metadata"]}):
        yield "metadata", Difference(key, before["metadata"].get(key, "none"), after["metadata"].get(key, "none"))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _joined(tags: Sequence[str]) -> str:
    return ", ".join(tags) or "none"


@dataclass(frozen=True, slots=True)
class Entry:
    """A change in the timeline. `is_linked`: it and its link to the previous one are intact. `own_ago`: how long ago
    the actor of the page made it, if that is `RECENT`.
    """

    version: int
    at: datetime
    actor: str
    title: str
    details: str
    differences: list[Difference]
    hash: str
    is_linked: bool
    own_ago: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Changes of an order, newest first. `earlier` is the number of changes before them."""

    entries: list[Entry]
    earlier: int

    @property
    def is_intact(self) -> bool:
        return all(entry.is_linked for entry in self.entries)


async def timeline_of(page: Page, order_id: str, version: int, shown: int = SHOWN) -> Timeline:
    """Return the changes up to a version, at most as many as `shown`."""
    first = max(1, version - shown + 1)
    before = first - 1  # the change before the first one, with which that is compared
    cursor = history_cursor(order_id, before - 1) if before > 1 else None
    found = await page.use_cases.get_order_history.execute(
        order_id, limit=min(version - before + 1, 200), cursor=cursor, actor=page.actor
    )
    previous: ChangeDTO | None = None
    entries: list[Entry] = []
    for change in found.changes:
        if first <= change.version <= version:
            entries.append(_entry(change, previous, found.key_names, own_time_ago(page, change)))
        previous = change
    return Timeline(entries[::-1], first - 1)


def own_time_ago(page: Page, change: ChangeDTO) -> str:
    """Return how long ago the actor of the page made a change, such as `20 seconds ago`; "" if it is not `RECENT`, or
    another actor made it. After it, Back shows a form as new, and the actor may send it again by mistake.
    """
    ago = page.use_cases.get_order_actions.clock() - change.at
    if change.actor != str(page.actor) or ago > RECENT:
        return ""
    seconds = max(0, int(ago.total_seconds()))
    return f"{count(seconds, 'second') if seconds < 60 else count(seconds // 60, 'minute')} ago"


def _entry(change: ChangeDTO, previous: ChangeDTO | None, key_names: Mapping[str, str], own_ago: str) -> Entry:
    titles = [event_text(event) for event in change.events if event.type != "ObligationsChanged"]
    before = None if previous is None else previous.order
    details = _readable(details_text(change, before, money), change.order)
    is_typed = change.events[:1] and change.events[0].type.startswith(("Refund", "Note"))  # begins with what was typed
    return Entry(
        version=change.version,
        at=change.at,
        actor=actor_text(change.actor, key_names),
        title=sentence(", ".join(titles) or "amounts due changed").removesuffix("."),
        details=sentence(details) if details and not is_typed else details,
        differences=[] if before is None else differences(values_of(before), values_of(change.order)),
        hash=change.hash[:8],
        is_linked=change.intact and change.previous_hash == ("" if previous is None else previous.hash),
        own_ago=own_ago,
    )


def _readable(details: str, order: OrderDTO) -> str:
    """Return the details of a change with the names of lines in place of their IDs."""
    names = {line.id: line.name for line in order.lines}

    def units(found: re.Match[str]) -> str:
        return f"{found[1]} \N{MULTIPLICATION SIGN} {names.get(found[2], found[2])}"

    details = re.sub(r"\b(\d+) of (\S+?)(?=[,;]|$)", units, details)
    details = re.sub(r"(?<![^ ])- -> ", "none → ", details).replace(" -> -", " → none").replace(" -> ", " → ")
    details = re.sub(r"^n\d+: ", "", details)
    return re.sub(r"^([sr])(\d+)", lambda found: f"{_PARTS[found[1]]} {found[0]}", details)


def actor_text(actor: str, key_names: Mapping[str, str]) -> str:
    """Return an actor as people know them: the name of an API key, or the kind and the ID."""
    if actor in key_names:
        return f"{key_names[actor]} (API key)"
    kind, _, name = actor.partition(":")
    return "orderkeep" if kind == "system" else f"{name} ({kind})"
