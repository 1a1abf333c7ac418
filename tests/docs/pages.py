"""The pages of the documentation, and the fenced blocks in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
AT_THE_TOP = [CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
READMES = [path for folder in ("clients", "examples") for path in sorted(CHECKOUT.glob(f"{folder}/*/README.md"))]
PAGES = [*AT_THE_TOP, *READMES, *sorted((CHECKOUT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>.*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, its language, what else its fence says, and its text."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    @property
    def place(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """Return a page's path as a reader of the repository sees it."""
    return str(page.relative_to(CHECKOUT)) if page.is_relative_to(CHECKOUT) else str(page)


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page, in order. A fence that is never closed is an error."""
    opened: tuple[int, str, str] | None = None
    held: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if fence and opened is None:
            opened, held = (number, fence["info"].strip(), fence["indent"]), []
        elif fence and opened is not None:
            start, info, indent = opened
            language, _, title = info.partition(" ")
            text = "\n".join(kept.removeprefix(indent) for kept in held)
            yield Block(page, start, language, title.strip(), text)
            opened = None
        else:
            held.append(line)
    if opened is not None:
        raise ValueError(f"{name_of(page)}:{opened[0]}: this fence is never closed")


def prose_of(page: Path) -> str:
    """Return a page without its fenced blocks, line numbers kept."""
    kept, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        is_fence = _FENCE.match(line) is not None
        kept.append("" if inside or is_fence else line)
        inside ^= is_fence
    return "\n".join(kept)
