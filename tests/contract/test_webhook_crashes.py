"""Webhooks on the stores with files and servers: relays that are killed at random lose, skip and reorder nothing.

`tests/application/test_webhook_crashes.py` has more of the same in memory, and shows that planted bugs are found.
"""

from orderkeep.bootstrap.stores import open_store
from tests.application.test_webhook_crashes import Chaos
from tests.application.webhook_world import World

STEPS = {"sqlite": 150, "postgresql": 150, "dynamodb": 40}


async def test_every_subscriber_gets_every_event_in_order(store_url: str) -> None:
    if store_url == "memory://":
        return
    store = open_store(store_url)
    try:
        chaos = Chaos(1, World(store), STEPS[store_url.partition(":")[0]])
        await chaos.run()
    finally:
        await store.close()
    assert chaos.kills
