"""The composition root: the only module that knows a repository."""

from pathlib import Path

from examples.student_groups.application.use_cases import FormGroupsUseCase, ListClassesUseCase
from examples.student_groups.domain.repositories import ClassRepository
from examples.student_groups.infrastructure.file_repo import FileClassRepository


class UseCases:
    def __init__(self, repo: ClassRepository) -> None:
        self.form_groups = FormGroupsUseCase(repo)
        self.list_classes = ListClassesUseCase(repo)


def bootstrap(folder: Path) -> UseCases:
    return UseCases(FileClassRepository(folder))
