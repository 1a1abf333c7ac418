"""What a head is taken for, where the raw requests cannot see it from outside."""

import pytest

from orderkeep.entrypoints.api.http1 import limits
from orderkeep.entrypoints.api.http1.limits import body_seconds, max_wire_bytes
from orderkeep.entrypoints.api.http1.request_head import check_head, split_target
from orderkeep.entrypoints.api.problems import Refused


def test_a_url_says_whom_the_request_is_for_and_host_does_not() -> None:
    headers = [(b"accept", b"*/*"), (b"host", b"localhost"), (b"x-note", b"localhost")]
    assert split_target(b"GET", b"http://elsewhere.example:81/orders?limit=1?", headers) == (b"/orders", b"limit=1?")
    assert headers == [(b"accept", b"*/*"), (b"host", b"elsewhere.example:81"), (b"x-note", b"localhost")]


def test_a_path_leaves_host_as_it_is() -> None:
    headers = [(b"host", b"localhost")]
    assert split_target(b"GET", b"//elsewhere.example/orders", headers) == (b"//elsewhere.example/orders", b"")
    assert headers == [(b"host", b"localhost")]


@pytest.mark.parametrize(
    "version, headers, waits",
    [
        ("1.1", [(b"host", b"a"), (b"expect", b"100-Continue")], True),
        ("1.0", [(b"expect", b"100-continue")], False),
        ("1.0", [(b"expect", b"something")], False),
        ("1.1", [(b"host", b"a")], False),
    ],
)
def test_only_a_client_of_http_1_1_waits_to_be_told_to_go_on(
    version: str, headers: list[tuple[bytes, bytes]], waits: bool
) -> None:
    assert check_head(version, b"POST", headers) is waits


def test_two_expectations_are_one_too_many() -> None:
    twice = [(b"host", b"a"), (b"expect", b"100-continue"), (b"expect", b"100-continue")]
    with pytest.raises(Refused) as refused:
        check_head("1.1", b"POST", twice)
    assert refused.value.status == 417


def test_a_body_has_more_time_the_more_of_it_is_here_and_never_more_than_all() -> None:
    assert body_seconds(0) == limits.BODY_PAUSE_SECONDS
    assert body_seconds(10 * limits.BYTES_PER_SECOND) == limits.BODY_PAUSE_SECONDS + 10
    assert body_seconds(10**9) == limits.BODY_SECONDS


def test_a_body_fits_on_the_wire_with_a_byte_in_each_chunk() -> None:
    assert max_wire_bytes(100_000) > len(b"1\r\n \r\n") * 100_000
