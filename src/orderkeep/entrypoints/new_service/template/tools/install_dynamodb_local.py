"""Puts Amazon's DynamoDB Local into a folder, from the npm package that contains it. `make setup` calls it."""

import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

PACKAGE, VERSION = "amplify-dynamodb-simulator", "2.9.30"
SHA256 = "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9"
INSIDE = "package/emulator/"


def main(folder: Path) -> None:
    """Download the package, compare its hash, and unpack the emulator."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{PACKAGE}-{VERSION}.tgz"
    npm = [str(Path(sys.executable).with_name("npm")), "pack", f"{PACKAGE}@{VERSION}", "--silent"]
    environment = os.environ | {"NODE_USE_SYSTEM_CA": "1"}  # a certificate that the machine knows is valid for npm too
    subprocess.run(npm, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        archive.unlink()
        sys.exit(f"{archive.name} is another file: its SHA-256 is {found}, expected {SHA256}")
    with tarfile.open(archive) as packed:
        members = [member for member in packed if member.name.startswith(INSIDE)]
        for member in members:
            member.name = member.name.removeprefix(INSIDE)
        # Some releases of Python 3.11 have no filters yet. The archive is the one whose hash is pinned.
        filtered: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        packed.extractall(folder, members, **filtered)
    archive.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
