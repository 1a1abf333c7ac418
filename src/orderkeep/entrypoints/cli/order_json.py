"""An order to place, from a file with the JSON that HTTP takes: the same schema, so the same errors."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from orderkeep.application.dtos import PlaceOrder
from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.entrypoints.cli.failures import INVALID, Failure
from orderkeep.entrypoints.field_errors import InvalidFields
from orderkeep.entrypoints.schemas import read_place_order

LARGEST_ORDER = 4 * 1024 * 1024
"""In bytes. The largest order there can be is half of it."""


def read_order_json(path: str) -> PlaceOrder:
    """Return the order in the file, or on stdin for `-`. Raises `Failure` with all that is wrong at once."""
    try:
        return read_place_order(read_json(_read(path)))
    except InvalidJSON as error:
        raise Failure(f"the order {error}", INVALID, error.code) from None
    except InvalidFields as error:
        count = len(error.errors)
        summary = "1 field is wrong" if count == 1 else f"{count} fields are wrong"
        raise Failure(summary, INVALID, error.code, hint="nothing was written", errors=error.errors) from None


def _read(path: str) -> bytes:
    try:
        if path == "-":
            body = sys.stdin.buffer.read(LARGEST_ORDER + 1)
        else:
            with Path(path).open("rb") as file:
                body = file.read(LARGEST_ORDER + 1)
    except OSError as error:
        raise click.BadParameter(f"cannot read {path}: {error.strerror}", param_hint="--data") from None
    if len(body) > LARGEST_ORDER:
        raise Failure(
            f"the order is larger than {LARGEST_ORDER} bytes: is {path} the right file?", INVALID, "too_large"
        )
    return body
