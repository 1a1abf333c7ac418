"""Token buckets in this process: each one fills steadily, and every request takes a token out."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from orderkeep.application.errors import TooManyRequests
from orderkeep.application.ports import RateLimiter

MOST_BUCKETS = 10_000
"""How many are remembered. Those that were asked least lately are forgotten first, and are full when they return."""


class TokenBuckets(RateLimiter):
    """`per_second` requests in the long run, and up to `burst` at once. Each process counts for itself."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, who: str) -> None:
        now = self._clock()
        tokens, since = self._buckets.pop(who, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - since) * self._per_second)
        taken = tokens >= 1
        self._buckets[who] = (tokens - taken, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if not taken:
            raise TooManyRequests(math.ceil((1 - tokens) / self._per_second))
