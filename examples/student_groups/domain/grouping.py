"""Forms random groups that are as even as possible and follow all rules of the class."""

from random import Random

from examples.student_groups.domain.entities import Names, SchoolClass
from examples.student_groups.domain.exceptions import GroupsError, ImpossibleGroups

MOST_STEPS = 2_000


def form_groups(school_class: SchoolClass, count: int, random: Random) -> list[Names]:
    """Return that many groups; the same state of `random` returns the same groups. Raises `ImpossibleGroups` if no
    groups follow all rules: all possibilities are tried.
    """
    sizes = school_class.sizes(count)
    blocks = school_class.blocks()
    for block in blocks:
        if len(block) > sizes[0]:
            names = ", ".join(block)
            raise ImpossibleGroups(f"Must be together: {names}. A group has at most {sizes[0]}: form fewer groups")
        for first, second in school_class.pairs_apart():
            if first in block and second in block:
                raise ImpossibleGroups(f"{first} and {second} must be together and apart: remove one of the rules")
    random.shuffle(blocks)
    search = _Search(sizes, {frozenset(pair) for pair in school_class.pairs_apart()}, random)
    if not search.place(blocks):
        raise ImpossibleGroups(f"{count} groups cannot follow all rules: form more groups, or remove a rule")
    return [tuple(sorted(group)) for group in search.groups]


class _Search:
    """Tries to place all blocks, the one with the fewest possible groups first."""

    def __init__(self, sizes: list[int], apart: set[frozenset[str]], random: Random) -> None:
        self.sizes, self.apart, self.random = sizes, apart, random
        self.groups: list[list[str]] = [[] for _ in sizes]
        self.steps = 0

    def place(self, blocks: list[Names]) -> bool:
        if not blocks:
            return True
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise GroupsError(f"No groups found in {MOST_STEPS:,} steps: try another seed, or remove a rule")
        block = min(blocks, key=lambda block: (len(self._candidates(block)), -len(block)))
        rest = [other for other in blocks if other is not block]
        candidates = self._candidates(block)
        self.random.shuffle(candidates)
        tried_empty = set[int]()
        for number in candidates:
            group, size = self.groups[number], self.sizes[number]
            if group or size not in tried_empty:  # empty groups of one size are the same
                tried_empty |= set() if group else {size}
                group.extend(block)
                if self.place(rest):
                    return True
                del group[-len(block) :]
        return False

    def _candidates(self, block: Names) -> list[int]:
        """Return the groups in which the block has a place, and no one from whom it must be apart."""
        return [
            number
            for number, group in enumerate(self.groups)
            if len(group) + len(block) <= self.sizes[number]
            and not any({student, other} in self.apart for student in block for other in group)
        ]
