"""Makes the Lambda packages: one zip for each architecture, and beside it the template that deploys that zip.

What runs on Lambda is locked in requirements/lambda.txt. It is fetched once, by set-up, with its hashes checked, and
kept unpacked; a build takes what is needed of it and needs no network. Byte code is written by the Python that the
package is for: name it with LAMBDA_PYTHON. The same checkout and Python give the same zip, byte for byte.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from tools.lambda_files import LEFT_OUT, compile_sources, pack, shrink

CHECKOUT = Path(__file__).parents[1]
LOCK = CHECKOUT / "requirements" / "lambda.txt"
SOURCE = CHECKOUT / "src"
TEMPLATE = CHECKOUT / "deploy" / "lambda" / "template.yaml"
FETCHED = CHECKOUT / ".lambda-packages"
DIST = CHECKOUT / "dist"

PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's names of the architectures, and those that wheels have."""

C_LIBRARY = {"3.11": (2, 26), "3.12": (2, 34), "3.13": (2, 34), "3.14": (2, 34)}
"""The Pythons that Lambda has, and the version of glibc that each of its runtimes comes with."""

MEGABYTE = 1024**2
"""As Lambda counts."""


class CannotBuild(Exception):
    """The package cannot be made; the message says why, and what to do."""


class NoSuchRuntime(CannotBuild):
    """Lambda has no such Python."""


@dataclass(frozen=True)
class Target:
    """What a package is for: an architecture, and a Python that Lambda has."""

    architecture: str
    python: str

    @property
    def runtime(self) -> str:
        """Lambda's name of the Python."""
        return f"python{self.python}"

    @property
    def fetched(self) -> Path:
        """Where what was fetched for it is kept."""
        return FETCHED / f"{self.runtime}-{self.architecture}"


def version_of(python: str) -> str:
    """Return the version of an interpreter, such as 3.13. Raises `CannotBuild`, and `NoSuchRuntime`."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        asked = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotBuild(f"{python} is no Python that runs here: name another with LAMBDA_PYTHON=…") from error
    version = asked.stdout.strip()
    if version not in C_LIBRARY:
        raise NoSuchRuntime(f"Lambda has Python {', '.join(C_LIBRARY)} and no {version}: name one with LAMBDA_PYTHON=…")
    return version


def fetch(target: Target) -> None:
    """Fetch what is locked for the target, unless it is there. Raises `CannotBuild`."""
    note = target.fetched / ".lock"
    locked = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if note.exists() and note.read_text(encoding="utf-8") == locked:
        return
    shutil.rmtree(target.fetched, ignore_errors=True)
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--link-mode", "copy"]
    options += ["--python", sys.executable, "--python-version", target.python]
    options += [
        "--python-platform",
        f"{PLATFORMS[target.architecture]}-manylinux_2_28",
        "--target",
        str(target.fetched),
    ]
    uv = Path(sys.executable).with_name("uv")
    got = subprocess.run([uv, "pip", "install", *options, "-r", LOCK], capture_output=True, text=True, check=False)
    if got.returncode:
        raise CannotBuild(f"the packages for {target.architecture} cannot be fetched:\n{got.stderr}")
    refuse_newer_c_library(target)
    note.write_text(locked, encoding="utf-8")


def build(target: Target, python: str, folder: Path = DIST) -> Path:
    """Make the zip and its template, and return the zip. Raises `CannotBuild`."""
    fetch(target)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"orderkeep-lambda-{target.architecture}.zip"
    with tempfile.TemporaryDirectory(prefix="orderkeep-lambda-") as made:
        tree = Path(made)
        _lay_out(target, tree)
        try:
            compile_sources(tree, python)
        except subprocess.CalledProcessError as error:
            raise CannotBuild(f"the byte code cannot be written:\n{error.stderr}") from error
        pack(tree, archive)
    text = template_for(target, archive, TEMPLATE.read_text(encoding="utf-8"))
    archive.with_suffix(".yaml").write_text(text, encoding="utf-8")
    return archive


def template_for(target: Target, archive: Path, text: str) -> str:
    """Return the template with what a package decides: the code, the runtime and architecture that it is for, and the
    release, which is another for every package and template, so that both are published.
    """
    release = hashlib.sha256(archive.read_bytes() + text.encode()).hexdigest()[:16]
    for place, value in (
        (r"(?m)(?<=^      CodeUri: ).*$", archive.name),
        (r"(?m)(?<=^    Runtime: ).*$", target.runtime),
        (r"(?m)(?<=^    Architectures: ).*$", f"[{target.architecture}]"),
        (r"(?<=: !Sub release )\w+", release),
    ):
        text, found = re.subn(place, value, text)
        if not found:
            raise CannotBuild(f"{TEMPLATE.name} has no place for {value}")
    return text


def sizes(archive: Path) -> list[tuple[str, int]]:
    """Return what takes how much of the zip, in bytes, the largest first."""
    taken: Counter[str] = Counter()
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            taken[entry.filename.partition("/")[0]] += entry.compress_size
    return taken.most_common()


def refuse_newer_c_library(target: Target) -> None:
    """Raise `CannotBuild` where something that was fetched cannot be loaded on Lambda."""
    has = C_LIBRARY[target.python]
    for wheel in target.fetched.glob("*.dist-info/WHEEL"):
        needed = [(int(major), int(minor)) for major, minor in re.findall(r"manylinux_(\d+)_(\d+)_", wheel.read_text())]
        if needed and min(needed) > has:
            raise CannotBuild(f"{wheel.parent.name} needs a newer glibc than {target.runtime} on Lambda has")


def _wanted(target: Target) -> Iterator[tuple[Path, str]]:
    for root in (target.fetched, SOURCE):
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and not LEFT_OUT.search(name):
                yield path, name


def _lay_out(target: Target, tree: Path) -> None:
    for path, name in _wanted(target):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(shrink(path))
    ours = distribution("orderkeep")  # as installed here: its version is what the package says of itself
    folder = tree / f"orderkeep-{ours.version}.dist-info"
    folder.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: orderkeep\nVersion: {ours.version}\n"
    (folder / "METADATA").write_text(metadata, encoding="utf-8")


def main() -> None:
    """Make both packages, or with --fetch only fetch what they are made of."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--python", default=sys.executable, help="the Python that the packages are for")
    parser.add_argument("--fetch", action="store_true", help="only fetch what the packages are made of")
    options = parser.parse_args()
    python = str(Path(shutil.which(options.python) or options.python).absolute())
    try:
        version = version_of(python)
        for architecture in PLATFORMS:
            target = Target(architecture, version)
            if options.fetch:
                fetch(target)
            else:
                _tell(target, build(target, python))
    except CannotBuild as error:
        if options.fetch and isinstance(error, NoSuchRuntime):
            print(error)  # no reason to keep whoever works with a newer Python from all the rest
        else:
            sys.exit(str(error))


def _tell(target: Target, archive: Path) -> None:
    largest = ", ".join(f"{name} {size / MEGABYTE:.1f}" for name, size in sizes(archive)[:6])
    print(f"{archive.relative_to(CHECKOUT)}: {target.runtime}, {archive.stat().st_size / MEGABYTE:.2f} MB ({largest})")
    print(f"  SHA-256 {hashlib.sha256(archive.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
