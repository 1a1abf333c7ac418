"""The exceptions of the domain. `code` and `title` are part of the public API; messages and docstrings are not."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

NO_FACTS: Mapping[str, int | str] = MappingProxyType({})


class OrderkeepError(Exception):
    """Base class of all exceptions that orderkeep raises deliberately."""

    code: ClassVar[str] = "orderkeep_error"
    title: ClassVar[str] = "Internal error"
    facts: Mapping[str, int | str] = NO_FACTS
    """The values of the message, by name, for programs."""
    field: str = ""
    """The path of the only field of the input that the error concerns, such as `lines/0/quantity`, if it is one."""

    def __init_subclass__(cls, *, code: str = "", title: str = "") -> None:
        cls.code, cls.title = code or cls.code, title or cls.title


class HasAmounts:
    """Part of an error whose message contains amounts. Its `facts` are the arguments of its constructor: the amounts,
    in minor units, their `currency`, and what else the message contains.
    """

    facts: Mapping[str, int | str]

    @abstractmethod
    def worded(self, amount: Callable[[int], str], unit: str = "") -> str:
        """Return the message with its amounts as that function returns them, and after them their unit."""


def unit_of(currency: str) -> str:
    """Return the unit of amounts in minor units, as messages contain it."""
    return f" (minor units of {currency})"


class InvalidInput(OrderkeepError, ValueError, code="invalid_order", title="Invalid order"):
    """A value breaks a rule. `field` is a path such as `lines/0/quantity`, or `""` for the input as a whole.

    The code is `invalid_order` for all invalid input, also of API keys and the like, because clients depend on it.
    """

    def __init__(self, message: str, field: str = "", facts: Mapping[str, int | str] = NO_FACTS) -> None:
        super().__init__(message)
        self.field, self.facts = field, facts


class TextMissing(InvalidInput, code="text_missing", title="Text must not be blank"):
    """A required text is empty or blank."""


class TextTooLong(InvalidInput, code="text_too_long", title="Text too long"):
    """A text has more characters than its field allows."""


class TextNotPrintable(InvalidInput, code="text_not_printable", title="Text contains control characters"):
    """A text contains control characters or an unpaired surrogate."""


class InvalidUrl(InvalidInput, code="invalid_url", title="Invalid URL"):
    """A URL does not begin with https:// or http://, or has no host."""


class InvalidEmail(InvalidInput, code="invalid_email", title="Invalid email address"):
    """An e-mail address has no @, several, or whitespace."""

    def __init__(self, field: str) -> None:
        super().__init__("must be an e-mail address, such as jo@example.com, with one @ and no spaces", field)


class InvalidCountry(InvalidInput, code="invalid_country", title="Unknown country"):
    """A country is not a code of ISO 3166-1 alpha-2."""

    def __init__(self, field: str) -> None:
        super().__init__("must be an ISO 3166-1 alpha-2 code in upper case, such as DE or US", field)


class InvalidOrder(InvalidInput, code="invalid_order", title="Invalid order"):
    """An order breaks a rule."""


class TotalMismatch(InvalidOrder, code="total_mismatch", title="Total does not add up"):
    """The total is not lines + shipping + tax - discount or, without lines, is below shipping + tax - discount. Amounts
    are minor units of `currency`.
    """

    def __init__(self, expected: int, given: int, currency: str, *, has_lines: bool = True) -> None:
        self.expected, self.given, self.difference = expected, given, given - expected
        sums = "must equal lines + shipping + tax - discount", "must be at least shipping + tax - discount"
        amounts = f"expected {expected}, got {given}, difference {self.difference:+d} (minor units of {currency})"
        facts = {"expected": expected, "given": given, "difference": self.difference}
        super().__init__(f"{sums[0] if has_lines else sums[1]}: {amounts}", "total", facts)


class UnknownCurrency(InvalidOrder, code="unknown_currency", title="Unknown currency"):
    """The currency is not a supported ISO 4217 code."""

    def __init__(self, field: str = "currency") -> None:
        super().__init__("must be a supported ISO 4217 code, such as EUR, JPY or KWD", field)


class CurrencyMismatch(InvalidOrder, code="currency_mismatch", title="Currencies differ"):
    """An amount is not in the currency of the order."""

    def __init__(self, expected: str, given: str, field: str = "currency") -> None:
        super().__init__(f"must be in {expected}, the currency of the order, not in {given}", field)


class InvalidAmount(InvalidOrder, code="invalid_amount", title="Invalid amount"):
    """An amount is not a number, or has more decimal places than its currency."""


class AmountOutOfRange(InvalidOrder, code="amount_out_of_range", title="Amount out of range"):
    """An amount is negative, or 10^15 minor units or more."""


class QuantityOutOfRange(InvalidOrder, code="quantity_out_of_range", title="Quantity out of range"):
    """A quantity is not a whole number from 1 to 1,000,000."""


class DiscountExceedsLine(InvalidOrder, code="discount_exceeds_line", title="Discount exceeds line amount"):
    """The discount of a line is larger than quantity times unit price."""


class TooManyLines(InvalidOrder, code="too_many_lines", title="Too many order lines"):
    """The order has more lines than allowed."""


class OrderTooLarge(InvalidOrder, code="order_too_large", title="Order too large"):
    """The texts of the order have more bytes together than allowed."""

    def __init__(self, limit: int) -> None:
        message = f"makes the order exceed {limit} bytes of text in UTF-8: shorten texts, or divide the order"
        super().__init__(message, "lines", {"limit": limit})


class InvalidId(InvalidOrder, code="invalid_id", title="Invalid order ID"):
    """The order ID contains characters that are not safe in a URL or a file name."""


class TooManyTags(InvalidOrder, code="too_many_tags", title="Too many tags"):
    """The order has more tags than allowed."""


class DuplicateTag(InvalidOrder, code="duplicate_tag", title="Duplicate tag"):
    """The order has the same tag twice."""


class DuplicateLine(InvalidOrder, code="duplicate_line", title="Duplicate line"):
    """Two lines of an order have the same ID, or a list names the same line twice."""


class UnknownLine(InvalidOrder, code="unknown_line", title="Unknown line"):
    """The order has no line with this ID."""


class InconsistentOrder(InvalidOrder, code="inconsistent_order", title="Order is inconsistent"):
    """Parts of an imported order contradict each other."""


class TooManyMetadataKeys(InvalidOrder, code="too_many_metadata_keys", title="Too many metadata keys"):
    """The order has more metadata keys than allowed."""


class InvalidTime(InvalidOrder, code="invalid_time", title="Invalid time"):
    """A time is outside the years 1 to 9999, or in the future or the past where it must not be, or `updated_at` is
    before `created_at`.
    """


class UnexpectedCancellation(InvalidOrder, code="unexpected_cancellation", title="Unexpected cancellation"):
    """An order that is not cancelled has a cancellation."""


class UnknownStatus(InvalidOrder, code="unknown_status", title="Unknown order status"):
    """The status is not one of the lifecycle."""


class OrderNotFound(OrderkeepError, LookupError, code="order_not_found", title="Order not found"):
    """The order does not exist, or the actor may not see it: the response is the same."""

    def __init__(self, order_id: str, message: str = "Order not found") -> None:
        super().__init__(message)
        self.order_id = order_id


class VersionNotFound(OrderNotFound, code="version_not_found", title="Order version not found"):
    """The order exists, but has no such version or did not exist at that time."""


class DocumentNotFound(OrderNotFound, code="document_not_found", title="Document not found"):
    """The order exists, but has no such document."""

    def __init__(self, order_id: str) -> None:
        super().__init__(order_id, "the order has no document with this ID")


def _not_among(part: str, known: Iterable[str]) -> str:
    """Return the message about a part that an order does not have, with the last of those that it has."""
    last = [*known][-10:]
    return f"the order has no {part} with this ID, only {', '.join(last)}" if last else f"the order has no {part}"


class ShipmentNotFound(OrderNotFound, code="shipment_not_found", title="Shipment not found"):
    """The order exists, but has no such shipment."""

    def __init__(self, order_id: str, known: Iterable[str] = ()) -> None:
        super().__init__(order_id, _not_among("shipment", known))


class RefundNotFound(OrderNotFound, code="refund_not_found", title="Refund not found"):
    """The order exists, but has no such refund."""

    def __init__(self, order_id: str, known: Iterable[str] = ()) -> None:
        super().__init__(order_id, f"the order has no refund{' with this reference' if any(known) else ''}")


class ReturnNotFound(OrderNotFound, code="return_not_found", title="Return not found"):
    """The order exists, but has no such return."""

    def __init__(self, order_id: str, known: Iterable[str] = ()) -> None:
        super().__init__(order_id, _not_among("return", known))


class NoteNotFound(OrderNotFound, code="note_not_found", title="Note not found"):
    """The order exists, but has no such note."""

    def __init__(self, order_id: str, known: Iterable[str] = ()) -> None:
        super().__init__(order_id, _not_among("note", known))


class Conflict(OrderkeepError, code="conflict", title="Update conflict"):
    """Another writer or an earlier request was first. Nothing was written."""


class RecordedDifferently(Conflict, HasAmounts, code="recorded_differently", title="Recorded with another amount"):
    """A payment or refund with the same reference was recorded with another amount."""

    field = "amount"

    def __init__(self, record: str, recorded: int, given: int, currency: str) -> None:
        self.record, self.recorded, self.given = record, recorded, given
        super().__init__(self.worded(str, unit_of(currency)))
        self.facts = {"record": record, "recorded": recorded, "given": given, "currency": currency}

    def worded(self, amount: Callable[[int], str], unit: str = "") -> str:
        amounts = f"is recorded with {amount(self.recorded)}, not {amount(self.given)}{unit}"
        return f"this {self.record} {amounts}: use another reference for another amount"


class ConcurrentUpdate(Conflict, code="concurrent_update", title="Concurrent update"):
    """The stored version of an order is not the one that was loaded. Commands load it again and retry."""

    def __init__(self, order_id: str) -> None:
        super().__init__("the order was changed by another writer: read it again and retry")
        self.order_id = order_id


class VersionMismatch(Conflict, code="version_mismatch", title="Version mismatch"):
    """The stored version is not the one that the caller expected."""

    subject: ClassVar[str] = "order"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"the {self.subject} is at version {actual}, not {expected}: read it and retry")
        self.expected, self.actual = expected, actual


class ServiceUnavailable(OrderkeepError, code="store_unavailable", title="Service unavailable"):
    """A part of the service, not always the store, is temporarily unavailable."""


class StoreUnavailable(ServiceUnavailable, code="store_unavailable", title="Service unavailable"):
    """The store is temporarily unavailable. The outcome of a pending save is unknown: retry with the same key."""


class StoreMoved(StoreUnavailable, code="store_moved", title="Store moved"):
    """The orders are being moved to another store, or were moved. Nothing was changed: retry, in the other store."""

    def __init__(self) -> None:
        super().__init__(
            "the orders are being moved, or were moved, to another store, and nothing was changed: try again, or use "
            "that store"
        )


class StoreUnusable(StoreUnavailable, code="store_unusable", title="Store needs repair"):
    """The store cannot be used until an operator fixes it: a foreign file, a newer schema, damaged content."""
