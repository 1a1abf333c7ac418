"""Edits of stored values by several people at once: a form sends only what its user changed, and shows what others
changed meanwhile. The values that a form was loaded with are its hidden fields `was:<name>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orderkeep.entrypoints.console.changes import Difference
from orderkeep.entrypoints.console.fields import Field, Order
from orderkeep.entrypoints.console.pages import Form

WAS = "was:"

COMPARED = ("tags", "external_ref")
"""The fields that `changes.differences` compares too."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A stored value that a form can replace: when the form was loaded, now, and as typed."""

    name: str
    label: str
    was: str
    now: str
    typed: str
    is_sent: bool

    @property
    def is_changed(self) -> bool:
        """Whether another user changed the stored value."""
        return self.was != self.now

    @property
    def is_conflict(self) -> bool:
        """Whether both users changed the value, differently."""
        return self.is_changed and self.is_sent and self.typed != self.now

    @property
    def difference(self) -> Difference:
        """What another user changed."""
        return Difference(self.label, self.was or "none", self.now or "none")


def values_in(fields: Sequence[Field], form: Form, order: Order) -> dict[str, Any]:
    """Return the values to send by name, without those of prefilled fields that were not changed."""
    return {
        field.name: field.read(form, order)
        for field in fields
        if not field.prefilled or field.normal(form.text(field.name)) != _loaded(field, form, order)
    }


def edits_in(fields: Sequence[Field], form: Form, before: Order, order: Order) -> list[Edit]:
    """Return the stored values that a form can replace. It was loaded when the order was as it is in `before`."""
    found = []
    for field in fields:
        typed = field.normal(form.text(field.name))
        if field.prefilled:
            was, now = _loaded(field, form, order), field.normal(field.start(order))
            found.append(Edit(field.name, field.label, was, now, typed, typed != was))
        elif field.replaces is not None:
            was, now = field.replaces(before, form), field.replaces(order, form)
            found.append(Edit(field.name, field.label, was, now, typed, bool(typed)))
    return found


def compared(
    labels: Mapping[str, str], was: Mapping[str, Any], now: Mapping[str, Any], typed: Mapping[str, Any]
) -> list[Edit]:
    """Return the stored values of a form whose fields are all prefilled; several words of a field are a tuple."""
    found = []
    for name, label in labels.items():
        if name in now:
            before, after, given = (_text(values[name]) for values in (was, now, typed))
            found.append(Edit(name, label, before, after, given, given != before))
    return found


def loaded_form(now: Mapping[str, Any], changes: Mapping[str, Any], version: int) -> Form:
    """Return a form that is loaded with the values of now, and contains changes of them."""
    fields = [("if_match", str(version))]
    for prefix, values in ((WAS, now), ("", {**now, **changes})):
        for name, value in values.items():
            fields += [(prefix + name, each) for each in (value if isinstance(value, tuple) else [value or ""])]
    return Form(fields)


def _text(value: str | tuple[str, ...] | None) -> str:
    return ", ".join(value) if isinstance(value, tuple) else value or ""


def _loaded(field: Field, form: Form, order: Order) -> str:
    return field.normal(form.text(WAS + field.name, field.start(order)))


def rebased(form: Form, edits: Sequence[Edit]) -> Form:
    """Return the form as if it was loaded now: with what the user changed, and otherwise the values of now."""
    values = {each.name: each.typed if each.is_sent else each.now for each in edits if form.all(WAS + each.name)}
    return form.replaced(values | {WAS + each.name: each.now for each in edits if each.name in values})
