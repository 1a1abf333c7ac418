"""Every error code of DynamoDB becomes a domain error that says what to do."""

import pytest

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.dynamo_repo.errors import (
    CANCELED,
    ERRORS,
    OUTCOME_UNKNOWN,
    RETRYABLE,
    DynamoError,
    translated,
)

EXPECTED = [
    ("Unreachable", StoreUnavailable, "check the network and the endpoint"),
    ("NoCredentials", StoreUnusable, "set AWS_ACCESS_KEY_ID"),
    ("ResourceNotFoundException", StoreUnusable, "run `orderkeep table create`"),
    ("ValidationException", StoreUnusable, "run `orderkeep table describe`"),
    ("SerializationException", StoreUnusable, "run `orderkeep table describe`"),
    ("UnknownOperationException", StoreUnusable, "does not support the operation"),
    ("AccessDeniedException", StoreUnusable, "allow the actions"),
    ("UnrecognizedClientException", StoreUnusable, "use others"),
    ("InvalidSignatureException", StoreUnusable, "use others"),
    ("IncompleteSignatureException", StoreUnusable, "use others"),
    ("MissingAuthenticationTokenException", StoreUnusable, "use others"),
    ("MissingAuthenticationToken", StoreUnusable, "use others"),
    ("ExpiredTokenException", StoreUnavailable, "renew them"),
    ("ProvisionedThroughputExceededException", StoreUnavailable, "limits the rate"),
    ("ThrottlingException", StoreUnavailable, "limits the rate"),
    ("RequestLimitExceeded", StoreUnavailable, "limits the rate"),
    ("ProvisionedThroughputExceeded", StoreUnavailable, "limits the rate"),
    ("ThrottlingError", StoreUnavailable, "limits the rate"),
    ("InternalServerError", StoreUnavailable, "try again"),
    ("ServiceUnavailable", StoreUnavailable, "try again"),
    ("TransactionInProgressException", StoreUnavailable, "try again"),
    ("TransactionConflict", StoreUnavailable, "writing the same items"),
    ("TransactionConflictException", StoreUnavailable, "writing the same items"),
    ("ItemCollectionSizeLimitExceeded", StoreUnusable, "at most 400 KB"),
    ("ValidationError", StoreUnusable, "at most 400 KB"),
    ("ResourceInUseException", StoreUnavailable, "in a minute"),
    ("LimitExceededException", StoreUnavailable, "have it raised"),
    ("ReplicaNotFoundException", StoreUnavailable, "DynamoDB failed"),  # not in the table
]


@pytest.mark.parametrize("code, kind, advice", EXPECTED)
def test_error_says_what_to_do(code: str, kind: type[StoreUnavailable], advice: str) -> None:
    error = DynamoError(code, "as DynamoDB says it")
    found = translated(error)

    assert type(found) is kind
    assert advice in str(found)
    assert f"({code})" in str(found)
    assert found.__cause__ is error


def test_every_code_of_the_table_is_tested() -> None:
    assert set(ERRORS) <= {code for code, _, _ in EXPECTED}


def test_cancelled_transaction_is_reported_by_its_first_reason() -> None:
    error = DynamoError(CANCELED, "cancelled", ["None", "ThrottlingError", "None"])
    assert "limits the rate" in str(translated(error))
    assert error.is_retryable


def test_oversized_item_is_not_reported_as_an_invalid_request() -> None:
    said = "Item size has exceeded the maximum allowed size"
    found = translated(DynamoError("ValidationException", said))
    assert "at most 400 KB" in str(found)
    assert isinstance(found, StoreUnusable)


@pytest.mark.parametrize(
    "reasons", [(), ("None",), ("ConditionalCheckFailed", "ThrottlingError"), ("ValidationError",)]
)
def test_rejected_transaction_is_not_retryable(reasons: tuple[str, ...]) -> None:
    assert not DynamoError(CANCELED, "cancelled", reasons).is_retryable


def test_retryable_codes_include_those_with_an_unknown_outcome() -> None:
    assert OUTCOME_UNKNOWN < RETRYABLE
    assert {code for code in RETRYABLE if DynamoError(code).outcome_unknown} == OUTCOME_UNKNOWN
    assert "AccessDeniedException" not in RETRYABLE
    assert "ThrottlingException" in RETRYABLE - OUTCOME_UNKNOWN
