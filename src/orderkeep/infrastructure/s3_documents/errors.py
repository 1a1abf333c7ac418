"""What S3 reports, in the domain's words: one table, and nothing else decides."""

import re

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable

NO_CREDENTIALS = "NoCredentials"
UNREACHABLE = "Unreachable"
"""Codes of our own, for what happens before S3 can say anything."""

ELSEWHERE = "PermanentRedirect"

CONFLICT = "409"
"""The status where S3 could not decide."""

NO_SUCH_KEY = "NoSuchKey"

_AWAY = (StoreUnavailable, "S3 could not answer: try again")
_WAIT = (StoreUnavailable, "S3 limits the rate of this bucket: try again")
_STRANGER = (StoreUnusable, "S3 does not accept these AWS credentials: give others")
_ELSEWHERE = (StoreUnusable, "the bucket is in another region: add ?region=… to the URL of the documents")
_DAMAGED = (StoreUnavailable, "the document was damaged on its way to S3, which did not take it: try again")
_FULL = (StoreUnavailable, "the bucket is full: free some space, and try again")
_KEY_OF_BUCKET = (StoreUnusable, "the key that the bucket encrypts with cannot be used: allow it to these credentials")
_NOT_ALLOWED = (
    StoreUnusable,
    "these AWS credentials may not do this, or what is sought is gone: allow what the page on keeping documents lists",
)

ERRORS: dict[str, tuple[type[StoreUnavailable], str]] = {
    UNREACHABLE: (StoreUnavailable, "S3 cannot be reached: try again, or look at the network and the endpoint"),
    NO_CREDENTIALS: (
        StoreUnusable,
        "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role",
    ),
    "NoSuchBucket": (StoreUnusable, "there is no such bucket: create it, or name another in ORDERKEEP_DOCUMENTS"),
    "InvalidBucketName": (StoreUnusable, "no bucket can have this name: name another in ORDERKEEP_DOCUMENTS"),
    "AccessDenied": _NOT_ALLOWED,
    "AllAccessDisabled": (StoreUnusable, "the bucket is disabled: look at it in the AWS account"),
    "InvalidAccessKeyId": _STRANGER,
    "SignatureDoesNotMatch": _STRANGER,
    "InvalidToken": _STRANGER,
    "InvalidSecurity": _STRANGER,
    "ExpiredToken": (StoreUnavailable, "these AWS credentials have expired: renew them"),
    "TokenRefreshRequired": (StoreUnavailable, "these AWS credentials have expired: renew them"),
    "RequestTimeTooSkewed": (StoreUnusable, "this machine's clock is wrong by more than 15 minutes: set it"),
    "PermanentRedirect": _ELSEWHERE,
    "TemporaryRedirect": _ELSEWHERE,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "IllegalLocationConstraintException": _ELSEWHERE,
    "BadDigest": _DAMAGED,
    "InvalidDigest": _DAMAGED,
    "XAmzContentSHA256Mismatch": _DAMAGED,
    "XAmzContentChecksumMismatch": _DAMAGED,
    "IncompleteBody": _DAMAGED,
    "NotImplemented": (
        StoreUnusable,
        "what answers at this endpoint cannot do what is needed (If-None-Match, SHA-256): name one that can",
    ),
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "SlowDown": _WAIT,
    "ThrottlingException": _WAIT,
    "InternalError": _AWAY,
    "ServiceUnavailable": _AWAY,
    "RequestTimeout": _AWAY,
    "OperationAborted": _AWAY,
    "ConditionalRequestConflict": (StoreUnavailable, "others write the same document at this moment: try again"),
}
"""By S3's code: what is raised, and what to do."""


def code_of(error: Exception) -> str:
    """Return S3's code out of what obstore raised: `UNREACHABLE` where nobody answered, "" where there is none."""
    said = str(error)
    if found := re.search(r"<Code>([A-Za-z0-9.]+)</Code>", said):
        return found[1]
    if "incorrectly configured region" in said:
        return ELSEWHERE
    return "" if status_of(error) else UNREACHABLE


def status_of(error: Exception) -> str:
    """Return the HTTP status out of what obstore raised, "" where there is none."""
    found = re.search(r"status code: ([0-9]+)", str(error))
    return found[1] if found else ""


def translated(error: Exception) -> StoreUnavailable:
    """Return what to raise in place of an error of obstore's, with that error as its cause."""
    code = code_of(error)
    kind, message = ERRORS.get(code, _KEY_OF_BUCKET if code.startswith("KMS.") else _unknown(error))
    found = kind(f"{message} ({code})" if code else message)
    found.__cause__ = error
    return found


def of_our_own(code: str) -> StoreUnavailable:
    """Return what to raise for something that S3 was not asked about."""
    kind, message = ERRORS[code]
    return kind(message)


def _unknown(error: Exception) -> tuple[type[StoreUnavailable], str]:
    status = status_of(error)
    if status.startswith("4"):
        return StoreUnusable, f"what answers at this endpoint does not answer as S3 does: status {status}"
    return StoreUnavailable, "S3 could not do it: try again"
