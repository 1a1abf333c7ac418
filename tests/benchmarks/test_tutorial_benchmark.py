"""The benchmark of the tutorial runs to its end, and the figures in the tutorial have the form of its output. Sizes are
compared with the code: they do not depend on the machine.
"""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.tutorial import CHAPTERS, TITLES, size_of

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs" / "tutorials" / "from-one-file-to-layers.md").read_text("utf-8")
RATIO = r"\d+\.\d\d \(\d+\.\d\d to \d+\.\d\d\)"
FORMS = [r"\d\d-[a-z-]+", r"\d+", r"\d+", r"\d+", r"\d+ of \d+", RATIO, RATIO, RATIO, r"\d+ of \d+"]
COST = re.compile(
    r"\*\*Cost:\*\* (?P<files>\d+) files?, (?P<lines>\d+) lines, (?P<tests>\d+) lines of tests; "
    r"(?P<get>\d\.\d\d) of the CPU for a get, (?P<cancel>\d\.\d\d) for a cancel"
)


def table_in(text: str) -> dict[str, dict[str, str]]:
    """Return the rows of the table by their first cell, each cell by its title."""
    lines = [
        line for line in text.splitlines() if line.startswith("| chapter | files |") or re.match(r"\| \d\d-", line)
    ]
    header, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert tuple(header) == TITLES
    for row in rows:
        assert [cell for cell, form in zip(row, FORMS, strict=True) if not re.fullmatch(form, cell)] == []
    return {row[0]: dict(zip(TITLES, row, strict=True)) for row in rows}


def sizes_in(row: dict[str, str]) -> tuple[int, ...]:
    return tuple(int(row[title]) for title in ("files", "lines", "test lines"))


def test_reports_a_row_per_chapter() -> None:
    command = [sys.executable, "benchmarks/tutorial.py", "--rounds", "1", "--requests", "2"]
    chapters = ["00-one-file", "05-versions"]
    done = subprocess.run(
        [*command, "--chapters", *chapters], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows, shown = table_in(done.stdout), table_in(PAGE)
    assert list(rows) == chapters
    for chapter, row in rows.items():
        assert sizes_in(row) == size_of(chapter)
        assert row["without database"] == shown[chapter]["without database"]
    assert rows["00-one-file"]["get"] == "1.00 (1.00 to 1.00)"
    assert rows["00-one-file"]["both succeeded"] != "0 of 20"
    assert rows["05-versions"]["both succeeded"] == "0 of 20"
    assert [line.partition(":")[0] for line in done.stdout.splitlines()[-3:]] == [
        "1.00 test of a rule",
        "1.00 get",
        "1.00 cancel",
    ]


def test_table_of_the_page_has_the_sizes_of_the_chapters() -> None:
    rows = table_in(PAGE)
    assert list(rows) == CHAPTERS
    assert {chapter: sizes_in(row) for chapter, row in rows.items()} == {name: size_of(name) for name in CHAPTERS}
    assert {row["both succeeded"].split()[0] for name, row in rows.items() if name >= "05"} == {"0"}


def test_cost_of_each_chapter_is_its_difference_in_the_table() -> None:
    rows = table_in(PAGE)
    stated = [match.groups() for match in COST.finditer(PAGE)]
    assert len(stated) == len(CHAPTERS) - 1
    for before, after, cost in zip(CHAPTERS, CHAPTERS[1:], stated, strict=False):
        added = [str(new - old) for old, new in zip(size_of(before), size_of(after), strict=True)]
        assert cost == (*added, rows[after]["get"].split()[0], rows[after]["cancel"].split()[0]), after
    files, lines, tests = size_of(CHAPTERS[0])
    assert f"**Size:** {files} file, {lines} lines, {tests} lines of tests." in PAGE


def test_counts_of_tests_in_the_text_are_those_of_the_table() -> None:
    counts = {row["without database"] for row in table_in(PAGE).values()}
    assert set(re.findall(r"(\d+ of \d+) tests need no database", PAGE)) < counts
