"""Which format a file of orders has, told by its name."""

from pathlib import PurePath

import click

ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def format_of(path: str) -> str:
    """Return the format. Raises `click.UsageError` where the name does not tell."""
    found = ENDINGS.get(PurePath(path).suffix.lower())
    if found is None:
        raise click.UsageError(f"the name {path} does not say which format it is: give --format jsonl or csv.")
    return found
