"""What the program does. Randomness is the caller's seed: the same request returns the same groups."""

from random import Random

from examples.student_groups.domain.entities import Names
from examples.student_groups.domain.exceptions import ClassNotFound
from examples.student_groups.domain.grouping import form_groups
from examples.student_groups.domain.repositories import ClassRepository


class FormGroupsUseCase:
    def __init__(self, repo: ClassRepository) -> None:
        self.repo = repo

    def execute(self, class_name: str, count: int, seed: int) -> list[Names]:
        school_class = self.repo.get_by_name(class_name)
        if school_class is None:
            raise ClassNotFound(f"Class not found: {class_name}. Known classes: {', '.join(self.repo.names())}")
        return form_groups(school_class, count, Random(seed))  # noqa: S311 - not a secret


class ListClassesUseCase:
    def __init__(self, repo: ClassRepository) -> None:
        self.repo = repo

    def execute(self) -> list[str]:
        return self.repo.names()
