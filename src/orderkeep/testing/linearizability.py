"""Could these concurrent answers have been given one after the other? An exact search over short histories, as Wing and
Gong have it, that remembers which operations were done and what they led to, so that no way is tried twice.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Operation(Generic[Asked, Answer]):
    """What one client asked and heard, and from when to when, on one clock for all.

    Without an answer (`answered` is None) it may have had its effect at any moment since, or never.
    """

    client: int
    asked: Asked
    answer: Answer | None
    invoked: int
    answered: int | None


Step = Callable[[State, Operation[Asked, Answer]], Iterable[State]]
"""The sequential specification: the states that an operation with this answer may lead to; none if there is no way."""


@dataclass(frozen=True, slots=True)
class Finding(Generic[State, Asked, Answer]):
    """The longest way found to put the operations one after the other, where it leads to, and what could come next
    by its time but not with its answer. Nothing is left where the history holds.
    """

    order: tuple[Operation[Asked, Answer], ...]
    state: State
    stuck: tuple[Operation[Asked, Answer], ...] = ()

    @property
    def holds(self) -> bool:
        """Tell whether the history is linearizable."""
        return not self.stuck


def linearize(
    history: Sequence[Operation[Asked, Answer]], initial: State, step: Step[State, Asked, Answer]
) -> Finding[State, Asked, Answer]:
    """Look for an order of the operations in which each has its effect at one moment between question and answer, and
    each answer is the one that the specification gives.
    """
    search = _Search(history, initial, step)
    if search.reaches_the_end(0, initial):
        return Finding(tuple(search.path), search.state)
    done, path, state = search.longest
    return Finding(path, state, tuple(history[index] for index in search.may_come_next(done) if search.needs(index)))


class _Search(Generic[State, Asked, Answer]):
    """One search. Sets of operations are bits of a number."""

    def __init__(
        self, history: Sequence[Operation[Asked, Answer]], initial: State, step: Step[State, Asked, Answer]
    ) -> None:
        self.history, self.step = history, step
        self.needed = sum(1 << index for index, operation in enumerate(history) if operation.answered is not None)
        self.tried: set[tuple[int, State]] = set()
        self.path: list[Operation[Asked, Answer]] = []
        self.state = initial
        self.longest: tuple[int, tuple[Operation[Asked, Answer], ...], State] = (0, (), initial)

    def needs(self, index: int) -> bool:
        return bool(self.needed >> index & 1)

    def reaches_the_end(self, done: int, state: State) -> bool:
        """Tell whether all that was answered can follow; `path` and `state` are then how, and where it leads."""
        self.state = state
        if (done & self.needed).bit_count() > (self.longest[0] & self.needed).bit_count():
            self.longest = done, tuple(self.path), state
        if done & self.needed == self.needed:
            return True
        for index in self.may_come_next(done):
            for follower in self.step(state, self.history[index]):
                way = done | 1 << index, follower
                if way in self.tried:
                    continue
                self.tried.add(way)
                self.path.append(self.history[index])
                if self.reaches_the_end(*way):
                    return True
                self.path.pop()
        return False

    def may_come_next(self, done: int) -> Iterator[int]:
        """Yield what was asked before anything that is left was answered."""
        left = [index for index in range(len(self.history)) if not done >> index & 1]
        answers = (self.history[index].answered for index in left)
        first = min((answered for answered in answers if answered is not None), default=None)
        for index in left:
            if first is None or self.history[index].invoked < first:
                yield index
