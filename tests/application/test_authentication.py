"""Tokens are authenticated by the first authenticator that recognizes them; loopback hosts are recognized."""

import pytest

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind
from orderkeep.application.access.loopback import host_in, is_loopback
from orderkeep.application.errors import InvalidCredentials
from orderkeep.application.ports import Authenticator
from orderkeep.application.use_cases.authenticate import AuthenticateUseCase

CUSTOMER = Actor(ActorKind.CUSTOMER, "user-42")


class Prefixed(Authenticator):
    """Recognizes the tokens that start with a prefix."""

    def __init__(self, prefix: str, actor: Actor) -> None:
        self._prefix, self._actor = prefix, actor

    async def authenticate(self, token: str) -> Actor | None:
        return self._actor if token.startswith(self._prefix) else None

    async def close(self) -> None:
        pass


async def test_authenticates_with_the_first_authenticator_that_recognizes_the_token() -> None:
    authenticate = AuthenticateUseCase([Prefixed("ok_", SYSTEM), Prefixed("ey", CUSTOMER), Prefixed("e", SYSTEM)])
    assert await authenticate.execute("eyJ") == CUSTOMER
    assert await authenticate.execute("ok_1") == SYSTEM


@pytest.mark.parametrize("authenticators", [[], [Prefixed("ok_", SYSTEM)]], ids=["none", "other-type"])
async def test_rejects_a_token_that_no_authenticator_recognizes(authenticators: list[Authenticator]) -> None:
    with pytest.raises(InvalidCredentials, match="use an active API key or an unexpired access token"):
        await AuthenticateUseCase(authenticators).execute("eyJ")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"])
def test_recognizes_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "10.0.0.1", "::", "localhost.example", "example.com"])
def test_recognizes_hosts_that_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "url, host",
    [
        ("https://shop.example:8443/a?b=c", "shop.example"),
        ("http://[::1]:8000", "::1"),
        ("ftp://shop.example", None),
        ("https://user:secret@shop.example", None),
        ("https://shop.example/#top", None),
        ("https://shop.example:0", None),
        ("https://shop.example:65536", None),
        ("https://[::1:::]", None),
    ],
)
def test_host_in_rejects_malformed_urls(url: str, host: str | None) -> None:
    assert host_in(url) == host
