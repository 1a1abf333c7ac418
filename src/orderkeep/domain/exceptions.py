"""The exceptions of the domain. `code` and `title` are part of the public API; messages and docstrings are not.

OrderkeepError
├── InvalidInput                 a value breaks a rule; `field` names it
│   ├── TextMissing              empty or blank
│   ├── TextTooLong              more characters than the field allows
│   ├── TextNotPrintable         control characters or an unpaired surrogate
│   └── InvalidOrder             an order breaks a rule
│       ├── TotalMismatch        the total is not lines + shipping + tax - discount
│       ├── UnknownCurrency      not a supported ISO 4217 code
│       ├── CurrencyMismatch     two currencies in one order
│       ├── InvalidAmount        not a whole number of minor units
│       ├── AmountOutOfRange     negative, or 10^15 minor units or more
│       ├── QuantityOutOfRange   not from 1 to 1,000,000
│       ├── DiscountExceedsLine  a line discounted below zero
│       ├── TooManyLines         more than 500
│       ├── InvalidId            characters other than letters, digits and . _ : -
│       ├── TooManyTags          more than 20
│       ├── DuplicateTag         the same tag twice
│       ├── TooManyMetadataKeys  more than 50
│       └── UnknownStatus        not a status of the lifecycle
├── OrderNotFound                the order does not exist, or the actor may not see it
│   ├── VersionNotFound          the order has no such version, or did not exist at that time
│   └── DocumentNotFound         the order has no document with this ID
├── CommandRefused               the order's status does not allow the command; nothing was written
│   ├── CannotConfirmOrder
│   ├── CannotShipOrder
│   ├── CannotDeliverOrder
│   ├── CannotCancelOrder
│   └── TooManyDocuments         the order has the maximum number of documents
├── Conflict                     another writer or request was first; nothing was written
│   ├── ConcurrentUpdate         the stored version is not the one that was loaded
│   └── VersionMismatch          the stored version is not the one that the caller expected
└── ServiceUnavailable           a part of the service is temporarily unavailable
    └── StoreUnavailable         the store is; the outcome of a pending save is unknown
        └── StoreUnusable        the store cannot be used until an operator fixes it
"""

from typing import ClassVar


class OrderkeepError(Exception):
    """Base class of all exceptions that orderkeep raises deliberately."""

    code: ClassVar[str] = "orderkeep_error"
    title: ClassVar[str] = "Internal error"


class InvalidInput(OrderkeepError, ValueError):
    """A value breaks a rule. `field` is a path such as `lines/0/quantity`, or `""` for the input as a whole."""

    code = "invalid_order"  # also of input that is not an order: clients know this code
    title = "Invalid order"

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class TextMissing(InvalidInput):
    """A required text is empty or blank."""

    code = "text_missing"
    title = "Text must not be blank"


class TextTooLong(InvalidInput):
    """A text has more characters than its field allows."""

    code = "text_too_long"
    title = "Text too long"


class TextNotPrintable(InvalidInput):
    """A text contains control characters or an unpaired surrogate."""

    code = "text_not_printable"
    title = "Text contains control characters"


class InvalidOrder(InvalidInput):
    """An order breaks a rule. `field` is a path such as `lines/0/quantity`, or `""` for the order as a whole."""

    code = "invalid_order"
    title = "Invalid order"


class TotalMismatch(InvalidOrder):
    """The total is not lines + shipping + tax - discount. Amounts are minor units of `currency`."""

    code = "total_mismatch"
    title = "Total does not add up"

    def __init__(self, expected: int, given: int, currency: str) -> None:
        self.expected, self.given, self.difference = expected, given, given - expected
        super().__init__(
            f"total must equal lines + shipping + tax - discount: expected {expected}, got {given}, "
            f"difference {self.difference:+d} (minor units of {currency})",
            "total",
        )


class UnknownCurrency(InvalidOrder):
    """The currency is not a supported ISO 4217 code."""

    code = "unknown_currency"
    title = "Unknown currency"

    def __init__(self, field: str = "currency") -> None:
        super().__init__("must be a supported ISO 4217 code, such as EUR, JPY or KWD", field)


class CurrencyMismatch(InvalidOrder):
    """An amount is not in the currency of the order."""

    code = "currency_mismatch"
    title = "Currencies differ"

    def __init__(self, expected: str, given: str, field: str = "currency") -> None:
        super().__init__(f"must be in {expected}, the currency of the order, not in {given}", field)


class InvalidAmount(InvalidOrder):
    """An amount is not a number, or has more decimal places than its currency."""

    code = "invalid_amount"
    title = "Invalid amount"


class AmountOutOfRange(InvalidOrder):
    """An amount is negative, or 10^15 minor units or more."""

    code = "amount_out_of_range"
    title = "Amount out of range"


class QuantityOutOfRange(InvalidOrder):
    """A quantity is not a whole number from 1 to 1,000,000."""

    code = "quantity_out_of_range"
    title = "Quantity out of range"


class DiscountExceedsLine(InvalidOrder):
    """The discount of a line is larger than quantity times unit price."""

    code = "discount_exceeds_line"
    title = "Discount exceeds line amount"


class TooManyLines(InvalidOrder):
    """The order has more lines than allowed."""

    code = "too_many_lines"
    title = "Too many order lines"


class InvalidId(InvalidOrder):
    """The order ID contains characters that are not safe in a URL or a file name."""

    code = "invalid_id"
    title = "Invalid order ID"


class TooManyTags(InvalidOrder):
    """The order has more tags than allowed."""

    code = "too_many_tags"
    title = "Too many tags"


class DuplicateTag(InvalidOrder):
    """The order has the same tag twice."""

    code = "duplicate_tag"
    title = "Duplicate tag"


class TooManyMetadataKeys(InvalidOrder):
    """The order has more metadata keys than allowed."""

    code = "too_many_metadata_keys"
    title = "Too many metadata keys"


class UnknownStatus(InvalidOrder):
    """The status is not one of the lifecycle."""

    code = "unknown_status"
    title = "Unknown order status"


class OrderNotFound(OrderkeepError, LookupError):
    """The order does not exist, or the actor may not see it: the response is the same."""

    code = "order_not_found"
    title = "Order not found"

    def __init__(self, order_id: str) -> None:
        super().__init__("Order not found")
        self.order_id = order_id


class VersionNotFound(OrderNotFound):
    """The order exists, but has no such version or did not exist at that time."""

    code = "version_not_found"
    title = "Order version not found"

    def __init__(self, order_id: str, message: str) -> None:
        super().__init__(order_id)
        self.args = (message,)


class DocumentNotFound(OrderNotFound):
    """The order exists, but has no such document."""

    code = "document_not_found"
    title = "Document not found"

    def __init__(self, order_id: str) -> None:
        super().__init__(order_id)
        self.args = ("the order has no document with this ID",)


class CommandRefused(OrderkeepError):
    """The order's status does not allow the command. Nothing was written."""

    code = "command_refused"
    title = "Command not allowed"
    verb: ClassVar[str] = "changed"

    def __init__(self, status: str) -> None:
        super().__init__(f"Order cannot be {self.verb}: it is {status}")
        self.status = status


class CannotConfirmOrder(CommandRefused):
    """Only a pending order can be confirmed."""

    code = "cannot_confirm_order"
    title = "Order cannot be confirmed"
    verb = "confirmed"


class CannotShipOrder(CommandRefused):
    """Only an order in processing can be shipped."""

    code = "cannot_ship_order"
    title = "Order cannot be shipped"
    verb = "shipped"


class CannotDeliverOrder(CommandRefused):
    """Only a shipped order can be delivered."""

    code = "cannot_deliver_order"
    title = "Order cannot be delivered"
    verb = "delivered"


class CannotCancelOrder(CommandRefused):
    """Only a pending order or an order in processing can be cancelled."""

    code = "cannot_cancel_order"
    title = "Order cannot be cancelled"
    verb = "cancelled"


class TooManyDocuments(CommandRefused):
    """The order has the maximum number of documents."""

    code = "too_many_documents"
    title = "Too many documents"

    def __init__(self, status: str, limit: int) -> None:
        super().__init__(status)
        self.args = (f"the order already has {limit} documents, the maximum",)


class Conflict(OrderkeepError):
    """Another writer or an earlier request was first. Nothing was written."""

    code = "conflict"
    title = "Update conflict"


class ConcurrentUpdate(Conflict):
    """The stored version of an order is not the one that was loaded. Commands load it again and retry."""

    code = "concurrent_update"
    title = "Concurrent update"

    def __init__(self, order_id: str) -> None:
        super().__init__("the order was changed by another writer: read it again and retry")
        self.order_id = order_id


class VersionMismatch(Conflict):
    """The stored version is not the one that the caller expected."""

    code = "version_mismatch"
    title = "Version mismatch"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"the order is at version {actual}, not {expected}: read it and retry")
        self.expected, self.actual = expected, actual


class ServiceUnavailable(OrderkeepError):
    """A part of the service is temporarily unavailable."""

    code = "store_unavailable"  # also of other parts than the store: clients know this code
    title = "Service unavailable"


class StoreUnavailable(ServiceUnavailable):
    """The store is temporarily unavailable. The outcome of a pending save is unknown: retry with the same key."""

    code = "store_unavailable"
    title = "Service unavailable"


class StoreUnusable(StoreUnavailable):
    """The store cannot be used until an operator fixes it: a foreign file, a newer schema, damaged content."""

    code = "store_unusable"
    title = "Store needs repair"
