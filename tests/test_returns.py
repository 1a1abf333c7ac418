"""Returns: requested, then received, rejected or cancelled."""

from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.application.dtos import EventDTO
from orderkeep.application.use_cases.close_return import CloseReturnUseCase
from orderkeep.application.use_cases.receive_return import ReceiveReturnUseCase
from orderkeep.application.use_cases.request_return import RequestReturnUseCase
from orderkeep.domain.exceptions import InvalidInput, ReturnNotFound
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.returns import NothingToReturn, Return, ReturnAlreadyClosed, ReturnedUnits
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import pending_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=3)
WANTED = (LineQuantity("l1", 2), LineQuantity("l2", 5))


@pytest.fixture
def repo() -> InMemoryOrderRepository:
    order = pending_order()
    order.confirm(at=NOON)
    order.ship(at=NOON)
    order.deliver(at=NOON)
    return InMemoryOrderRepository([order])


async def requested(repo: InMemoryOrderRepository) -> None:
    await RequestReturnUseCase(repo, clock=lambda: NOON).execute("order-1", lines=WANTED, reason="too large")


async def test_requests_a_return(repo: InMemoryOrderRepository) -> None:
    request = RequestReturnUseCase(repo, clock=lambda: NOON)
    result = await request.execute("order-1", lines=WANTED, reason="too large")
    assert result.events == (EventDTO("ReturnRequested", {"return_id": "r1"}),)
    assert result.order.returns == (Return("r1", "requested", WANTED, "too large", NOON),)
    rest = await request.execute("order-1")
    assert rest.order.returns[1].lines == (LineQuantity("l1", 1), LineQuantity("l2", 2))
    with pytest.raises(NothingToReturn):
        await request.execute("order-1")


async def test_receives_what_arrived(repo: InMemoryOrderRepository) -> None:
    await requested(repo)
    receive = ReceiveReturnUseCase(repo, clock=lambda: LATER)
    arrived = (ReturnedUnits("l1", 1, "scratched"),)
    result = await receive.execute("order-1", "r1", lines=arrived, note="One is missing.")
    assert result.events == (EventDTO("ReturnReceived", {"return_id": "r1"}),)
    [found] = result.order.returns
    assert (found.status, found.received, found.note, found.closed_at) == (
        "received", arrived, "One is missing.", LATER,
    )  # fmt: skip
    assert found.suggested_refund > 0
    assert ([line.returned for line in result.order.lines], result.order.refunded) == ([1, 0], 0)


async def test_receives_by_default_what_was_requested(repo: InMemoryOrderRepository) -> None:
    await requested(repo)
    result = await ReceiveReturnUseCase(repo).execute("order-1", "r1")
    assert [line.returned for line in result.order.lines] == [2, 5]


@pytest.mark.parametrize("outcome, event", [("rejected", "ReturnRejected"), ("cancelled", "ReturnCancelled")])
async def test_closes_a_return(outcome: str, event: str, repo: InMemoryOrderRepository) -> None:
    await requested(repo)
    close = CloseReturnUseCase(repo, clock=lambda: LATER)
    result = await close.execute("order-1", "r1", outcome, note="After 30 days.")
    assert result.events == (EventDTO(event, {"return_id": "r1"}),)
    [found] = result.order.returns
    assert (found.status, found.note, found.closed_at) == (outcome, "After 30 days.", LATER)
    with pytest.raises(
        ReturnAlreadyClosed, match=f"^the return was {outcome} already, which closed it: request another return$"
    ):
        await close.execute("order-1", "r1", outcome)


async def test_rejects_an_unknown_return_and_an_unknown_outcome(repo: InMemoryOrderRepository) -> None:
    with pytest.raises(ReturnNotFound, match="has no return"):
        await ReceiveReturnUseCase(repo).execute("order-1", "r1")
    await requested(repo)
    with pytest.raises(InvalidInput, match=r"^must be rejected or cancelled$") as caught:
        await CloseReturnUseCase(repo).execute("order-1", "r1", "received")
    assert caught.value.field == "status"
