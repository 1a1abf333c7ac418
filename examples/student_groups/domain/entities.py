"""The class, and the rules for its groups."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from examples.student_groups.domain.exceptions import ImpossibleGroups, InvalidClass

MOST_STUDENTS = 100

Names = tuple[str, ...]


@dataclass(frozen=True)
class SchoolClass:
    """Students, and who must be in the same group, or in different groups."""

    name: str
    students: Names
    together: tuple[Names, ...] = ()
    apart: tuple[Names, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.students) <= MOST_STUDENTS:
            raise InvalidClass(f"{self.name}: {len(self.students)} students: must be 1 to {MOST_STUDENTS}")
        if twice := {name for name in self.students if self.students.count(name) > 1}:
            raise InvalidClass(f"{self.name}: listed twice: {', '.join(sorted(twice))}. Add a surname")
        for rule in (*self.together, *self.apart):
            if unknown := [name for name in rule if name not in self.students]:
                raise InvalidClass(f"{self.name}: in a rule, but not in the class: {', '.join(unknown)}")
            if len(set(rule)) < len(rule) or len(rule) < 2:
                raise InvalidClass(f"{self.name}: a rule is about two or more different students: {', '.join(rule)}")

    def blocks(self) -> list[Names]:
        """Return the students who must be together: each student is in one block, most of them alone."""
        blocks: dict[str, Names] = {name: (name,) for name in self.students}
        for first, *others in self.together:
            for other in others:
                if other not in blocks[first]:
                    merged = blocks[first] + blocks[other]
                    blocks |= dict.fromkeys(merged, merged)
        return list(dict.fromkeys(blocks.values()))

    def pairs_apart(self) -> Iterator[tuple[str, str]]:
        for rule in self.apart:
            yield from combinations(rule, 2)

    def sizes(self, count: int) -> list[int]:
        """Return the sizes of that many groups: they differ by at most one."""
        students = len(self.students)
        if not 1 <= count <= students:
            raise ImpossibleGroups(f"{self.name} has {students} students: form 1 to {students} groups, not {count}")
        return [students // count + (number < students % count) for number in range(count)]
