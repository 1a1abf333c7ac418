"""Every target holds for what it begins with, on any platform; and where there is no fuzzer, that is said."""

import pytest

from tests.fuzz import run
from tests.fuzz.one_target import NAMES, load


@pytest.mark.parametrize("name", NAMES)
def test_what_a_target_begins_with_breaks_nothing(name: str) -> None:
    target = load(name)
    assert len(set(target.SEEDS)) == len(target.SEEDS) > 3
    assert len(set(target.TOKENS)) == len(target.TOKENS) > 3
    for seed in target.SEEDS:
        target.check(seed)


@pytest.mark.parametrize("has_wheel, word", [(False, "there is no wheel of it for"), (True, "make setup installs it")])
def test_says_where_nothing_was_fuzzed(
    has_wheel: bool, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: None)
    monkeypatch.setattr(run, "HAS_WHEEL", has_wheel)
    monkeypatch.setattr("sys.argv", ["run"])
    assert run.main() == has_wheel, "no wheel is no failure; an installation that was forgotten is one"
    said = capsys.readouterr().out
    assert said.startswith("NOT FUZZED")
    assert word in said
