"""Properties of orders that hold after any commands, in any order, at any time."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import Conflict, InvalidInput, OrderNotFound
from orderkeep.domain.lifecycle import CommandRejected
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import ObligationsChanged, Payment, PaymentKind
from orderkeep.domain.returns import ReturnedUnits
from orderkeep.domain.value_objects import Cancellation, Money
from tests.domain.orders import order_of
from tests.domain.test_lifecycle_model import broken_invariants

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


references = st.sampled_from(["ref-1", "ref-2", "ref-3"])
named = st.lists(st.builds(LineQuantity, st.sampled_from(["l1", "l2", "l3"]), st.integers(0, 3)), max_size=2)
ids = st.sampled_from(["s1", "s2", "r1", "r2", "n1", "n2"])
texts = st.sampled_from(["damaged", "", "x" * 101])
requests = st.one_of(
    st.tuples(st.sampled_from(["confirm", "ship", "deliver", "release", "cancel", "cancel_lines", "add_shipment"])),
    st.tuples(st.sampled_from(["cancel_lines", "add_shipment", "request_return", "request_return"]), named),
    st.tuples(st.just("cancel_lines"), named, texts),
    st.tuples(st.just("put_on_hold"), texts, st.none(), st.none() | aware),
    st.tuples(st.just("deliver_shipment"), ids, st.none() | moments),
    st.tuples(st.just("update_shipment"), ids, st.just({"carrier": "UPS"})),
    st.tuples(
        st.just("record_payment"),
        st.builds(Payment, references, st.sampled_from(PaymentKind), st.integers(0, 9_000), st.none(), moments),
    ),
    st.tuples(st.just("add_refund"), references, st.integers(0, 9_000), st.none(), named),
    st.tuples(st.just("close_refund"), references, st.sampled_from(["succeeded", "failed"]), st.none() | moments),
    st.tuples(st.just("receive_return"), ids),
    st.tuples(
        st.just("receive_return"), ids, st.builds(ReturnedUnits, st.just("l1"), st.integers(0, 3)).map(lambda x: [x])
    ),
    st.tuples(st.just("close_return"), ids, st.sampled_from(["rejected", "cancelled"]), texts),
    st.tuples(st.just("add_note"), texts, st.sampled_from(["internal", "customer"])),
    st.tuples(st.just("edit_note"), ids, texts),
)


@given(st.lists(st.integers(1, 3), max_size=2), st.lists(st.tuples(requests, moments), max_size=25))
def test_any_sequence_of_commands_and_facts_keeps_the_invariants(
    quantities: list[int], sequence: list[tuple[tuple[Any, ...], datetime]]
) -> None:
    order = order_of(*quantities, confirmed=False)
    for (command, *arguments), at in sequence:
        before = copy.deepcopy(vars(order))
        try:
            getattr(order, command)(*arguments, at=at)
        except (CommandRejected, Conflict, InvalidInput, OrderNotFound):
            assert vars(order) == before
        assert order.updated_at >= before["updated_at"]
        assert (vars(order) == before) is (len(order.events) == len(before["events"]))
        is_new = ObligationsChanged() in order.events[len(before["events"]) :]
        assert is_new is (order.obligations != before["obligations"])
        assert list(broken_invariants(order)) == []
        balance = order.balance
        assert order.obligations == (balance.refund_due, balance.void_due)
        assert balance.refunded + balance.refund_pending <= balance.captured
        assert 0 <= balance.current_total <= order.total.minor
        for records in (order.shipments, order.returns, order.notes):
            assert [each.id[1:] for each in records] == [str(number) for number in range(1, len(records) + 1)]
        keys = [(payment.reference, payment.kind) for payment in order.payments]
        assert len(set(keys)) == len(keys)


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
