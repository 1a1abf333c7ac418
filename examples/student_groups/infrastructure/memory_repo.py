"""Classes in memory, for tests."""

from examples.student_groups.domain.entities import SchoolClass
from examples.student_groups.domain.repositories import ClassRepository


class InMemoryClassRepository(ClassRepository):
    def __init__(self, *classes: SchoolClass) -> None:
        self._classes = {school_class.name: school_class for school_class in classes}

    def get_by_name(self, name: str) -> SchoolClass | None:
        return self._classes.get(name)

    def names(self) -> list[str]:
        return sorted(self._classes)
