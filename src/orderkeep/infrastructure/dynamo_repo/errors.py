"""DynamoDB's error codes and the domain errors they become. One table; nothing else decides."""

from collections.abc import Sequence

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.aws import EXPIRED, NO_CREDENTIALS, UNREACHABLE, AwsError

CLOSED = "the store is closed"
NOT_SET_UP = "the table is not set up for orders: run `orderkeep table create`, or use another table"
NEWER = "the table was set up by a newer version of orderkeep: use that version"
SETTINGS_ALTERED = "the settings of the table were altered: restore a backup"

CANCELED = "TransactionCanceledException"
CONDITION_FAILED = "ConditionalCheckFailed"
CONFLICT = "TransactionConflict"
CONFLICT_OF_ONE = "TransactionConflictException"
"""The same, of a write outside a transaction."""

_THROTTLED = (
    "ProvisionedThroughputExceededException ThrottlingException RequestLimitExceeded "
    "ProvisionedThroughputExceeded ThrottlingError"
)
_FAILED = "InternalServerError ServiceUnavailable TransactionInProgressException"
_TOO_LARGE = "this is larger than DynamoDB allows (at most 400 KB an item, 4 MB a commit): save less at once"

_TEXTS: dict[type[StoreUnavailable], dict[str, str]] = {
    StoreUnavailable: {
        "DynamoDB cannot be reached: try again, or check the network and the endpoint": UNREACHABLE,
        "these AWS credentials have expired: renew them": EXPIRED,
        "DynamoDB limits the rate of this table or account: try again, or raise the limit": _THROTTLED,
        "DynamoDB failed internally: try again": _FAILED,
        "other transactions are writing the same items: try again": f"{CONFLICT} {CONFLICT_OF_ONE}",
        "the table is being created or altered: try again in a minute": "ResourceInUseException",
        "the AWS account has reached a limit: wait, or have it raised": "LimitExceededException",
    },
    StoreUnusable: {
        _TOO_LARGE: "ItemCollectionSizeLimitExceeded ValidationError",
        "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role": (
            NO_CREDENTIALS
        ),
        "the table does not exist in this region: run `orderkeep table create`, or use another table or region": (
            "ResourceNotFoundException"
        ),
        "DynamoDB rejects the store's request: is this a table of orderkeep? run `orderkeep table describe`": (
            "ValidationException SerializationException"
        ),
        "the server at this endpoint does not support the operation (DynamoDB Local, for example, has no backups)": (
            "UnknownOperationException"
        ),
        "these AWS credentials lack a permission on the table: allow the actions listed in the DynamoDB reference": (
            "AccessDeniedException"
        ),
        "DynamoDB rejects these AWS credentials: use others": (
            "UnrecognizedClientException InvalidSignatureException IncompleteSignatureException "
            "MissingAuthenticationTokenException MissingAuthenticationToken"
        ),
    },
}
ERRORS = {
    code: (kind, text) for kind, texts in _TEXTS.items() for text, codes in texts.items() for code in codes.split()
}
"""By the code of an error, or of a reason to cancel a transaction: the exception to raise, and what to do.
`StoreUnavailable` is temporary; `StoreUnusable` lasts until an operator fixes the cause.
"""

OUTCOME_UNKNOWN = {UNREACHABLE, *_FAILED.split()}
"""After these, the request may have been carried out."""

RETRYABLE = OUTCOME_UNKNOWN | {EXPIRED, *_THROTTLED.split()}
"""After these, the same request may succeed now or a moment later."""


class DynamoError(AwsError):
    """DynamoDB's error code, and for a cancelled transaction the code of each of its items ("None" for those without
    an error). `outcome_unknown`: the request may have been carried out.
    """

    def __init__(self, code: str, message: str = "", reasons: Sequence[str] = ()) -> None:
        super().__init__(code, message)
        self.reasons = tuple(reasons)
        self.outcome_unknown = code in OUTCOME_UNKNOWN

    @property
    def is_retryable(self) -> bool:
        found = {self.code} if self.code != CANCELED else set(self.reasons) - {"None"}
        return bool(found) and found <= RETRYABLE


def translated(error: DynamoError) -> StoreUnavailable:
    """Return the domain error to raise, with DynamoDB's error as its cause."""
    code = next((reason for reason in error.reasons if reason != "None"), error.code)
    kind, message = ERRORS.get(code, (StoreUnavailable, "DynamoDB failed"))
    if code == "ValidationException" and "size" in error.message.lower():
        kind, message = StoreUnusable, _TOO_LARGE
    found = kind(f"{message} ({code})")
    found.__cause__ = error
    return found
