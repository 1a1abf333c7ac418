"""The verdict on a client, for each stage before and after its limit."""

import pytest

from orderkeep.entrypoints.api.http1 import limits
from orderkeep.entrypoints.api.http1.limits import (
    Stage,
    TooSlow,
    Unread,
    body_seconds,
    max_wire_bytes,
    verdict,
)

NOW = 1_000.0


@pytest.mark.parametrize(
    "stage, seconds, expected",
    [
        ("new", limits.HEAD_SECONDS, "idle"),
        ("kept", limits.KEEP_ALIVE_SECONDS, "kept"),
        ("head", limits.HEAD_SECONDS, "head"),
        ("body", limits.BODY_PAUSE_SECONDS, "body"),
    ],
)
def test_each_stage_has_a_limit(stage: Stage, seconds: float, expected: TooSlow) -> None:
    assert verdict(stage, NOW - seconds, NOW) is None
    assert verdict(stage, NOW - seconds - 0.125, NOW) == expected


def test_discarded_data_and_silence_without_a_limit_are_not_timed() -> None:
    assert verdict("over", 0.0, NOW) is None
    for stage in ("new", "kept", "head", "body"):
        assert verdict(stage, None, NOW) is None


@pytest.mark.parametrize("stage", ["new", "kept"])
def test_client_that_waits_for_a_response_may_be_silent(stage: Stage) -> None:
    assert verdict(stage, 0.0, NOW, responding=True) is None


def test_body_that_keeps_its_rate_is_not_timed_out_before_the_limit_of_all_bodies() -> None:
    received = 20 * limits.BYTES_PER_SECOND
    assert verdict("body", NOW - limits.BODY_PAUSE_SECONDS - 20, NOW, received=received) is None
    assert verdict("body", NOW - limits.BODY_PAUSE_SECONDS - 21, NOW, received=received) is not None
    assert body_seconds(10**9) == limits.BODY_SECONDS


def test_client_that_does_not_read_is_cut() -> None:
    since = NOW - limits.RESPONSE_PAUSE_SECONDS
    assert verdict("over", 0.0, NOW, unread=Unread(1, since, since)) is None
    assert verdict("over", 0.0, NOW, unread=Unread(1, since - 0.125, since)) == "response"


def test_connection_lingers_for_a_limited_time() -> None:
    since = NOW - limits.LINGER_SECONDS
    assert verdict("over", 0.0, NOW, unread=Unread(0, since, 0.0)) is None
    assert verdict("over", 0.0, NOW, unread=Unread(0, since - 0.125, 0.0)) == "lingering"


def test_response_is_read_within_a_total_time() -> None:
    first = NOW - limits.RESPONSE_SECONDS
    assert verdict("kept", None, NOW, unread=Unread(1, NOW, first)) is None
    assert verdict("kept", None, NOW, unread=Unread(1, NOW, first - 0.125)) == "response"


def test_unread_data_is_slow_until_the_client_reads_enough_of_it() -> None:
    enough = int(limits.RESPONSE_PAUSE_SECONDS * limits.BYTES_PER_SECOND)
    unread = Unread(50_000, 1.0, 0.5)
    assert unread.updated(50_000 - enough, 2.0) == unread
    assert unread.updated(49_999 - enough, 2.0) == Unread(49_999 - enough, 2.0, 0.5)
    assert unread.updated(50_001, 2.0) == Unread(50_001, 2.0, 0.5)  # another part was written
    assert Unread(1, 1.0, 0.5).updated(0, 2.0) == Unread(0, 2.0, 0.5)  # all is read: the time to close begins
    assert Unread(0, 2.0, 0.5).updated(0, 3.0) == Unread(0, 2.0, 0.5)


def test_more_unread_data_must_be_read_faster() -> None:
    share = int(900_000 * limits.RESPONSE_PAUSE_SECONDS / limits.RESPONSE_SECONDS)
    unread = Unread(900_000, 1.0, 0.5)
    assert unread.updated(900_000 - share, 2.0) == unread
    assert unread.updated(899_999 - share, 2.0) == Unread(899_999 - share, 2.0, 0.5)


def test_body_fits_within_its_wire_limit_with_a_byte_in_each_chunk() -> None:
    assert max_wire_bytes(100_000) > len(b"1\r\n \r\n") * 100_000
