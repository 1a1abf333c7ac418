"""The client's address behind a proxy: only a proxy on this machine, or one that is named, is trusted."""

import httpx
import pytest

from tests.entrypoints.served import serving

FEW = {"store": "memory://", "auth": "keys", "rate_limit_per_address": 1}
BURST = 2
"""How many may come at once where one a second is let through."""


def refused(client: httpx.Client, *forwarded: str) -> list[bool]:
    answers = (client.get("/orders", headers={"X-Forwarded-For": said}) for said in forwarded)
    return [answer.status_code == 429 for answer in answers]


@pytest.mark.parametrize("named", [None, "192.0.2.10,127.0.0.0/8"])
def test_addresses_from_a_proxy_are_limited_separately(named: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    if named:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", named)
    with serving(**FEW) as (client, _):
        told = [f"198.51.100.{number}" for number in range(10 * BURST)]
        assert not any(refused(client, *told))


def test_of_several_addresses_the_one_counts_that_the_proxy_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    with serving(**FEW) as (client, _):
        made_up = [f"203.0.113.{number}, 198.51.100.7" for number in range(10 * BURST)]
        assert any(refused(client, *made_up))


def test_what_a_stranger_says_of_where_it_comes_from_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.10")
    with serving(**FEW) as (client, _):
        made_up = [f"198.51.100.{number}" for number in range(10 * BURST)]
        assert any(refused(client, *made_up))
