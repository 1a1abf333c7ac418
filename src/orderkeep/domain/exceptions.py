"""Everything that orderkeep refuses, as one tree. `code` is stable and public; the text is for people.

OrderkeepError
├── InvalidOrder                 what came in breaks a rule; `field` names where
│   ├── TotalMismatch            lines + shipping + tax - discount is not the total
│   ├── UnknownCurrency          not an ISO 4217 code of an exponent we know
│   ├── CurrencyMismatch         two currencies in one order
│   ├── InvalidAmount            not a number of whole minor units
│   ├── AmountOutOfRange         negative, or 10^15 minor units and more
│   ├── QuantityOutOfRange       not 1 to 1,000,000
│   ├── DiscountExceedsLine      a line discounted below zero
│   ├── TooManyLines             more than 500
│   ├── TextMissing              empty where a text is needed
│   ├── TextTooLong              past the field's bound
│   ├── TextNotPrintable         control characters or half a surrogate pair
│   ├── InvalidId                an id with other than letters, digits and . _ : -
│   ├── TooManyTags              more than 20
│   ├── DuplicateTag             the same tag twice
│   ├── TooManyMetadataKeys      more than 50
│   ├── UnknownStatus            not one of the lifecycle
│   ├── UnknownFormat            a document asked for in a format that is not to be had here
│   ├── UnknownScope             a scope that there is not
│   ├── ScopesMissing            a key of staff that may do nothing
│   ├── ScopesNotTaken           a customer's key with scopes
│   └── ExpiryPassed             a key that would have ended before it is made
├── InvalidQuery                 a list asked for in a way that no store answers
│   ├── InvalidCursor            damaged, or made for other filters
│   └── UnsupportedFilter        a combination of filters that has no index
├── NotAuthenticated             nobody can tell who asks
├── NotAllowed                   the asker lacks the scope that this needs
├── TooManyRequests              the asker has asked too often; nothing was done
├── OrderNotFound                no such order, or not the asker's
│   ├── VersionNotFound          the order has no such version, or did not exist at this time
│   └── DocumentNotFound         the order has no document with this ID
├── ApiKeyNotFound               no such API key
├── CommandRefused               the order's status does not allow it; nothing was written
│   ├── CannotConfirmOrder
│   ├── CannotShipOrder
│   ├── CannotDeliverOrder
│   ├── CannotCancelOrder
│   └── TooManyDocuments         the order has as many documents as it may have
├── Conflict                     somebody else was there first; nothing was written
│   ├── ConcurrentUpdate         the stored version is not the one that was loaded
│   ├── VersionMismatch          the version the caller expected is not the stored one
│   ├── IdempotencyKeyReused     the key was used before, for another request
│   └── Contention               lost the race every time it was tried
└── StoreUnavailable             the store cannot answer now; whether a save was done is not known
    └── StoreUnusable            it will not answer until somebody mends it: wrong file, newer schema
"""

from typing import ClassVar


class OrderkeepError(Exception):
    """Root of all that orderkeep raises on purpose."""

    code: ClassVar[str] = "orderkeep_error"


class InvalidOrder(OrderkeepError, ValueError):
    """What came in breaks a rule of the order. `field` is a path such as `lines/0/quantity`, `""` for the whole."""

    code = "invalid_order"

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class TotalMismatch(InvalidOrder):
    """The total is not lines + shipping + tax - discount. Amounts are minor units of `currency`."""

    code = "total_mismatch"

    def __init__(self, expected: int, given: int, currency: str) -> None:
        self.expected, self.given, self.difference = expected, given, given - expected
        super().__init__(
            f"total must be lines + shipping + tax - discount: expected {expected}, given {given}, "
            f"difference {self.difference:+d} (minor units of {currency})",
            "total",
        )


class UnknownCurrency(InvalidOrder):
    """Not an ISO 4217 code with a minor unit."""

    code = "unknown_currency"

    def __init__(self, field: str = "currency") -> None:
        super().__init__("must be an ISO 4217 currency code such as EUR, JPY or KWD", field)


class CurrencyMismatch(InvalidOrder):
    """An order has one currency."""

    code = "currency_mismatch"

    def __init__(self, expected: str, given: str, field: str = "currency") -> None:
        super().__init__(f"must be in {expected} like the rest of the order, not in {given}", field)


class InvalidAmount(InvalidOrder):
    """Not a number, or finer than the currency's minor unit."""

    code = "invalid_amount"


class AmountOutOfRange(InvalidOrder):
    """Negative, or at or past the bound."""

    code = "amount_out_of_range"


class QuantityOutOfRange(InvalidOrder):
    """Not a whole number from 1 to 1,000,000."""

    code = "quantity_out_of_range"


class DiscountExceedsLine(InvalidOrder):
    """The discount of a line is larger than quantity times unit price."""

    code = "discount_exceeds_line"


class TooManyLines(InvalidOrder):
    """More lines than an order may have."""

    code = "too_many_lines"


class TextMissing(InvalidOrder):
    """Empty, or only spaces, where a text is needed."""

    code = "text_missing"


class TextTooLong(InvalidOrder):
    """Longer than the field's bound, in characters."""

    code = "text_too_long"


class TextNotPrintable(InvalidOrder):
    """Holds control characters, or half a surrogate pair, which no store and no terminal can keep."""

    code = "text_not_printable"


class InvalidId(InvalidOrder):
    """An order id that could not stand in a URL as it is."""

    code = "invalid_id"


class TooManyTags(InvalidOrder):
    """More tags than an order may have."""

    code = "too_many_tags"


class DuplicateTag(InvalidOrder):
    """The same tag twice."""

    code = "duplicate_tag"


class TooManyMetadataKeys(InvalidOrder):
    """More metadata keys than an order may have."""

    code = "too_many_metadata_keys"


class UnknownStatus(InvalidOrder):
    """Not a status of the lifecycle."""

    code = "unknown_status"


class UnknownFormat(InvalidOrder):
    """A format of documents that there is not, or whose package is not installed here."""

    code = "unknown_format"


class UnknownScope(InvalidOrder):
    """A scope that there is not."""

    code = "unknown_scope"


class ScopesMissing(InvalidOrder):
    """A key of staff without a scope, which could do nothing."""

    code = "scopes_missing"


class ScopesNotTaken(InvalidOrder):
    """A customer's key with scopes: what customers may do is the same for all."""

    code = "scopes_not_taken"


class ExpiryPassed(InvalidOrder):
    """A key that would have ended before it is made."""

    code = "expiry_passed"


class InvalidQuery(OrderkeepError, ValueError):
    """A question asked in a way that cannot be answered. `parameter` names the part that is wrong."""

    code = "invalid_query"

    def __init__(self, message: str, parameter: str = "") -> None:
        super().__init__(message)
        self.parameter = parameter


class InvalidCursor(InvalidQuery):
    """A cursor that is damaged, or was made for other filters."""

    code = "invalid_cursor"

    def __init__(
        self,
        message: str = "is not valid for this list and these filters: use the next_cursor of the previous page, or omit it",
    ) -> None:
        super().__init__(message, "cursor")


class UnsupportedFilter(InvalidQuery):
    """Filters that no index answers together; refused by every store alike."""

    code = "unsupported_filter"


class NotAuthenticated(OrderkeepError):
    """Who asks has not shown who they are, or with something that does not count. It is not said what was wrong."""

    code = "not_authenticated"

    def __init__(
        self,
        message: str = "the credentials are not valid: use an active API key or an unexpired access token",
        *,
        was_shown: bool = True,
    ) -> None:
        super().__init__(message)
        self.was_shown = was_shown


class NotAllowed(OrderkeepError):
    """The asker lacks the scope that this needs; `scope` names it. Nothing was looked up."""

    code = "not_allowed"

    def __init__(self, scope: str) -> None:
        super().__init__(f"this operation requires the scope {scope}")
        self.scope = scope


class TooManyRequests(OrderkeepError):
    """More was asked than one may ask in that time. Nothing was done; `retry_after` seconds later it will be."""

    code = "too_many_requests"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many requests: try again in {retry_after} s")
        self.retry_after = retry_after


class OrderNotFound(OrderkeepError, LookupError):
    """There is no such order, or it is not the asker's: a stranger cannot tell which."""

    code = "order_not_found"

    def __init__(self, order_id: str) -> None:
        super().__init__("Order not found")
        self.order_id = order_id


class VersionNotFound(OrderNotFound):
    """The order exists, but not at that version or instant."""

    code = "version_not_found"

    def __init__(self, order_id: str, message: str) -> None:
        super().__init__(order_id)
        self.args = (message,)


class DocumentNotFound(OrderNotFound):
    """The order exists, but has no such document."""

    code = "document_not_found"

    def __init__(self, order_id: str) -> None:
        super().__init__(order_id)
        self.args = ("the order has no document with this ID",)


class ApiKeyNotFound(OrderkeepError, LookupError):
    """There is no such API key."""

    code = "api_key_not_found"

    def __init__(self) -> None:
        super().__init__("API key not found")


class CommandRefused(OrderkeepError):
    """The order's status does not allow the command. Nothing was written."""

    code = "command_refused"
    verb: ClassVar[str] = "changed"

    def __init__(self, status: str) -> None:
        super().__init__(f"Order cannot be {self.verb}: it is {status}")
        self.status = status


class CannotConfirmOrder(CommandRefused):
    """Only a pending order can be confirmed."""

    code = "cannot_confirm_order"
    verb = "confirmed"


class CannotShipOrder(CommandRefused):
    """Only an order in processing can be shipped."""

    code = "cannot_ship_order"
    verb = "shipped"


class CannotDeliverOrder(CommandRefused):
    """Only a shipped order can be delivered."""

    code = "cannot_deliver_order"
    verb = "delivered"


class CannotCancelOrder(CommandRefused):
    """Only a pending order or one in processing can be cancelled."""

    code = "cannot_cancel_order"
    verb = "cancelled"


class TooManyDocuments(CommandRefused):
    """The order has as many documents as it may have."""

    code = "too_many_documents"

    def __init__(self, status: str, most: int) -> None:
        super().__init__(status)
        self.args = (f"Order cannot have another document: it has {most}, as many as it may",)


class Conflict(OrderkeepError):
    """Somebody else was there first. Nothing was written."""

    code = "conflict"


class ConcurrentUpdate(Conflict):
    """The stored version of an order is not the one that was loaded. The caller loads again and decides anew."""

    code = "concurrent_update"

    def __init__(self, order_id: str) -> None:
        super().__init__("the order was changed by another writer: read it again and retry")
        self.order_id = order_id


class VersionMismatch(Conflict):
    """The caller expected another version than the stored one."""

    code = "version_mismatch"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"the order is at version {actual}, not {expected}: read it again, then decide")
        self.expected, self.actual = expected, actual


class IdempotencyKeyReused(Conflict):
    """The key was used before, for another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("this idempotency key was used for a different request: use a new key")


class Contention(Conflict):
    """Other writers won the race every time. Nothing was written; the same request may be sent again."""

    code = "contention"

    def __init__(self, attempts: int) -> None:
        super().__init__(f"other changes to this order came first, {attempts} times in a row: try again")


class StoreUnavailable(OrderkeepError):
    """The store cannot answer now. A save under way may or may not have happened: retry with the same key."""

    code = "store_unavailable"


class StoreUnusable(StoreUnavailable):
    """The store will not answer until somebody mends it: not our file, a newer schema, damaged content."""

    code = "store_unusable"
