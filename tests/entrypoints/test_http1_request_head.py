"""Checks of a request head that raw requests cannot observe from outside."""

import pytest
from starlette.types import Scope

from orderkeep.entrypoints.api.http1.request_head import check_head, split_target
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.routing import headers_of


def test_authority_of_an_absolute_target_replaces_host() -> None:
    scope: Scope = {"headers": [(b"accept", b"*/*"), (b"host", b"localhost"), (b"x-note", b"localhost")]}
    assert headers_of(scope)[b"host"] == b"localhost"
    assert split_target(b"GET", b"http://elsewhere.example:81/orders?limit=1?", scope) == (b"/orders", b"limit=1?")
    assert scope["headers"] == [(b"accept", b"*/*"), (b"host", b"elsewhere.example:81"), (b"x-note", b"localhost")]
    assert headers_of(scope) == dict(scope["headers"])


def test_path_target_leaves_host_unchanged() -> None:
    scope: Scope = {"headers": [(b"host", b"localhost")]}
    assert split_target(b"GET", b"//elsewhere.example/orders", scope) == (b"//elsewhere.example/orders", b"")
    assert scope["headers"] == [(b"host", b"localhost")]


@pytest.mark.parametrize(
    "version, headers, waits",
    [
        ("1.1", [(b"host", b"a"), (b"expect", b"100-Continue")], True),
        ("1.1", [(b"host", b"a"), (b"expect", b"100-continue,"), (b"expect", b"100-CONTINUE")], True),
        ("1.0", [(b"expect", b"100-continue")], False),
        ("1.0", [(b"expect", b"something")], False),
        ("1.1", [(b"host", b"a")], False),
    ],
)
def test_only_http_1_1_clients_wait_for_100_continue(
    version: str, headers: list[tuple[bytes, bytes]], waits: bool
) -> None:
    assert check_head(version, b"POST", headers_of({"headers": headers})) is waits


def test_expectation_beside_100_continue_is_rejected() -> None:
    twice = [(b"host", b"a"), (b"expect", b"100-continue"), (b"expect", b"something")]
    with pytest.raises(HttpProblem) as refused:
        check_head("1.1", b"POST", headers_of({"headers": twice}))
    assert refused.value.status == 417
