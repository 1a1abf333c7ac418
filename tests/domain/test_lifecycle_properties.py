"""Whatever is asked of an order, in whatever order, at whatever time: what holds."""

import copy
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import CommandRejected, InvalidInput
from orderkeep.domain.value_objects import Cancellation, Money

FOLLOWERS = {
    "pending": {"confirm": "processing", "cancel": "cancelled"},
    "processing": {"ship": "shipped", "cancel": "cancelled"},
    "shipped": {"deliver": "delivered"},
}
PLACED = datetime(2026, 5, 6, 7, 8, 9, 10, UTC)

aware = st.integers(-(10**8), 10**8).map(lambda seconds: PLACED + timedelta(seconds=seconds))
moments = aware | aware.map(lambda moment: moment.replace(tzinfo=None))
commands = st.lists(st.tuples(st.sampled_from(["confirm", "ship", "deliver", "cancel", "save"]), moments), max_size=12)


@given(commands)
def test_any_sequence_of_commands_follows_the_table(sequence: list[tuple[str, datetime]]) -> None:
    order = Order.place("order-1", "user-42", Money(9_900, "EUR"), at=PLACED)
    saves, unsaved = 0, 1
    for command, at in sequence:
        before = copy.deepcopy(order)
        if command == "save":
            order.mark_saved(f"seal-{saves}")
            saves, unsaved = saves + 1, 0
            assert (order.status, order.updated_at) == (before.status, before.updated_at)
        else:
            follower = FOLLOWERS.get(before.status, {}).get(command)
            try:
                getattr(order, command)(at=at)
            except CommandRejected:
                assert follower is None
                assert vars(order) == vars(before)
            else:
                assert order.status == follower
                unsaved += 2 if command in ("ship", "deliver") else 1  # of the shipment, and of the order
        assert order.updated_at >= before.updated_at
        assert (order.version, len(order.events)) == (saves, unsaved)
        assert (order.cancellation is not None) is (order.status == "cancelled")
        assert order.can_be_cancelled() is (order.status in ("pending", "processing"))


@given(st.text(max_size=120), st.text(max_size=1_100))
def test_a_cancellation_is_taken_as_given_or_rejected_whole(reason: str, note: str) -> None:
    order = Order.place("order-1", "user-42", Money(9_900, "EUR"), at=PLACED)
    before = copy.deepcopy(vars(order))
    try:
        order.cancel(reason, note, at=PLACED)
    except InvalidInput:
        assert vars(order) == before
    else:
        assert order.cancellation == Cancellation(reason, note, PLACED)
