"""A replay goes wrong where a build would: what is missing, altered, left out or not understood ends it."""

import re
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT
from tests.deploy.context import BuildContext
from tests.deploy.dockerfile import Unknown
from tests.deploy.replay import Replay, StepFailed

DOCKERFILE = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")


def test_only_what_is_built_from_goes_to_the_builder() -> None:
    context = BuildContext(CHECKOUT)
    here = [path.relative_to(CHECKOUT) for path in CHECKOUT.iterdir() if path.is_file()]
    assert sorted(str(path) for path in here if context.has(path)) == ["LICENSE", "README.md", "pyproject.toml"]
    for left_out in (".git/config", ".venv/pyvenv.cfg", "orders.db", "tests/conftest.py", "src/a/__pycache__/b.pyc"):
        assert not context.has(Path(left_out)), left_out
    assert context.has(Path("src/orderkeep/py.typed"))
    assert context.has(Path("requirements/stores.txt"))


@pytest.mark.parametrize(
    "planted, said",
    [
        ("FROM python:3.14-slim\nADD https://example.org/a /a", "line 2: 'ADD "),
        ("FROM python:3.14-slim\nRUN <<EOF\ntouch /a\nEOF", "line 2: 'RUN <<EOF' is not known"),
        ("FROM python:3.14-slim\nCMD serve", 'line 2: CMD is written ["program"'),
        ("FROM python:3.14-slim\nRUN --mount=type=secret,id=a true", "line 2: 'RUN --mount"),
        ("FROM python:3.14-slim\nRUN true \\", "line 2: the file ends within an instruction"),
        ("RUN true", "line 1: RUN stands where it is not known"),
    ],
)
def test_a_dockerfile_that_is_not_understood_is_not_replayed(planted: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Unknown, match=re.escape(said)):
        Replay(tmp_path, tmp_path / "image").build(planted)


@pytest.mark.parametrize(
    "planted, said",
    [
        ("COPY nothing.txt /there/", "line 2: COPY nothing.txt: there is no such file in the build context"),
        ("COPY secret.txt /there/", "line 2: COPY secret.txt: there is no such file in the build context"),
        ("COPY ../above.txt /there/", "line 2: COPY ../above.txt: ../above.txt is outside the build context"),
        ("COPY --from=nowhere /a /b", "line 2: COPY /a: 'nowhere'"),
        ("RUN echo so && exit 3", "line 2: RUN ends with 3:\nso\n"),
    ],
)
def test_a_step_that_does_not_work_ends_the_replay(planted: str, said: str, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "secret.txt").write_text("not for the image")
    (context / ".dockerignore").write_text("secret.*\n")
    with pytest.raises(StepFailed, match=re.escape(said)):
        Replay(context, tmp_path / "image").build(f"FROM python:3.14-slim\n{planted}")


def test_an_altered_package_ends_the_replay(tmp_path: Path) -> None:
    context = tmp_path / "context"
    (context / "requirements").mkdir(parents=True)
    setup = (CHECKOUT / "requirements" / "setup.txt").read_text(encoding="utf-8")
    (context / "requirements" / "setup.txt").write_text(re.sub("sha256:[0-9a-f]{8}", "sha256:00000000", setup))
    (context / "requirements" / "stores.txt").touch()
    until = DOCKERFILE.index("RUN python -m venv --without-pip")
    with pytest.raises(StepFailed, match="THESE PACKAGES DO NOT MATCH THE HASHES"):
        Replay(context, tmp_path / "image").build(DOCKERFILE[:until])
