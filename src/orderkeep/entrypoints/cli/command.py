"""How a command is made: its help begins with the use case's own words."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import click

from orderkeep.entrypoints.cli.options import session_options
from orderkeep.entrypoints.cli.session import Session


def command(name: str, use_case: type | None = None) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a command. It gets the `Session` first, then its options. Its help is the docstring of the
    use case, followed by its own, which says what is particular to the command line.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        words = [inspect.cleandoc(thing.__doc__ or "") for thing in (use_case, function) if thing is not None]
        plain = click.command(name, help="\n\n".join(words), short_help=_first_sentence(words[0]))
        return session_options(plain(click.make_pass_decorator(Session)(function)))

    return decorate


def _first_sentence(text: str) -> str:
    paragraph = " ".join(text.split("\n\n")[0].split())
    return f"{paragraph.split('. ')[0].rstrip('.')}."
