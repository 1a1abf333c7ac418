"""Token buckets: a burst, a sustained rate, and a bucket for each client."""

import pytest

from orderkeep.application.errors import TooManyRequests
from orderkeep.infrastructure import token_buckets
from orderkeep.infrastructure.token_buckets import TokenBuckets


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def taken(buckets: TokenBuckets, who: str, times: int) -> int:
    """Return how many of so many requests pass."""
    count = 0
    for _ in range(times):
        try:
            await buckets.take(who)
            count += 1
        except TooManyRequests:
            pass
    return count


async def test_lets_a_burst_pass_and_then_as_many_as_time_fills_in(clock: Clock) -> None:
    buckets = TokenBuckets(2, 5, clock)
    assert await taken(buckets, "anna", 9) == 5
    clock.now += 1.5
    assert await taken(buckets, "anna", 9) == 3
    clock.now += 1_000
    assert await taken(buckets, "anna", 9) == 5  # no more than the burst, however long it was


async def test_one_does_not_use_up_what_is_anothers(clock: Clock) -> None:
    buckets = TokenBuckets(2, 5, clock)
    assert await taken(buckets, "anna", 6) == 5
    assert await taken(buckets, "bert", 6) == 5


async def test_says_when_to_come_back_and_lets_pass_then(clock: Clock) -> None:
    buckets = TokenBuckets(0.25, 1, clock)
    await buckets.take("anna")
    clock.now += 1
    with pytest.raises(TooManyRequests, match=r"^rate limit exceeded: retry after 3 s$") as refused:
        await buckets.take("anna")
    clock.now += refused.value.retry_after
    assert await taken(buckets, "anna", 2) == 1


async def test_rejected_requests_use_no_tokens(clock: Clock) -> None:
    buckets = TokenBuckets(1, 2, clock)
    assert await taken(buckets, "anna", 500) == 2
    clock.now += 1
    assert await taken(buckets, "anna", 500) == 1


async def test_remembers_a_bounded_number_and_forgets_who_asked_least_lately(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_buckets, "MOST_BUCKETS", 3)
    buckets = TokenBuckets(1, 2, clock)
    assert await taken(buckets, "anna", 3) == 2
    for number in range(5):
        await taken(buckets, f"stranger-{number}", 1)
        assert await taken(buckets, "anna", 1) == 0  # who goes on asking is not forgotten
    assert await taken(buckets, "stranger-0", 3) == 2
    assert len(buckets._buckets) == 3
