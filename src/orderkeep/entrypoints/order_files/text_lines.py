"""The lines of a file as text, each with its number, and with what is wrong with it as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from orderkeep.application.use_cases import ImportProblem

LONGEST_LINE = 1024 * 1024
"""In bytes. The largest order there can be, as `export` writes it, is shorter."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line with its end. What was no text in it has been replaced, so that the lines behind it can be read."""

    number: int
    text: str
    problem: ImportProblem | None = None


def read_text_lines(file: IO[bytes], on_bytes: Callable[[int], object]) -> Iterator[TextLine]:
    """Yield the lines of a UTF-8 file, with or without a byte order mark. `on_bytes` is told how many were read."""
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        on_bytes(len(raw))
        if len(raw) > LONGEST_LINE:
            message = f"is longer than {LONGEST_LINE:,} bytes: the file was not read further"
            yield TextLine(number, "", ImportProblem(number, "", "line_too_long", message))
            return
        yield _text_line(number, raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw)


def _text_line(number: int, raw: bytes) -> TextLine:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        problem = ImportProblem(number, "", "not_utf8", f"is not UTF-8 at byte {error.start + 1} of the line")
        return TextLine(number, raw.decode(errors="replace"), problem)
    if "\0" in text:
        return TextLine(number, text.replace("\0", "�"), ImportProblem(number, "", "nul", "holds a NUL character"))
    return TextLine(number, text)
