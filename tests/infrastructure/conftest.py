"""Fixtures of these tests."""

from tests.sqlite_file import path, store

__all__ = ["path", "store"]
