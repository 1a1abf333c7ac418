"""What is wrong with services of a compose file, each in a sentence."""

import re
from collections.abc import Iterator
from typing import Any

from tests.deploy.image_rules import VERSION

Yaml = dict[str, Any]

_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$")


def findings(compose: Yaml) -> list[str]:
    """Return what a careful reader would object to."""
    return [found for name, service in compose["services"].items() for found in _of_service(name, service, compose)]


def _of_service(name: str, service: Yaml, compose: Yaml) -> Iterator[str]:
    image = service.get("image", "")
    if not re.fullmatch(r"[\w./-]+:\d[\w.-]*", image):
        yield f"{name}: its image has no version"
    if image.startswith("orderkeep:") and image != f"orderkeep:{VERSION}":
        yield f"{name}: its image is {image}, and this is {VERSION}"
    if not service.get("read_only"):
        yield f"{name}: its root can be written"
    if service.get("cap_drop") != ["ALL"]:
        yield f"{name}: it keeps capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield f"{name}: it may gain privileges"
    if service.get("privileged") or "SYS_ADMIN" in service.get("cap_add", []):
        yield f"{name}: it is as good as root"
    for port in service.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"{name}: {port} is open to others"
    if image.startswith("orderkeep:") and not service.get("environment", {}).get("ORDERKEEP_AUTH"):
        yield f"{name}: nobody need show who they are"
    yield from _of_secrets(name, service, compose)


def _of_secrets(name: str, service: Yaml, compose: Yaml) -> Iterator[str]:
    for variable, value in service.get("environment", {}).items():
        if (_SECRET.search(variable) and not variable.endswith("_FILE")) or re.search(r"://[^/@]*:[^/@]*@", str(value)):
            yield f"{name}: {variable} is a secret, and no file"
        if variable.endswith("_FILE") and str(value).removeprefix("/run/secrets/") not in service.get("secrets", []):
            yield f"{name}: {variable} is no secret of its own"
    for secret in service.get("secrets", []):
        if not compose.get("secrets", {}).get(secret, {}).get("file", "").startswith("./secrets/"):
            yield f"{name}: nobody says where {secret} is"
