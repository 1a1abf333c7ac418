"""The Dockerfile is well written: by hadolint's rules, and by our own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT
from tests.deploy.image_rules import findings

DOCKERFILE = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")


def lint(dockerfile: str) -> str:
    hadolint = Path(sys.executable).with_name("hadolint")
    options = ["--no-color", "--failure-threshold", "style", "-"]
    return subprocess.run([hadolint, *options], input=dockerfile, capture_output=True, text=True, check=False).stdout


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    assert lint(DOCKERFILE) == ""


def test_dockerfile_follows_our_rules() -> None:
    assert findings(DOCKERFILE) == []


@pytest.mark.parametrize(
    "told, planted, found",
    [
        ("USER 10001:10001", "USER root", "DL3002 "),
        ("COPY src src", "RUN pip install fastapi", "DL3013 "),
        ("ARG PYTHON_IMAGE=python:3.14-slim-trixie", "FROM python:latest", "DL3007 "),
        ('CMD ["serve"]', "CMD serve", "DL3025 "),
        ("WORKDIR /build", "WORKDIR build", "DL3000 "),
    ],
)
def test_hadolint_finds_planted_faults(told: str, planted: str, found: str) -> None:
    assert told in DOCKERFILE
    assert found in lint(DOCKERFILE.replace(told, planted))


@pytest.mark.parametrize(
    "told, planted, found",
    [
        ("USER 10001:10001", "USER 0:0", "the user is 0:0, not a number of its own"),
        ("USER 10001:10001", "USER orderkeep", "the user is orderkeep, not a number of its own"),
        ("USER 10001:10001\n", "", "the user is root, not a number of its own"),
        ("--require-hashes --only-binary :all: -r req", "-r req", ": an install is not held to hashes"),
        ("--offline --no-deps /wheel", "/wheel", ": an install is not held to hashes"),
        ("python:3.14-slim", "python:latest", "PYTHON_IMAGE does not name a version of Python and of Debian"),
        ("FROM ${PYTHON_IMAGE}\n", "FROM debian:13\n", "a stage does not begin with PYTHON_IMAGE"),
        ("HEALTHCHECK", "LABEL a=b\n# HEALTHCHECK", "there is no HEALTHCHECK"),
        ("\nEXPOSE", "\nRUN touch /there\nEXPOSE", "the last stage runs something, and needs a shell"),
        ('version="0.1.0"', 'version="0.0.9"', "the label version is 0.0.9, but the package declares "),
        ("image.source", "image.from", "the label source is None, but the package declares "),
    ],
)
def test_our_rules_find_planted_faults(told: str, planted: str, found: str) -> None:
    assert told in DOCKERFILE
    assert any(found in said for said in findings(DOCKERFILE.replace(told, planted)))
