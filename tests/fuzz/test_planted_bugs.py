"""A fuzzer that finds nothing guards nothing: each target finds a bug that is planted in what it looks at, and that
what it begins with does not show.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import not_here
from tests.fuzz.one_target import NAMES, load
from tests.fuzz.run import CHECKOUT, HAS_WHEEL, run
from tests.planting import Bug, planted

SECONDS = 60
"""The most that one is looked for; they are found in less than ten."""

BUGS = {
    "json_reader": Bug(
        "application/strict_json.py", "number in _INFINITE:", "number in _INFINITE and len(digits) < 6:"
    ),
    "order_bodies": Bug("entrypoints/field_errors.py", '.replace("/", "~1")', ""),
    "cursors": Bug("application/cursors.py", "position.created_at.tzinfo != UTC or", ""),
    "entity_tags": Bug("entrypoints/api/routing.py", "value.strip(WHITESPACE)) for", "value.strip()) for"),
    "idempotency_keys": Bug("entrypoints/api/dependencies.py", r"[ -~]{0,254}", r"[ -\x7f]{0,254}"),
    "query_parameters": Bug("entrypoints/api/routing.py", "keep_blank_values=True", "keep_blank_values=False"),
    "order_files": Bug("entrypoints/order_files/formats.py", "_INTEGER.fullmatch(cell)", "_INTEGER.match(cell)"),
}
HANG = Bug(
    "application/strict_json.py", "    return int(digits)\n", "    while digits == '7': pass\n    return int(digits)\n"
)


def need_atheris() -> None:
    if find_spec("atheris") is None:
        if HAS_WHEEL:
            pytest.fail("atheris is not installed: run make setup", pytrace=False)
        not_here("there is no wheel of atheris for this platform")


def test_every_target_has_its_bug() -> None:
    assert set(BUGS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_finds_a_planted_bug(name: str, tmp_path: Path) -> None:
    need_atheris()
    path = planted(tmp_path, BUGS[name])
    files = [tmp_path / str(number) for number in range(len(load(name).SEEDS))]
    for file, seed in zip(files, load(name).SEEDS, strict=True):
        file.write_bytes(seed)
    command = [sys.executable, "-m", "tests.fuzz.one_target", name, *map(str, files)]
    subprocess.run(command, cwd=CHECKOUT, env={"PYTHONPATH": path}, check=True)

    found = run(name, SECONDS, tmp_path / "kept", path=path)
    assert not found.ok
    (broken,) = (tmp_path / "kept" / "broken").iterdir()
    assert "Uncaught Python exception" in found.output
    again = subprocess.run([*command[: -len(files)], str(broken)], cwd=CHECKOUT, env={"PYTHONPATH": path}, check=False)
    assert again.returncode != 0, "what was found cannot be shown again"


def test_finds_an_input_that_is_never_done(tmp_path: Path) -> None:
    need_atheris()
    found = run("json_reader", SECONDS, tmp_path / "kept", path=planted(tmp_path, HANG), options=("-timeout=1",))
    assert not found.ok
    assert "timeout" in found.output
