"""A linearizability checker for short histories: the exact search of Wing and Gong, with memoization of the operations
done and the state reached.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Operation(Generic[Asked, Answer]):
    """A request of one client and its response, with the times of both on one clock for all clients.

    Without a response (`answered` is None) it may have taken effect at any later moment, or never.
    """

    client: int
    asked: Asked
    answer: Answer | None
    invoked: int
    answered: int | None


Step = Callable[[State, Operation[Asked, Answer]], Iterable[State]]
"""The sequential specification: the states after an operation with this response; none if it cannot have it."""


@dataclass(frozen=True, slots=True)
class Finding(Generic[State, Asked, Answer]):
    """The longest sequence of operations found and the state after it, and the operations whose time allows them to be
    next but whose response does not. There are none if the history is linearizable.
    """

    order: tuple[Operation[Asked, Answer], ...]
    state: State
    stuck: tuple[Operation[Asked, Answer], ...] = ()

    @property
    def holds(self) -> bool:
        """Return whether the history is linearizable."""
        return not self.stuck


def linearize(
    history: Sequence[Operation[Asked, Answer]], initial: State, step: Step[State, Asked, Answer]
) -> Finding[State, Asked, Answer]:
    """Search for a sequence in which each operation takes effect at a moment between its request and its response, and
    each response is the one of the specification.
    """
    search = _Search(history, initial, step)
    if search.reaches_the_end(0, initial):
        return Finding(tuple(search.path), search.state)
    done, path, state = search.longest
    return Finding(path, state, tuple(history[index] for index in search.may_come_next(done) if search.needs(index)))


class _Search(Generic[State, Asked, Answer]):
    """One search. A set of operations is a bit mask."""

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
        """Return whether all operations with a response can follow; `path` and `state` are then the result."""
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
        """Yield the remaining operations that were requested before any remaining one had its response."""
        left = [index for index in range(len(self.history)) if not done >> index & 1]
        answers = (self.history[index].answered for index in left)
        first = min((answered for answered in answers if answered is not None), default=None)
        for index in left:
            if first is None or self.history[index].invoked < first:
                yield index
