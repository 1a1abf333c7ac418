"""One target in a process of its own: `python -m tests.fuzz.one_target TARGET FILE` shows again what a file does, on
any platform; with options of libFuzzer's behind the name, atheris looks for such files.
"""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

TARGETS = Path(__file__).with_name("targets")
NAMES = sorted(path.stem for path in TARGETS.glob("*.py"))
SLOWEST = 10
"""Seconds that one input may take. They take less than a thousandth of it."""


def load(name: str) -> ModuleType:
    """Return the target: its `check`, what it begins with (`SEEDS`), and words that it knows (`TOKENS`)."""
    return import_module(f"tests.fuzz.targets.{name}")


def look(name: str, options: list[str]) -> None:
    """Run atheris until it finds something, or its time is over. It ends the process."""
    import atheris

    with atheris.instrument_imports(include=["orderkeep", "tests.fuzz"]):
        target = load(name)
    limits = [f"-timeout={SLOWEST}", "-rss_limit_mb=1024", "-max_len=4096", "-len_control=20", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, *options], target.check)
    atheris.Fuzz()


def main(name: str, *rest: str) -> None:
    """Read the command line."""
    if rest and not rest[0].startswith("-"):
        for file in rest:
            load(name).check(Path(file).read_bytes())
    else:
        look(name, list(rest))


if __name__ == "__main__":
    main(*sys.argv[1:])
