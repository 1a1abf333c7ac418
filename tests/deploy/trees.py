"""Folders that are the `/` of an image: its paths on this machine, and copies that contain their new location."""

import os
import re
import shutil
from pathlib import Path

_ABSOLUTE = re.compile(r"(?:(?<![\w./~-])|(?<=:///))/(?!dev/)(?=[\w.])")
"""Where a path of the image begins, in a shell's words or as a SQLite URL. /dev is the machine's own."""

MOST_BYTES_OF_TEXT = 262_144


def at(root: Path, path: str) -> Path:
    """Return where a path of the image is here."""
    return root / path.lstrip("/")


def as_it_is_here(text: str, root: Path) -> str:
    """Return a text with the image's paths as they are here."""
    return _ABSOLUTE.sub(f"{root}/", text)


def copy(source: Path, target: Path, old_root: Path, new_root: Path) -> None:
    """Copy a file, or what is in a folder. In the image both roots are `/`: what names the old one names the new."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_dir():
        shutil.copy2(source, target, follow_symlinks=False)
        return
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    for folder, _, names in os.walk(target):
        for name in names:
            _move_root(Path(folder, name), os.fsencode(old_root), os.fsencode(new_root))


def _move_root(file: Path, old: bytes, new: bytes) -> None:
    if file.is_symlink():
        leads_to = os.fsencode(file.readlink())
        if leads_to.startswith(old + b"/"):
            file.unlink()
            file.symlink_to(os.fsdecode(leads_to.replace(old, new, 1)))
        return
    status = file.stat()
    if status.st_size > MOST_BYTES_OF_TEXT:
        return
    content = file.read_bytes()
    if old in content and b"\0" not in content:
        file.write_bytes(content.replace(old, new))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
