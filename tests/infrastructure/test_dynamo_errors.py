"""Every error that DynamoDB may report becomes one of ours, and says what to do."""

import pytest

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.dynamo_repo.errors import CANCELED, ERRORS, PASSING, UNCLEAR, DynamoError, translated

EXPECTED = [
    ("Unreachable", StoreUnavailable, "look at the network and the endpoint"),
    ("NoCredentials", StoreUnusable, "set AWS_ACCESS_KEY_ID"),
    ("ResourceNotFoundException", StoreUnusable, "run `orderkeep table create`"),
    ("ValidationException", StoreUnusable, "run `orderkeep table describe`"),
    ("SerializationException", StoreUnusable, "run `orderkeep table describe`"),
    ("UnknownOperationException", StoreUnusable, "cannot do that"),
    ("AccessDeniedException", StoreUnusable, "allow the actions"),
    ("UnrecognizedClientException", StoreUnusable, "give others"),
    ("InvalidSignatureException", StoreUnusable, "give others"),
    ("IncompleteSignatureException", StoreUnusable, "give others"),
    ("MissingAuthenticationTokenException", StoreUnusable, "give others"),
    ("MissingAuthenticationToken", StoreUnusable, "give others"),
    ("ExpiredTokenException", StoreUnavailable, "renew them"),
    ("ProvisionedThroughputExceededException", StoreUnavailable, "limits the rate"),
    ("ThrottlingException", StoreUnavailable, "limits the rate"),
    ("RequestLimitExceeded", StoreUnavailable, "limits the rate"),
    ("ProvisionedThroughputExceeded", StoreUnavailable, "limits the rate"),
    ("ThrottlingError", StoreUnavailable, "limits the rate"),
    ("InternalServerError", StoreUnavailable, "try again"),
    ("ServiceUnavailable", StoreUnavailable, "try again"),
    ("TransactionInProgressException", StoreUnavailable, "try again"),
    ("TransactionConflict", StoreUnavailable, "others write the same items"),
    ("ItemCollectionSizeLimitExceeded", StoreUnavailable, "at most 400 KB"),
    ("ValidationError", StoreUnavailable, "at most 400 KB"),
    ("ResourceInUseException", StoreUnavailable, "in a minute"),
    ("LimitExceededException", StoreUnavailable, "have it raised"),
    ("ReplicaNotFoundException", StoreUnavailable, "could not do it"),  # one that has no entry
]


@pytest.mark.parametrize("code, kind, advice", EXPECTED)
def test_says_what_to_do(code: str, kind: type[StoreUnavailable], advice: str) -> None:
    error = DynamoError(code, "as DynamoDB says it")
    found = translated(error)

    assert type(found) is kind
    assert advice in str(found)
    assert f"({code})" in str(found)
    assert found.__cause__ is error


def test_every_entry_of_the_table_is_expected_above() -> None:
    assert set(ERRORS) <= {code for code, _, _ in EXPECTED}


def test_a_cancelled_transaction_is_told_by_the_first_reason_that_it_has() -> None:
    error = DynamoError(CANCELED, "cancelled", ["None", "ThrottlingError", "None"])
    assert "limits the rate" in str(translated(error))
    assert error.is_passing


def test_an_item_that_is_too_large_is_told_from_a_wrong_request() -> None:
    said = "Item size has exceeded the maximum allowed size"
    assert "at most 400 KB" in str(translated(DynamoError("ValidationException", said)))


@pytest.mark.parametrize(
    "reasons", [(), ("None",), ("ConditionalCheckFailed", "ThrottlingError"), ("ValidationError",)]
)
def test_sends_no_cancelled_transaction_again_that_was_refused(reasons: tuple[str, ...]) -> None:
    assert not DynamoError(CANCELED, "cancelled", reasons).is_passing


def test_sends_again_what_was_not_refused_and_knows_where_it_may_be_done_all_the_same() -> None:
    assert UNCLEAR < PASSING
    assert {code for code in PASSING if DynamoError(code).unclear} == UNCLEAR
    assert "AccessDeniedException" not in PASSING
    assert "ThrottlingException" in PASSING - UNCLEAR
