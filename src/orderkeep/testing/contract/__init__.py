"""What every store must do, as a pytest class to derive from."""

import pytest

from orderkeep.testing.contract.feeds import FeedContract
from orderkeep.testing.contract.histories import HistoryContract
from orderkeep.testing.contract.lifetimes import LifetimeContract
from orderkeep.testing.contract.lists import ListContract
from orderkeep.testing.contract.races import RaceContract
from orderkeep.testing.contract.round_trips import RoundTripContract
from orderkeep.testing.contract.saves import SaveContract


class OrderStoreContract(
    RoundTripContract, SaveContract, HistoryContract, ListContract, FeedContract, RaceContract, LifetimeContract
):
    """Derive from it, and give a fixture `store`: an empty store, opened for each test and closed behind it."""

    pytestmark = pytest.mark.asyncio
