"""No lock holds a version with an advisory that is known here, and no declared range begins below one."""

import datetime as dt
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools.locks import CHECKOUT, REQUIREMENTS, read_lock

LOCKS = sorted(REQUIREMENTS.glob("*.txt"))
ADVISORIES: dict[str, Any] = tomllib.loads((REQUIREMENTS / "advisories.toml").read_text(encoding="utf-8"))
GATHERED = ADVISORIES.pop("gathered")
FLOORS = {package: Version(floor["at_least"]) for package, floor in ADVISORIES.items()}
AN_ADVISORY = re.compile(r"CVE-\d{4}-\d{4,}|GHSA(-[23456789cfghjmpqrvwx]{4}){3}|PYSEC-\d{4}-\d+")


def too_old(lock: str) -> list[str]:
    locked = read_lock(lock)
    return [f"{p.name} {p.version}" for p in locked if p.name in FLOORS and Version(p.version) < FLOORS[p.name]]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_no_lock_holds_a_version_with_a_known_advisory(lock: Path) -> None:
    assert too_old(lock.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("package", FLOORS)
def test_a_planted_old_version_is_found_in_every_lock_that_has_the_package(package: str) -> None:
    holders = [lock for lock in LOCKS if any(p.name == package for p in read_lock(lock.read_text(encoding="utf-8")))]
    assert holders, f"{package} is in no lock any more: its floor guards nothing"
    for lock in holders:
        planted = re.sub(rf"(?m)^{package}==[^ ]+", f"{package}==0.0.9", lock.read_text(encoding="utf-8"))
        assert too_old(planted) == [f"{package} 0.0.9"]


def test_a_version_just_below_its_floor_is_too_old_and_the_floor_itself_is_not() -> None:
    entry = "starlette=={} \\\n    --hash=sha256:" + "0" * 64
    assert too_old(entry.format("1.3.0")) == ["starlette 1.3.0"]
    assert too_old(entry.format("1.3.1rc1")) == ["starlette 1.3.1rc1"]
    assert too_old(entry.format("1.3.1")) == []
    assert too_old(entry.format("1.10.0")) == []


def test_no_range_that_we_declare_begins_below_a_floor() -> None:
    pyproject = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    declared = [project["dependencies"], *project["optional-dependencies"].values(), *groups.values()]
    wanted = [Requirement(line) for lines in declared for line in lines if isinstance(line, str)]
    begins = [
        (wish.name, part.version.removesuffix(".*"))
        for wish in wanted
        for part in wish.specifier
        if part.operator in (">=", "==", "~=")
    ]
    assert len(begins) == len(wanted), "a range without a beginning allows any old version"
    assert [found for found in begins if found[0] in FLOORS and Version(found[1]) < FLOORS[found[0]]] == []


def test_every_floor_names_its_advisories_and_says_why() -> None:
    assert isinstance(GATHERED, dt.date)
    assert list(ADVISORIES) == sorted(canonicalize_name(package) for package in ADVISORIES)
    for package, floor in ADVISORIES.items():
        assert floor.keys() == {"at_least", "advisories", "why"}, package
        assert [one for one in floor["advisories"] if not AN_ADVISORY.fullmatch(one)] == []
        assert floor["advisories"], package
        assert floor["why"] == floor["why"].strip(), package
        assert 10 < len(floor["why"]) < 130, package


def test_no_advisory_is_listed_twice() -> None:
    named = [one for floor in ADVISORIES.values() for one in floor["advisories"]]
    assert len(named) == len(set(named))
