"""What DynamoDB reports, in the domain's words: one table, and nothing else decides."""

from collections.abc import Sequence

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable

CLOSED = "the store is closed"
UNREADABLE = "what is kept of an order cannot be read: somebody altered the orders' table; restore a backup"
NOT_SET_UP = "the table is not set up for orders: run `orderkeep table create`, or name another table"
NEWER = "the table was set up by a newer version of orderkeep: use that version"

UNREACHABLE = "Unreachable"
NO_CREDENTIALS = "NoCredentials"
"""Codes of our own, for what happens before DynamoDB can say anything."""

EXPIRED = "ExpiredTokenException"
CANCELED = "TransactionCanceledException"
CONDITION_FAILED = "ConditionalCheckFailed"
CONFLICT = "TransactionConflict"

_WAIT = (StoreUnavailable, "DynamoDB limits the rate of this table or account: try again, or raise the limit")
_AWAY = (StoreUnavailable, "DynamoDB could not answer: try again")
_STRANGER = (StoreUnusable, "DynamoDB does not accept these AWS credentials: give others")
_REFUSED = (
    StoreUnusable,
    "DynamoDB does not take the store's request: is this a table of orderkeep's? run `orderkeep table describe`",
)
_TOO_LARGE = (StoreUnavailable, "this is larger than DynamoDB keeps: an item has at most 400 KB, a commit 4 MB")

ERRORS: dict[str, tuple[type[StoreUnavailable], str]] = {
    UNREACHABLE: (StoreUnavailable, "DynamoDB cannot be reached: try again, or look at the network and the endpoint"),
    NO_CREDENTIALS: (
        StoreUnusable,
        "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role",
    ),
    "ResourceNotFoundException": (
        StoreUnusable,
        "there is no such table in this region: run `orderkeep table create`, or name another table or region",
    ),
    "ValidationException": _REFUSED,
    "SerializationException": _REFUSED,
    "UnknownOperationException": (
        StoreUnusable,
        "what answers at this endpoint cannot do that: DynamoDB Local, for one, keeps no backups",
    ),
    "AccessDeniedException": (
        StoreUnusable,
        "these AWS credentials may not do this on the table: allow the actions that the page on DynamoDB lists",
    ),
    "UnrecognizedClientException": _STRANGER,
    "InvalidSignatureException": _STRANGER,
    "IncompleteSignatureException": _STRANGER,
    "MissingAuthenticationTokenException": _STRANGER,
    "MissingAuthenticationToken": _STRANGER,
    EXPIRED: (StoreUnavailable, "these AWS credentials have expired: renew them"),
    "ProvisionedThroughputExceededException": _WAIT,
    "ThrottlingException": _WAIT,
    "RequestLimitExceeded": _WAIT,
    "ProvisionedThroughputExceeded": _WAIT,
    "ThrottlingError": _WAIT,
    "InternalServerError": _AWAY,
    "ServiceUnavailable": _AWAY,
    "TransactionInProgressException": _AWAY,
    CONFLICT: (StoreUnavailable, "others write the same items at this moment: try again"),
    "ItemCollectionSizeLimitExceeded": _TOO_LARGE,
    "ValidationError": _TOO_LARGE,
    "ResourceInUseException": (StoreUnavailable, "the table is being created or altered: try again in a minute"),
    "LimitExceededException": (StoreUnavailable, "the AWS account has reached a limit: wait, or have it raised"),
}
"""By DynamoDB's code, of an error or of a reason to cancel a transaction: what is raised, and what to do."""

UNCLEAR = frozenset({UNREACHABLE, "InternalServerError", "ServiceUnavailable", "TransactionInProgressException"})
"""After these, what was asked may be done all the same."""

PASSING = UNCLEAR | {code for code, found in ERRORS.items() if found is _WAIT} | {EXPIRED}
"""These may go better at once or a moment later."""


class DynamoError(Exception):
    """What a client reports: DynamoDB's code, and for a cancelled transaction the code of each of its items ("None"
    for those that were in order). `unclear`: the request may have been carried out.
    """

    def __init__(self, code: str, message: str = "", reasons: Sequence[str] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.reasons = code, message, tuple(reasons)
        self.unclear = code in UNCLEAR

    @property
    def is_passing(self) -> bool:
        """Tell whether the same request may go better when it is sent again."""
        if self.code != CANCELED:
            return self.code in PASSING
        found = set(self.reasons) - {"None"}
        return bool(found) and found <= PASSING


def translated(error: DynamoError) -> StoreUnavailable:
    """Return what to raise in place of an error of DynamoDB, with that error as its cause."""
    code = next((reason for reason in error.reasons if reason != "None"), error.code)
    kind, message = ERRORS.get(code, (StoreUnavailable, "DynamoDB could not do it"))
    if code == "ValidationException" and "size" in error.message.lower():
        kind, message = _TOO_LARGE
    found = kind(f"{message} ({code})")
    found.__cause__ = error
    return found
