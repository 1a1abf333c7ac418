"""Work that many do at once, and what must be true of it afterwards: for the contract, the tests and a torture run.

Each function takes a store, which need not be empty, returns what it counted, and raises `ContractViolation` with
what was seen where the store broke a promise. None of them needs pytest.
"""

from orderkeep.testing.workloads.histories import HistoryCount, record_histories
from orderkeep.testing.workloads.reads import FeedCount, WalkCount, read_feed_beside_writers, walk_pages_under_writes
from orderkeep.testing.workloads.writes import (
    RaceCount,
    RetryCount,
    race_cancel_against_ship,
    race_saves,
    retry_with_one_key,
)

__all__ = [
    "FeedCount",
    "HistoryCount",
    "RaceCount",
    "RetryCount",
    "WalkCount",
    "race_cancel_against_ship",
    "race_saves",
    "read_feed_beside_writers",
    "record_histories",
    "retry_with_one_key",
    "walk_pages_under_writes",
]
