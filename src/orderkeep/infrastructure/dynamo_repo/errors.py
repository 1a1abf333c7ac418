"""DynamoDB's error codes and the domain errors they become. One table; nothing else decides."""

from collections.abc import Sequence

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable

CLOSED = "the store is closed"
UNREADABLE = "a stored order cannot be read: the orders' table was altered; restore a backup"
NOT_SET_UP = "the table is not set up for orders: run `orderkeep table create`, or use another table"
NEWER = "the table was set up by a newer version of orderkeep: use that version"

UNREACHABLE = "Unreachable"
NO_CREDENTIALS = "NoCredentials"
"""Codes of our own, for failures before DynamoDB can respond."""

EXPIRED = "ExpiredTokenException"
CANCELED = "TransactionCanceledException"
CONDITION_FAILED = "ConditionalCheckFailed"
CONFLICT = "TransactionConflict"

_THROTTLED = (StoreUnavailable, "DynamoDB limits the rate of this table or account: try again, or raise the limit")
_FAILED = (StoreUnavailable, "DynamoDB failed internally: try again")
_UNKNOWN_CREDENTIALS = (StoreUnusable, "DynamoDB rejects these AWS credentials: use others")
_INVALID_REQUEST = (
    StoreUnusable,
    "DynamoDB rejects the store's request: is this a table of orderkeep? run `orderkeep table describe`",
)
_TOO_LARGE = (StoreUnavailable, "this is larger than DynamoDB allows: at most 400 KB an item, 4 MB a commit")

ERRORS: dict[str, tuple[type[StoreUnavailable], str]] = {
    UNREACHABLE: (StoreUnavailable, "DynamoDB cannot be reached: try again, or check the network and the endpoint"),
    NO_CREDENTIALS: (
        StoreUnusable,
        "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role",
    ),
    "ResourceNotFoundException": (
        StoreUnusable,
        "the table does not exist in this region: run `orderkeep table create`, or use another table or region",
    ),
    "ValidationException": _INVALID_REQUEST,
    "SerializationException": _INVALID_REQUEST,
    "UnknownOperationException": (
        StoreUnusable,
        "the server at this endpoint does not support the operation (DynamoDB Local, for example, has no backups)",
    ),
    "AccessDeniedException": (
        StoreUnusable,
        "these AWS credentials lack a permission on the table: allow the actions listed in the DynamoDB reference",
    ),
    "UnrecognizedClientException": _UNKNOWN_CREDENTIALS,
    "InvalidSignatureException": _UNKNOWN_CREDENTIALS,
    "IncompleteSignatureException": _UNKNOWN_CREDENTIALS,
    "MissingAuthenticationTokenException": _UNKNOWN_CREDENTIALS,
    "MissingAuthenticationToken": _UNKNOWN_CREDENTIALS,
    EXPIRED: (StoreUnavailable, "these AWS credentials have expired: renew them"),
    "ProvisionedThroughputExceededException": _THROTTLED,
    "ThrottlingException": _THROTTLED,
    "RequestLimitExceeded": _THROTTLED,
    "ProvisionedThroughputExceeded": _THROTTLED,
    "ThrottlingError": _THROTTLED,
    "InternalServerError": _FAILED,
    "ServiceUnavailable": _FAILED,
    "TransactionInProgressException": _FAILED,
    CONFLICT: (StoreUnavailable, "other transactions are writing the same items: try again"),
    "ItemCollectionSizeLimitExceeded": _TOO_LARGE,
    "ValidationError": _TOO_LARGE,
    "ResourceInUseException": (StoreUnavailable, "the table is being created or altered: try again in a minute"),
    "LimitExceededException": (StoreUnavailable, "the AWS account has reached a limit: wait, or have it raised"),
}
"""By the code of an error, or of a reason to cancel a transaction: the exception to raise, and what to do."""

OUTCOME_UNKNOWN = frozenset(
    {UNREACHABLE, "InternalServerError", "ServiceUnavailable", "TransactionInProgressException"}
)
"""After these, the request may have been carried out."""

RETRYABLE = OUTCOME_UNKNOWN | {code for code, found in ERRORS.items() if found is _THROTTLED} | {EXPIRED}
"""After these, the same request may succeed now or a moment later."""


class DynamoError(Exception):
    """DynamoDB's error code, and for a cancelled transaction the code of each of its items ("None" for those without
    an error). `outcome_unknown`: the request may have been carried out.
    """

    def __init__(self, code: str, message: str = "", reasons: Sequence[str] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.reasons = code, message, tuple(reasons)
        self.outcome_unknown = code in OUTCOME_UNKNOWN

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed when it is sent again."""
        if self.code != CANCELED:
            return self.code in RETRYABLE
        found = set(self.reasons) - {"None"}
        return bool(found) and found <= RETRYABLE


def translated(error: DynamoError) -> StoreUnavailable:
    """Return the domain error to raise, with DynamoDB's error as its cause."""
    code = next((reason for reason in error.reasons if reason != "None"), error.code)
    kind, message = ERRORS.get(code, (StoreUnavailable, "DynamoDB could not do it"))
    if code == "ValidationException" and "size" in error.message.lower():
        kind, message = _TOO_LARGE
    found = kind(f"{message} ({code})")
    found.__cause__ = error
    return found
