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
        while index < len(lines) and (written[-1].endswith("\\") or f"{lines[index]} ".startswith(CONTINUED)):
            written.append("" if f"{lines[index]} " == CONTINUED else lines[index].removeprefix(CONTINUED))
            index += 1
        shown = []
        while index < len(lines) and not lines[index].startswith(PROMPT):
            shown.append(lines[index])
            index += 1
        yield Command(place, "\n".join(written), tuple(shown))


def matches(shown: tuple[str, ...], printed: str) -> bool:
    """Tell whether what is shown is what was printed: line by line, `…` for any text, and alone for any lines.

    How many blanks stand between words is no matter: columns are as wide as what is in them.
    """
    pattern = "".join(
        r"(?:[^\n]*\n)*?" if line == "…" else re.escape(line).replace("…", r"[^\n]*?") + r"\n"
        for line in _told(list(shown))
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _told(printed.splitlines()))) is not None


def _told(lines: list[str]) -> list[str]:
    told = [" ".join(line.split()) for line in lines]
    kept = [index for index, line in enumerate(told) if line]
    return told[kept[0] : kept[-1] + 1] if kept else []
