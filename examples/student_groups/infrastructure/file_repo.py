"""Classes in text files: a student a line, and rules such as `apart: Anna, Ben`. `#` begins a comment."""

from pathlib import Path

from examples.student_groups.domain.entities import Names, SchoolClass
from examples.student_groups.domain.repositories import ClassRepository


class FileClassRepository(ClassRepository):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get_by_name(self, name: str) -> SchoolClass | None:
        if name not in self.names():  # not a path: a name from a URL must not lead out of the folder
            return None
        return parsed(name, (self.folder / f"{name}.txt").read_text("utf-8"))

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.txt"))


def parsed(name: str, text: str) -> SchoolClass:
    students: list[str] = []
    rules: dict[str, list[Names]] = {"together": [], "apart": []}
    for line in text.splitlines():
        content = line.partition("#")[0].strip()
        kind, colon, names = content.partition(":")
        if colon and kind in rules:
            rules[kind].append(tuple(name.strip() for name in names.split(",")))
        elif content:
            students.append(content)
    return SchoolClass(name, tuple(students), tuple(rules["together"]), tuple(rules["apart"]))
