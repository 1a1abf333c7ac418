"""Fixtures of these tests."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from orderkeep.infrastructure.sqlite_repo import connections
from tests.sqlite_file import path, store

__all__ = ["path", "store", "unprivileged"]

NOBODY = 65534


@pytest.fixture
def unprivileged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory, and a process that has the rights of the directory's owner only, even if the tests run as root.

    That user may not be able to read the checkout, so the migrations are copied.
    """
    was_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as copy:
        folder = Path(name)
        if was_root:
            definition = shutil.copytree(connections.MIGRATIONS, Path(copy) / "migrations")
            Path(copy).chmod(0o755)
            monkeypatch.setattr(connections, "prepare", partial(connections.prepare, migrations=definition))
            os.chown(folder, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield folder
        finally:
            folder.chmod(stat.S_IRWXU)
            if was_root:
                os.setresuid(0, 0, 0)
