"""`orderkeep completion`: tab completion in a shell."""

from typing import Any

import click
from click.shell_completion import get_completion_class

from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.options import Choice, command
from orderkeep.entrypoints.cli.session import Session


@command(
    "completion",
    """
    SHELL is bash, zsh or fish. Completes commands, options, statuses, formats and file names. For bash or zsh, add the
    line to ~/.bashrc or, after compinit, to ~/.zshrc:

    \b
      eval "$(orderkeep completion bash)"
      eval "$(orderkeep completion zsh)"

    For fish:

    \b
      orderkeep completion fish > ~/.config/fish/completions/orderkeep.fish
    """,
)
@click.argument("shell", metavar="SHELL", type=Choice(["bash", "zsh", "fish"]))
def completion_command(session: Session, shell: str) -> None:  # noqa: ARG001  # a script with and without --json
    shell_class: Any = get_completion_class(shell)
    program = click.get_current_context().find_root().command
    output.write(shell_class(program, {}, "orderkeep", "_ORDERKEEP_COMPLETE").source().encode())
