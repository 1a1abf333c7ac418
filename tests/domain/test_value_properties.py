"""The value of a part of an order: the parts sum to the whole, in whatever steps they are cancelled and returned."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from orderkeep.domain.entities import Order
from orderkeep.domain.lines import OrderLine, allocate
from tests.domain.orders import NOW, PLACED, euros, units


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Draw a confirmed order of one to three lines, with discounts and taxes that divide badly."""
    amounts = st.integers(0, 999)
    lines = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        quantity, price = draw(st.integers(1, 4)), draw(amounts)
        discount = draw(st.integers(0, quantity * price))
        lines.append(OrderLine(f"S{number}", "Item", quantity, euros(price), euros(discount), euros(draw(amounts))))
    shipping, tax = draw(amounts), draw(amounts)
    gross = sum(line.total_minor for line in lines) + shipping + tax
    discount = draw(st.integers(0, gross))
    order = Order.place(
        "order-1",
        "user-42",
        euros(gross - discount),
        at=PLACED,
        lines=tuple(lines),
        shipping=euros(shipping),
        discount=euros(discount),
        tax=euros(tax),
    )
    order.confirm(at=PLACED)
    return order


def units_of(order: Order) -> list[str]:
    """Return the line of each unit."""
    return [line.id for line in order.lines for _ in range(line.quantity)]


def goods_of(order: Order) -> int:
    return max(0, order.total.minor - order.shipping.minor)


def cancelled(order: Order, lines: list[str]) -> list[int]:
    """Cancel units one by one, and return the value of each."""
    values = []
    for line in lines:
        before = order.balance.current_total
        order.cancel_lines(units(**{line: 1}), at=NOW)
        values.append(before - order.balance.current_total)
    return values


@given(st.data())
def test_the_value_of_cancelled_units_is_the_same_in_any_order_of_steps(data: st.DataObject) -> None:
    one = data.draw(orders())
    other = Order.place("order-2", "user-42", one.total, at=PLACED, lines=one.lines, shipping=one.shipping,
                        discount=one.discount, tax=one.tax)  # fmt: skip
    every = data.draw(st.permutations(units_of(one)))
    chosen = every[: data.draw(st.integers(0, len(every) - 1))]
    values = cancelled(one, chosen)
    assert all(value >= 0 for value in values)
    assert sum(values) == sum(cancelled(other, data.draw(st.permutations(chosen))))
    assert one.balance.current_total >= min(one.shipping.minor, one.total.minor)
    one.cancel_lines(at=NOW)
    assert (one.status, one.balance.current_total) == ("cancelled", 0)


@given(st.data())
def test_the_values_of_cancelled_and_returned_units_sum_to_the_goods(data: st.DataObject) -> None:
    order = data.draw(orders())
    ids = units_of(order)
    returned = [data.draw(st.booleans()) for _ in ids]
    shipped = [line for line, is_returned in zip(ids, returned, strict=True) if is_returned]
    for line in shipped:
        order.add_shipment(units(**{line: 1}), at=NOW)
    for shipment in order.shipments:
        order.deliver_shipment(shipment.id, at=NOW)
    values = []
    for index in data.draw(st.permutations(range(len(ids)))):
        line, before = ids[index], order.balance.current_total
        if returned[index]:
            order.request_return(units(**{line: 1}), at=NOW)
            order.receive_return(f"r{len(order.returns)}", at=NOW)
            values.append(order.returns[-1].suggested_refund)
        elif shipped:
            order.cancel_lines(units(**{line: 1}), at=NOW)
            values.append(before - order.balance.current_total)
    assert all(value >= 0 for value in values)
    assert sum(values) == (goods_of(order) if shipped else 0)


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**4), min_size=1, max_size=6))
def test_an_amount_is_allocated_without_a_rest_and_to_the_minor_unit(amount: int, weights: list[int]) -> None:
    parts = allocate(amount, weights)
    assert sum(parts) == amount
    total = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        share = Fraction(amount * weight, total) if total else Fraction(amount, len(weights))
        assert abs(part - share) < 1
    assert allocate(amount, []) == []


def test_the_largest_remainder_comes_first_and_then_the_first_part() -> None:
    assert allocate(10, [1, 1, 1]) == [4, 3, 3]
    assert allocate(10, [1, 2, 4]) == [1, 3, 6]
    assert allocate(5, [0, 0, 0]) == [2, 2, 1]
