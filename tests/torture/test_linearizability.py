"""The search finds what trying every order finds, and no more."""

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

from hypothesis import find, given
from hypothesis import strategies as st

from tests.torture.linearizability import Operation, linearize

Write = int | None  # what is written; None reads
Register = Operation[Write, int]


def one(client: int, asked: Write, answer: int | None, invoked: int, answered: int | None) -> Register:
    return Operation(client, asked, answer, invoked, answered)


def step(held: int, operation: Register) -> tuple[int, ...]:
    """A register of one number; a write answers what it wrote."""
    after = held if operation.asked is None else operation.asked
    return (after,) if operation.answer in (None, after) else ()


def by_brute_force(history: Sequence[Register]) -> bool:
    return any(_is_possible(order) for chosen in _with_any_of_the_unanswered(history) for order in permutations(chosen))


def _with_any_of_the_unanswered(history: Sequence[Register]) -> Iterator[tuple[Register, ...]]:
    answered = tuple(operation for operation in history if operation.answered is not None)
    open_ended = [operation for operation in history if operation.answered is None]
    for size in range(len(open_ended) + 1):
        for some in combinations(open_ended, size):
            yield answered + some


def _is_possible(order: Sequence[Register]) -> bool:
    for index, operation in enumerate(order):
        if any(later.answered is not None and later.answered < operation.invoked for later in order[index:]):
            return False
    held = 0
    for operation in order:
        followers = step(held, operation)
        if not followers:
            return False
        held = followers[0]
    return True


@st.composite
def histories(draw: st.DrawFn) -> list[Register]:
    size = draw(st.integers(0, 6))
    moments = draw(st.permutations(range(2 * size)))
    history: list[Register] = []
    for number in range(size):
        invoked, answered = sorted(moments[2 * number : 2 * number + 2])
        asked = draw(st.sampled_from((None, None, 1, 2)))
        if draw(st.integers(0, 5)) == 0:
            history.append(one(number, asked, None, invoked, None))
        else:
            answer = draw(st.sampled_from((0, 1, 2))) if asked is None else asked
            history.append(one(number, asked, answer, invoked, answered))
    return history


@given(histories())
def test_finds_what_trying_every_order_finds(history: list[Register]) -> None:
    assert linearize(history, 0, step).holds == by_brute_force(history)


@given(histories())
def test_an_order_that_it_finds_is_possible(history: list[Register]) -> None:
    finding = linearize(history, 0, step)
    if finding.holds:
        assert _is_possible(finding.order)
        assert {op.client for op in history if op.answered is not None} <= {op.client for op in finding.order}


def test_both_verdicts_are_among_the_histories_that_are_tried() -> None:
    assert find(histories(), lambda history: len(history) > 3 and not linearize(history, 0, step).holds)
    assert find(histories(), lambda history: len(history) > 3 and linearize(history, 0, step).holds)


def test_read_must_not_return_a_value_overwritten_before_it_started() -> None:
    written = [one(1, 1, 1, 0, 1), one(1, 2, 2, 2, 3)]
    finding = linearize([*written, stale := one(2, None, 1, 4, 5)], 0, step)
    assert (finding.order, finding.state, finding.stuck) == (tuple(written), 2, (stale,))


def test_read_concurrent_with_a_write_may_return_the_old_value() -> None:
    assert linearize([one(1, 1, 1, 0, 3), one(2, None, 0, 1, 2)], 0, step).holds
    assert linearize([one(1, 1, 1, 0, 3), one(2, None, 1, 1, 2)], 0, step).holds


def test_no_two_reads_may_see_a_write_come_and_go() -> None:
    write = one(1, 1, 1, 0, 9)
    assert not linearize([write, one(2, None, 1, 1, 2), one(2, None, 0, 3, 4)], 0, step).holds


def test_write_without_a_response_may_take_effect_late_or_never() -> None:
    lost = one(1, 1, None, 0, None)
    before, after = one(2, None, 0, 1, 2), one(2, None, 1, 3, 4)
    assert linearize([lost], 0, step).holds
    assert linearize([lost, before, after], 0, step).holds
    assert not linearize([lost, after, one(2, None, 0, 5, 6)], 0, step).holds
