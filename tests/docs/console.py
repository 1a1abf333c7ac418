"""Console blocks: commands behind `$ `, and below each what it prints, with `…` for whatever may differ."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.docs.pages import Block

PROMPT = "$ "
CONTINUED = "> "


@dataclass(frozen=True)
class Command:
    """One command of a page, and the lines that the page shows below it."""

    place: str
    text: str
    shown: tuple[str, ...]


def commands_of(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block. A line that ends in a backslash goes on in the next, as does `> `."""
    lines = block.text.splitlines()
    index = 0
    while index < len(lines):
        if not lines[index].startswith(PROMPT):
            raise ValueError(f"{block.place}: a console block begins with a command: {lines[index]!r}")
        place = f"{block.page.name}:{block.line + 1 + index}"
        written, index = [lines[index].removeprefix(PROMPT)], index + 1
        while index < len(lines) and (written[-1].endswith("\\") or lines[index].startswith(CONTINUED)):
            written.append(lines[index].removeprefix(CONTINUED))
            index += 1
        shown = []
        while index < len(lines) and not lines[index].startswith(PROMPT):
            shown.append(lines[index])
            index += 1
        yield Command(place, "\n".join(written), tuple(shown))


def matches(shown: tuple[str, ...], printed: str) -> bool:
    """Tell whether what is shown is what was printed: line by line, `…` for any text, and alone for any lines."""
    pattern = "".join(
        r"(?:[^\n]*\n)*?" if line.strip() == "…" else re.escape(line.rstrip()).replace("…", r"[^\n]*?") + r"\n"
        for line in _without_blank_ends(list(shown))
    )
    found = "".join(f"{line.rstrip()}\n" for line in _without_blank_ends(printed.splitlines()))
    return re.fullmatch(pattern, found) is not None


def _without_blank_ends(lines: list[str]) -> list[str]:
    kept = [index for index, line in enumerate(lines) if line.strip()]
    return lines[kept[0] : kept[-1] + 1] if kept else []
