"""The `Order` aggregate. Its fields, and confirm, cancel, hold and release, are in `order_state.py`; the commands of
its parts in `order_shipments.py`, `order_payments.py` and `order_returns.py`. The others are here.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypedDict, Unpack

from orderkeep.domain import limits
from orderkeep.domain.consistency import check_parts
from orderkeep.domain.exceptions import (
    InvalidInput,
    NoteNotFound,
    OrderTooLarge,
    TooManyLines,
    TotalMismatch,
    UnexpectedCancellation,
    UnknownCurrency,
)
from orderkeep.domain.lifecycle import (
    DetailsChanged,
    DocumentAttached,
    Event,
    ExternalRefIsSet,
    NoteAdded,
    NoteEdited,
    OrderImported,
    OrderPlaced,
    OrderStatus,
    PersonalDataChanged,
    PersonalDataErased,
    TooManyDocuments,
)
from orderkeep.domain.lines import check_line_ids
from orderkeep.domain.order_payments import PaymentCommands
from orderkeep.domain.order_returns import ReturnCommands
from orderkeep.domain.order_shipments import ShipmentCommands
from orderkeep.domain.order_state import OrderDetails
from orderkeep.domain.personal_data import PartChanges, PersonalData, PersonalRecord
from orderkeep.domain.value_objects import (
    CURRENCIES,
    Document,
    Money,
    Note,
    check_id,
    check_metadata,
    check_tags,
    check_text,
    normalized_ref,
)


class OrderChanges(TypedDict, total=False):
    """What can be edited, as a JSON merge patch (RFC 7396): None removes a value or a key, and what is not given is
    kept. Tags are replaced as a whole. The last three are not changed by `edit`, but by `set_personal_data`.
    """

    tags: tuple[str, ...] | None
    metadata: Mapping[str, str | None] | None
    external_ref: str | None
    customer: PartChanges
    shipping_address: PartChanges
    billing_address: PartChanges


class Order(ShipmentCommands, PaymentCommands, ReturnCommands):
    """The aggregate root: changed by its methods only, and committed as a whole.

    A method changes the order and records events, or raises and changes nothing, or, if the order already is as
    requested, returns without an event. A command is rejected if the status does not allow it; a fact, such as a
    payment, is recorded whatever the status.
    """

    @classmethod
    def place(cls, id: str, user_id: str, total: Money, *, at: datetime, **details: Unpack[OrderDetails]) -> Order:
        """Return a new pending order, or raise the `InvalidInput` of the first rule that it breaks."""
        if external_ref := details.get("external_ref"):
            details["external_ref"] = normalized_ref(external_ref)
        order = cls(id, user_id, total, OrderStatus.PENDING, at, **details)
        order.check()
        if order.currency not in CURRENCIES:
            raise UnknownCurrency
        order.events.append(OrderPlaced())
        return order

    @classmethod
    def imported(
        cls, id: str, user_id: str, total: Money, status: str, at: datetime, **details: Unpack[OrderDetails]
    ) -> Order:
        """Return an order from another system, created `at` and now in `status`. Raises like `place`."""
        order = cls(id, user_id, total, status, at, **details)
        order.check()
        check_parts(order)
        order.events.append(OrderImported(order.status))
        return order

    def check(self) -> None:
        """Raise the `InvalidInput` of the first rule that a new order breaks."""
        check_id(self.id)
        check_text(self.user_id, "user_id", limits.MAX_USER_ID_LENGTH)
        if self.external_ref is not None:
            check_text(self.external_ref, "external_ref", limits.MAX_EXTERNAL_REF_LENGTH)
        self.total.check("total", self.currency)
        self.shipping.check("shipping", self.currency)
        self.discount.check("discount", self.currency)
        self.tax.check("tax", self.currency)
        check_tags(self.tags)
        check_metadata(self.metadata)
        if self.cancellation is not None:
            if self.status != OrderStatus.CANCELLED:
                raise UnexpectedCancellation("must be omitted unless the order is cancelled", "cancellation")
            self.cancellation.check()
        self._check_lines()

    def edit(self, changes: OrderChanges, *, at: datetime) -> None:
        """Change tags, metadata, and the external reference if the order has none.

        Raises `ExternalRefIsSet`, and `InvalidInput`.
        """
        edited = copy.copy(self)
        edited.tags = tuple(changes.get("tags", self.tags) or ())
        patch = changes.get("metadata", {})
        merged = {} if patch is None else {**self.metadata, **patch}
        edited.metadata = {key: value for key, value in merged.items() if value is not None}
        if "external_ref" in changes:
            external_ref = changes["external_ref"]
            edited.external_ref = None if external_ref is None else normalized_ref(external_ref)
        check_tags(edited.tags)
        check_metadata(edited.metadata)
        if edited.external_ref is not None:
            check_text(edited.external_ref, "external_ref", limits.MAX_EXTERNAL_REF_LENGTH)
        _check_size(edited)
        if self.external_ref not in (None, edited.external_ref):
            raise ExternalRefIsSet(self.status)
        if edited != self:
            self.tags, self.metadata, self.external_ref = edited.tags, edited.metadata, edited.external_ref
            self._record(at, DetailsChanged())

    def add_personal_data(self, data: PersonalData | None, salt: bytes) -> None:
        """Add the personal data of a new order. `salt` is random. Raises `InvalidInput`."""
        if data is not None:
            data.check()
        self._set_record(data, salt)

    def set_personal_data(self, data: PersonalData | None, salt: bytes, *, at: datetime) -> None:
        """Replace the personal data, or remove it. `salt` is random. Raises `InvalidInput`."""
        self.add_personal_data(data, salt)
        self._record(at, PersonalDataChanged())

    def erase_personal_data(
        self, documents: tuple[Document, ...] | None = None, *, at: datetime, is_stored: bool = False
    ) -> None:
        """Remove the personal data, if there is any: the order has a commitment, or some `is_stored` without one.
        `documents` replaces the list if some of them contained it.
        """
        if self.personal_data is None and not is_stored and documents in (None, self.documents):
            return
        self.documents = self.documents if documents is None else documents
        self._set_record(None, b"")
        self._record(at, PersonalDataErased())

    def add_note(self, text: str, visibility: str, *, at: datetime) -> None:
        """Add a note for staff, or one that the customer sees. Raises `TooManyRecords`, and `InvalidInput`."""
        note = Note(f"n{len(self.notes) + 1}", text, visibility, self._not_before(at))
        note.check()
        self._check_count("notes", len(self.notes), limits.MAX_NOTES)
        self.notes += (note,)
        self._record(at, NoteAdded(note.id))

    def edit_note(self, note_id: str, text: str, *, at: datetime) -> None:
        """Change the text of a note. Raises `NoteNotFound`, and `InvalidInput`."""
        note = next((each for each in self.notes if each.id == note_id), None)
        if note is None:
            raise NoteNotFound(self.id, [each.id for each in self.notes])
        if note.text != text:
            edited = replace(note, text=text, edited_at=self._not_before(at))
            edited.check()
            self.notes = tuple([edited if each is note else each for each in self.notes])
            self._record(at, NoteEdited(note_id))

    def attach(self, document: Document, *, at: datetime) -> None:
        """Add a document that is stored already. Raises `TooManyDocuments`."""
        if len(self.documents) >= limits.MAX_DOCUMENTS:
            raise TooManyDocuments(self.status, limits.MAX_DOCUMENTS)
        self.documents += (document,)
        self._record(at, DocumentAttached(document.id, document.kind, document.media_type))

    def _set_record(self, data: PersonalData | None, salt: bytes) -> None:
        self.personal_record = None if data is None else PersonalRecord(data, salt)
        self.personal_data = None if self.personal_record is None else self.personal_record.commitment

    def _check_lines(self) -> None:
        if len(self.lines) > limits.MAX_LINES:
            raise TooManyLines(f"must have at most {limits.MAX_LINES} items", "lines")
        for index, line in enumerate(self.lines):
            try:
                line.check(self.currency)
            except InvalidInput as error:
                error.field = f"lines/{index}/{error.field}"
                raise
        check_line_ids(self.lines)
        _check_size(self)
        expected = self.shipping.minor + self.tax.minor - self.discount.minor
        expected += sum([line.total_minor for line in self.lines])
        if expected != self.total.minor and (self.lines or expected > self.total.minor):
            raise TotalMismatch(expected, self.total.minor, self.currency, has_lines=bool(self.lines))


def event_types() -> dict[str, type[Event]]:
    """Return the class of each event by its name, which is the type that the history shows."""
    kinds = sorted(Event.__subclasses__(), key=lambda kind: kind.__module__)
    return {kind.__name__: kind for kind in kinds}


def _check_size(order: Order) -> None:
    texts = [order.user_id, order.external_ref or "", *order.tags, *order.metadata, *order.metadata.values()]
    for line in order.lines:
        texts += (line.sku, line.name)
    if len("".join(texts).encode()) > limits.MAX_TEXT_BYTES:
        raise OrderTooLarge(limits.MAX_TEXT_BYTES)
