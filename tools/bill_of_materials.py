"""The bill of materials of a release, as CycloneDX: what its users get, from the locks, with every hash.

Nothing in it depends on when or where it is made. What the package itself needs has the scope `required`, what an
extra brings `optional`, with the extra's name.
"""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from packaging.requirements import Requirement

from tools.locks import CHECKOUT, REQUIREMENTS, Locked, read_lock, with_all_they_want

ENTRYPOINTS = CHECKOUT / "src" / "orderkeep" / "entrypoints"

Json = dict[str, Any]


def bill_of_materials(built: list[Path]) -> bytes:
    """Return the document for a release: `built` are its wheel and its source archive."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # The one lock that has every extra; tests hold the others to the same versions.
    locked = read_lock((REQUIREMENTS / "dev.txt").read_text(encoding="utf-8"))
    direct = _names(project["dependencies"])
    needed = with_all_they_want(direct, locked)
    extras = {
        extra: with_all_they_want(_names(lines), locked) - needed
        for extra, lines in project["optional-dependencies"].items()
    }
    direct = direct.union(*map(_names, project["optional-dependencies"].values()))
    shipped = [package for package in locked if package.name in needed.union(*extras.values())]
    own, vendored = (
        _ourselves(project, built),
        [_swagger_ui(), _of_console("htmx", "htmx.org", "0BSD"), _of_console("uPlot", "uplot", "MIT")],
    )
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own},
        "components": [*(_component(package, needed, extras) for package in shipped), *vendored],
        "dependencies": _dependencies(own["bom-ref"], direct, shipped, [each["bom-ref"] for each in vendored]),
    }
    # A number of its own for every content, and the same one for the same.
    serial = uuid5(NAMESPACE_OID, json.dumps(document, sort_keys=True))
    return json.dumps(document | {"serialNumber": f"urn:uuid:{serial}"}, indent=2).encode() + b"\n"


def _names(requirements: list[str]) -> set[str]:
    return {Requirement(line).name for line in requirements}


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def _sha256(hashed: str) -> Json:
    return {"alg": "SHA-256", "content": hashed}


def _ourselves(project: Json, built: list[Path]) -> Json:
    purl = _purl(project["name"], project["version"])
    return {
        "type": "application",
        "bom-ref": purl,
        "name": project["name"],
        "version": project["version"],
        "description": project["description"],
        "licenses": [{"license": {"id": project["license"]}}],
        "purl": purl,
        "externalReferences": [
            {"type": "distribution", "url": file.name, "hashes": [_sha256(_digest(file))]} for file in built
        ],
    }


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _component(package: Locked, needed: set[str], extras: dict[str, set[str]]) -> Json:
    purl = _purl(package.name, package.version)
    where = [("orderkeep:extra", extra) for extra, brought in extras.items() if package.name in brought]
    if package.marker:
        where.append(("orderkeep:marker", package.marker))
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "scope": "required" if package.name in needed else "optional",
        "purl": purl,
        "externalReferences": [
            {
                "type": "distribution",
                "url": purl,
                "comment": "one hash for each file that may be installed: which one depends on the machine",
                "hashes": [_sha256(hashed) for hashed in package.hashes],
            }
        ],
        "properties": [{"name": name, "value": value} for name, value in where],
    }


def _swagger_ui() -> Json:
    folder = ENTRYPOINTS / "api" / "static"
    version = (folder / "README.md").read_text(encoding="utf-8").split()[2]
    files = [path for path in folder.iterdir() if path.name != "README.md"]
    return _vendored("swagger-ui-dist", version, "Apache-2.0", "/docs", files)


def _of_console(name: str, package: str, license_id: str) -> Json:
    folder = ENTRYPOINTS / "console" / "static"
    version = (folder / "README.md").read_text(encoding="utf-8").partition(f"- {name} ")[2].split()[0]
    return _vendored(package, version, license_id, "the console", [*folder.glob(f"{name}*")])


def _vendored(name: str, version: str, license_id: str, user: str, files: list[Path]) -> Json:
    purl = f"pkg:npm/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "description": f"inside our own package: {user} needs no other host",
        "scope": "required",
        "licenses": [{"license": {"id": license_id}}],
        "purl": purl,
        "components": [
            {"type": "file", "bom-ref": path.name, "name": path.name, "hashes": [_sha256(_digest(path))]}
            for path in sorted(files)
        ],
    }


def _dependencies(own: str, direct: set[str], shipped: list[Locked], inside: list[str]) -> list[Json]:
    purls = {package.name: _purl(package.name, package.version) for package in shipped}
    wants: dict[str, list[str]] = {own: [*inside, *(purls[name] for name in direct)]}
    wants |= {purl: [] for purl in (*inside, *purls.values())}
    for package in shipped:
        for asker in package.wanted_by & purls.keys():
            wants[purls[asker]].append(purls[package.name])
    return [{"ref": ref, "dependsOn": sorted(wanted)} for ref, wanted in sorted(wants.items())]
