"""The student groups example: even groups that follow the rules, its entrypoints, its size and its import contracts."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random

import pytest
from httpx import ASGITransport, AsyncClient, Response
from hypothesis import given
from hypothesis import strategies as st

from examples.student_groups.application.use_cases import FormGroupsUseCase
from examples.student_groups.bootstrap import UseCases, bootstrap
from examples.student_groups.domain import grouping
from examples.student_groups.domain.entities import MOST_STUDENTS, Names, SchoolClass
from examples.student_groups.domain.exceptions import ClassNotFound, GroupsError, ImpossibleGroups, InvalidClass
from examples.student_groups.domain.grouping import form_groups
from examples.student_groups.entrypoints.cli import main
from examples.student_groups.entrypoints.web import create_app
from examples.student_groups.infrastructure.file_repo import FileClassRepository, parsed
from examples.student_groups.infrastructure.memory_repo import InMemoryClassRepository

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples" / "student_groups"
CLASS_7B = SchoolClass(
    "7b", ("Anna", "Ben", "Cleo", "Dan", "Eva"), together=(("Anna", "Eva"),), apart=(("Ben", "Dan"),)
)
USE_CASES = UseCases(InMemoryClassRepository(CLASS_7B, SchoolClass("<i>", ("<script>", "B & C"))))


def follows_rules(groups: list[Names], school_class: SchoolClass) -> bool:
    group_of = {name: number for number, group in enumerate(groups) for name in group}
    are_together = all(len({group_of[name] for name in rule}) == 1 for rule in school_class.together)
    return are_together and all(group_of[one] != group_of[other] for one, other in school_class.pairs_apart())


def all_groups(students: Names, sizes: list[int]) -> Iterator[list[Names]]:
    """Yield every way to divide the students into groups of these sizes."""
    if not sizes:
        yield []
        return
    for first in combinations(students, sizes[0]):
        rest = tuple(name for name in students if name not in first)
        yield from ([first, *others] for others in all_groups(rest, sizes[1:]))


rules = st.lists(st.lists(st.sampled_from("ABCDEFG"), min_size=2, max_size=3, unique=True).map(tuple), max_size=3)


@given(together=rules, apart=rules, count=st.integers(1, 7), seed=st.integers())
def test_groups_are_even_and_follow_all_rules_or_none_exist(
    together: list[Names], apart: list[Names], count: int, seed: int
) -> None:
    school_class = SchoolClass("7b", tuple("ABCDEFG"), tuple(together), tuple(apart))
    sizes = school_class.sizes(count)
    try:
        groups = form_groups(school_class, count, Random(seed))
    except ImpossibleGroups:
        assert not any(follows_rules(other, school_class) for other in all_groups(school_class.students, sizes))
        return
    assert sorted(name for group in groups for name in group) == list("ABCDEFG")
    assert [len(group) for group in groups] == sizes
    assert max(sizes) - min(sizes) <= 1
    assert follows_rules(groups, school_class)


def test_same_seed_forms_same_groups_and_others_differ() -> None:
    school_class = SchoolClass("7b", tuple("ABCDEFGHIJ"))
    formed = [form_groups(school_class, 3, Random(seed)) for seed in (1, 1, 2, 3)]
    assert formed[0] == formed[1]
    assert formed[0] != formed[2] != formed[3]


def test_any_two_students_meet_equally_often() -> None:
    school_class = SchoolClass("7b", tuple("ABCD"))
    groups = [group for seed in range(600) for group in form_groups(school_class, 2, Random(seed))]
    met = Counter(groups)
    assert met.keys() == set(combinations("ABCD", 2))
    assert all(150 < times < 250 for times in met.values())


def test_students_who_must_be_together_meet_others_who_must() -> None:
    school_class = SchoolClass("7b", tuple("ABCDEFGH"), together=(("A", "B"), ("C", "D")))
    groups = [group for seed in range(40) for group in form_groups(school_class, 2, Random(seed)) if "A" in group]
    assert {"C" in group for group in groups} == {True, False}


@pytest.mark.parametrize(
    "together, apart, count, message",
    [
        ([("A", "B", "C")], [], 2, "Must be together: A, B, C. A group has at most 2: form fewer groups"),
        ([("A", "B"), ("B", "C")], [], 2, "Must be together: A, B, C. A group has at most 2: form fewer groups"),
        ([("A", "B")], [("B", "A")], 2, "B and A must be together and apart: remove one of the rules"),
        ([], [("A", "B", "C")], 2, "2 groups cannot follow all rules: form more groups, or remove a rule"),
        ([], [], 0, "7b has 4 students: form 1 to 4 groups, not 0"),
        ([], [], 5, "7b has 4 students: form 1 to 4 groups, not 5"),
    ],
)
def test_impossible_groups_are_rejected_with_the_reason(
    together: list[Names], apart: list[Names], count: int, message: str
) -> None:
    school_class = SchoolClass("7b", tuple("ABCD"), tuple(together), tuple(apart))
    with pytest.raises(ImpossibleGroups, match=f"^{re.escape(message)}$"):
        form_groups(school_class, count, Random(1))


@pytest.mark.parametrize(
    "students, rule, message",
    [
        ((), (), "7b: 0 students"),
        (tuple(f"{number}" for number in range(MOST_STUDENTS + 1)), (), "7b: 101 students"),
        (("Anna", "Ben", "Anna"), (), "listed twice: Anna"),
        (("Anna", "Ben"), (("Anna", "Zoe"),), "not in the class: Zoe"),
        (("Anna", "Ben"), (("Anna",),), "two or more different students: Anna"),
        (("Anna", "Ben"), (("Anna", "Anna"),), "two or more different students: Anna, Anna"),
    ],
)
def test_invalid_class_is_rejected(students: Names, rule: tuple[Names, ...], message: str) -> None:
    for rules in ({"together": rule}, {"apart": rule}):
        with pytest.raises(InvalidClass, match=message):
            SchoolClass("7b", students, **rules)


def test_search_ends_after_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "MOST_STEPS", 3)
    with pytest.raises(GroupsError, match="No groups found in 3 steps: try another seed"):
        form_groups(SchoolClass("7b", tuple("ABCDEF")), 2, Random(1))


def test_largest_class_has_groups() -> None:
    students = tuple(f"student {number}" for number in range(MOST_STUDENTS))
    school_class = SchoolClass("8c", students, apart=(students[:20],), together=(students[30:34], students[40:44]))
    assert follows_rules(form_groups(school_class, 25, Random(1)), school_class)


def test_unknown_class_is_not_found() -> None:
    with pytest.raises(ClassNotFound, match=r"^Class not found: 8c\. Known classes: 7b$"):
        FormGroupsUseCase(InMemoryClassRepository(CLASS_7B)).execute("8c", 2, seed=1)


def test_text_file_has_students_rules_and_comments() -> None:
    text = "# 7b\nAnna\n  Ben # plays chess\n\nCleo\nDan\nEva\ntogether: Anna, Eva\napart:Ben,Dan\n"
    assert parsed("7b", text) == CLASS_7B


def test_folder_has_a_class_per_file_and_no_path_leads_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "classes").mkdir()
    (tmp_path / "secret.txt").write_text("Anna\n", "utf-8")
    (tmp_path / "classes" / "7b.txt").write_text("Jos\u00e9\n", "utf-8")
    repo = FileClassRepository(tmp_path / "classes")
    assert repo.names() == ["7b"]
    assert repo.get_by_name("7b") == SchoolClass("7b", ("Jos\u00e9",))
    assert repo.get_by_name("../secret") is None


async def page(**query: str | int) -> Response:
    async with AsyncClient(transport=ASGITransport(create_app(USE_CASES)), base_url="http://page") as client:
        return await client.get("/", params=query)


async def test_page_has_the_groups_as_tables() -> None:
    response = await page(class_name="7b", count=2, seed=42)
    groups = [re.findall("<td>(.+?)</td>", table) for table in re.findall("<table>.+?</table>", response.text)]
    assert [tuple(group) for group in groups] == USE_CASES.form_groups.execute("7b", 2, seed=42)
    assert "<option selected>7b</option>" in response.text
    assert 'name="seed" type="number" value="42"' in response.text


async def test_page_escapes_all_texts() -> None:
    response = await page(class_name="<i>", count=1)
    assert "<td>&lt;script&gt;</td>" in response.text
    assert "<td>B &amp; C</td>" in response.text
    assert "<option selected>&lt;i&gt;</option>" in response.text
    unknown = await page(class_name="<b>")
    assert unknown.status_code == 404
    assert "Class not found: &lt;b&gt;" in unknown.text
    assert "<b>" not in unknown.text


async def test_page_shows_why_groups_are_impossible() -> None:
    response = await page(class_name="7b", count=9)
    assert response.status_code == 422
    assert "7b has 5 students: form 1 to 5 groups, not 9" in response.text
    assert (await page()).status_code == 200


def test_command_prints_groups_or_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["form", "7b", "--groups", "2", "--seed", "42"], USE_CASES) == 0
    first, second = USE_CASES.form_groups.execute("7b", 2, seed=42)
    assert capsys.readouterr().out == f"Group 1: {', '.join(first)}\nGroup 2: {', '.join(second)}\n"
    assert main(["form", "7b", "--groups", "9"], USE_CASES) == 1
    assert capsys.readouterr().err == "7b has 5 students: form 1 to 5 groups, not 9\n"


def test_sample_class_is_valid() -> None:
    use_cases = bootstrap(EXAMPLE / "classes")
    assert use_cases.list_classes.execute() == ["7b"]
    assert len(use_cases.form_groups.execute("7b", 4, seed=42)) == 4


def test_has_at_most_400_lines_in_all() -> None:
    """README, contracts and sample included, and blank lines; these tests are not."""
    files = [path for path in EXAMPLE.rglob("*.*") if path.suffix in {".md", ".py", ".toml", ".txt"}]
    assert sum(len(file.read_text("utf-8").splitlines()) for file in files) <= 400


INWARD = "Dependencies point inward"
STANDARD_LIBRARY = "Domain and application import the standard library only"
REPOSITORIES = "Only bootstrap imports the repositories"
FASTAPI = "Only the entrypoints import FastAPI"
VIOLATIONS = [
    ("", "", set[str]()),
    ("domain/entities.py", "import examples.student_groups.application.use_cases", {INWARD}),
    ("not_in_any_layer.py", "", {INWARD}),
    ("domain/grouping.py", "import pydantic", {STANDARD_LIBRARY}),
    ("application/use_cases.py", "import fastapi", {STANDARD_LIBRARY, FASTAPI}),
    ("entrypoints/web.py", "import examples.student_groups.infrastructure.file_repo", {REPOSITORIES}),
]


@pytest.mark.parametrize("file, line, contracts", VIOLATIONS, ids=[file or "none" for file, _, _ in VIOLATIONS])
def test_planted_violation_breaks_exactly_its_contracts(
    tmp_path: Path, file: str, line: str, contracts: set[str]
) -> None:
    copy = shutil.copytree(EXAMPLE, tmp_path / "examples" / "student_groups")
    shutil.copytree(CHECKOUT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("*[!y]", "node_modules"))
    if file:
        with (copy / file).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    lint = str(Path(sys.executable).with_name("lint-imports"))
    command = [lint, "--no-cache", "--config", "examples/student_groups/pyproject.toml"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)", printed, flags=re.MULTILINE))
    assert verdicts.keys() == {INWARD, STANDARD_LIBRARY, REPOSITORIES, FASTAPI}, printed
    assert {name for name, verdict in verdicts.items() if verdict == "BROKEN"} == contracts, printed
