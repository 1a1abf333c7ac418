"""Swagger UI, htmx, uPlot and axe-core are what was taken from their packages: not altered, not half updated."""

import hashlib
from pathlib import Path

import pytest

ENTRYPOINTS = Path(__file__).parents[2] / "src" / "orderkeep" / "entrypoints"
STATIC, CONSOLE = ENTRYPOINTS / "api" / "static", ENTRYPOINTS / "console" / "static"
AXE = Path(__file__).parents[1] / "browser" / "axe"
SHA256 = {
    "LICENSE": "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
    "NOTICE": "0d20d1adef18aee3f40dd258172155521ce702ac445cb5f7b7d60ed32dad2fb2",
    "favicon-32x32.png": "3ed612f41e050ca5e7000cad6f1cbe7e7da39f65fca99c02e99e6591056e5837",
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui-bundle.js.LICENSE.txt": "37eb6e7e59aed57b2c1acf076574b818ea07b74265717e0bd67b59e0baf9abbb",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}


OF_CONSOLE = {
    "htmx.LICENSE.txt": "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    "htmx.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "uPlot.LICENSE.txt": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


def test_every_vendored_file_is_as_it_was_published() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in STATIC.iterdir()}
    for own in ("README.md", "index.html", "start.js"):
        del found[own]
    assert found == SHA256


def test_the_readme_names_the_version_that_is_there() -> None:
    version = (STATIC / "README.md").read_text(encoding="utf-8").split()[2]
    assert f'"{version}"' in (STATIC / "swagger-ui-bundle.js").read_text(encoding="utf-8")


def test_every_vendored_file_of_the_console_is_as_it_was_published() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in CONSOLE.iterdir()}
    for own in ("README.md", "charts.js", "console.css", "console.js", "export.js", "icon.svg"):
        del found[own]
    assert found == OF_CONSOLE


@pytest.mark.parametrize(
    "name, file, text", [("htmx", "htmx.min.js", 'version:"{}"'), ("uPlot", "uPlot.iife.min.js", "(v{})")]
)
def test_the_readme_of_the_console_names_the_version_that_is_there(name: str, file: str, text: str) -> None:
    readme = (CONSOLE / "README.md").read_text(encoding="utf-8")
    version = readme.partition(f"- {name} ")[2].split()[0]
    assert text.format(version) in (CONSOLE / file).read_text(encoding="utf-8")


OF_AXE = {
    "LICENSE": "af175b9d96ee93c21a036152e1b905b0b95304d4ae8c2c921c7609100ba8df7e",
    "axe.min.js": "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
}


def test_every_vendored_file_of_axe_is_as_it_was_published() -> None:
    assert {name: hashlib.sha256((AXE / name).read_bytes()).hexdigest() for name in OF_AXE} == OF_AXE


def test_the_readme_of_axe_names_the_version_that_is_there() -> None:
    version = (AXE / "README.md").read_text(encoding="utf-8").split()[1]
    assert f'axe.version="{version}"' in (AXE / "axe.min.js").read_text(encoding="utf-8")
