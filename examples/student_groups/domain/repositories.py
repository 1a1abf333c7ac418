"""The repository port: where classes come from."""

from abc import ABC, abstractmethod

from examples.student_groups.domain.entities import SchoolClass


class ClassRepository(ABC):
    @abstractmethod
    def get_by_name(self, name: str) -> SchoolClass | None: ...

    @abstractmethod
    def names(self) -> list[str]: ...
