"""A group whose commands are imported one by one, when they are called: so that each costs only what it needs."""

from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that knows its commands by the modules they stand in, in the order in which help lists them."""

    def __init__(self, *args: Any, modules: dict[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click asks with it
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.modules:
            return None
        command: click.Command = getattr(import_module(self.modules[cmd_name]), f"{cmd_name}_command")
        return command
