"""What a build may copy: the checkout, without what .dockerignore leaves out."""

import re
from fnmatch import translate
from pathlib import Path, PurePosixPath


class BuildContext:
    """A folder as a builder sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ignored = folder / ".dockerignore"
        lines = ignored.read_text(encoding="utf-8").splitlines() if ignored.exists() else []
        self._rules = [_rule(line.strip()) for line in lines if line.strip() and not line.startswith("#")]

    def find(self, pattern: str) -> list[Path]:
        """Return the files that a source of COPY names, paths within the context."""
        name = PurePosixPath(pattern)
        if name.is_absolute() or ".." in name.parts:
            raise FileNotFoundError(f"{pattern} is outside the build context")
        found = sorted(self.folder.glob(pattern))
        files = [file for one in found for file in (sorted(one.rglob("*")) if one.is_dir() else [one])]
        return [file for file in files if not file.is_dir() and self.has(file.relative_to(self.folder))]

    def has(self, path: Path) -> bool:
        """Tell whether a file goes to the builder: the last rule that names it, or a folder above it, decides."""
        names = ["/".join(path.parts[:depth]) for depth in range(1, len(path.parts) + 1)]
        has = True
        for matches, kept in self._rules:
            if any(matches.fullmatch(name) for name in names):
                has = kept
        return has


def _rule(line: str) -> tuple[re.Pattern[str], bool]:
    kept, pattern = line.startswith("!"), line.removeprefix("!").strip("/")
    if pattern.startswith("**/"):
        return re.compile(f"(?:.*/)?{_name(pattern.removeprefix('**/'))}"), kept
    return re.compile("/".join(map(_name, pattern.split("/")))), kept


def _name(pattern: str) -> str:
    if "**" in pattern or "[" in pattern:
        raise ValueError(f"{pattern} in .dockerignore is not known here")
    return translate(pattern).removeprefix("(?s:").removesuffix(")\\Z").removesuffix(")\\z").replace(".*", "[^/]*")
