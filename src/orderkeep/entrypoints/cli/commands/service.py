"""`orderkeep serve`, `openapi`, `config` and `completion`: the HTTP service, its settings, and tab completion."""

import json
import os
from tempfile import TemporaryDirectory
from typing import Any

import click
from click.shell_completion import get_completion_class
from pydantic import ValidationError

from orderkeep.config import Settings, masked
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.commands.demo import fill_store
from orderkeep.entrypoints.cli.options import Choice, text
from orderkeep.entrypoints.cli.session import STORE_FILE, Session

SETTING_COLUMNS = ("setting", "value", "from")
HOST_HELP = "Address to listen on; 0.0.0.0 for all IPv4 interfaces. Default: 127.0.0.1."

# FastAPI and uvicorn are imported inside the commands: `config` needs neither.


@command(
    "serve",
    """
    Runs until Ctrl+C or SIGTERM, and completes requests in progress before it exits. Prints the URLs on stderr. Other
    settings come from the environment: see `orderkeep config`.
    """,
)
@click.option("--host", type=text, metavar="ADDRESS", help=HOST_HELP)
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="Port; 0 selects a free one. Default: 8000.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Number of server processes. Default: 1.")
@click.option("--demo", is_flag=True, help="Serve sample orders from a temporary store, which is deleted at the end.")
def serve_command(session: Session, demo: bool, **options: Any) -> None:
    from orderkeep.entrypoints.api.server import serve

    if not demo:
        serve(load_settings(store=session.store_url, **options))
        return
    if session.store is not None:
        raise click.UsageError("--demo uses a temporary store: omit --store, or fill the store with `orderkeep demo`.")
    with TemporaryDirectory(prefix="orderkeep-demo-") as folder:
        session.store = f"sqlite:///{folder}/orders.db"
        settings = load_settings(store=session.store, documents=f"folder:///{folder}/documents", **options)
        fill_store(session)
        serve(settings)


@command(
    "relay",
    """
    \b
      orderkeep relay
      orderkeep relay --once

    Runs until Ctrl+C or SIGTERM. `orderkeep serve` does the same in the background, unless ORDERKEEP_RELAY is false;
    any number of relays share the work. It waits for a store that does not respond yet. Statistics are counted once
    they were requested. Settings come from the environment: see `orderkeep config`.
    """,
)
@click.option("--once", is_flag=True, help="Exit when there is nothing more to do now.")
def relay_command(session: Session, *, once: bool) -> None:
    from orderkeep.entrypoints.relay import relay

    relay(load_settings(store=session.store_url), once=once)


@command("openapi", "It is the document that a running server returns at /openapi.json. Opens no store.")
def openapi_command(session: Session) -> None:  # noqa: ARG001  # JSON with and without --json
    from orderkeep.entrypoints.api.app import create_app

    document = create_app(load_settings()).openapi()
    output.write(json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n")


@command(
    "config",
    """
    Settings come from options, then from the environment variables that are named here, then from defaults. Passwords
    are not shown. Without a terminal, prints one tab-separated line for each, without a header: setting, value, from.
    """,
)
def config_command(session: Session) -> None:
    settings = load_settings(store=session.store_url)
    present = {name.upper() for name, value in os.environ.items() if value}
    variables = {name: f"ORDERKEEP_{name.upper()}" for name in Settings.model_fields}
    sources = {name: variable if variable in present else "default" for name, variable in variables.items()}
    if session.store is not None:
        sources["store"] = "--store"
    elif STORE_FILE in present:
        sources["store"] = STORE_FILE
    found = {name: {"value": masked(getattr(settings, name)), "from": source} for name, source in sources.items()}
    if session.remote or "ORDERKEEP_REMOTE" in present:
        found["remote"] = {"value": session.remote_url, "from": "--remote" if session.remote else "ORDERKEEP_REMOTE"}
        source = next((name for name in ("ORDERKEEP_API_KEY", "ORDERKEEP_API_KEY_FILE") if name in present), "default")
        found["api_key"] = {"value": "not set" if source == "default" else "set", "from": source}
    output.write_rows(session, SETTING_COLUMNS, [(name, *each.values()) for name, each in found.items()], found)


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


def load_settings(**options: Any) -> Settings:
    """Return the settings from options that are not None and from the environment. Raises `click.UsageError`."""
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        source = f"--{name}" if name in given else f"ORDERKEEP_{name.upper()}"
        raise click.UsageError(f"{source} {_rule_of(name, first)}.") from None


def _rule_of(name: str, error: Any) -> str:
    """Return the rule that the value of a setting breaks, which follows the name of the setting."""
    match error["type"]:
        case "value_error":
            return str(error["msg"]).removeprefix("Value error, ")
        case "literal_error":
            return f"must be {error['ctx']['expected']}"
        case "bool_parsing":
            return "must be true or false"
    bounds = {type(bound).__name__: bound for bound in Settings.model_fields[name].metadata}
    least, most = getattr(bounds.get("Ge"), "ge", None), getattr(bounds.get("Le"), "le", None)
    return f"must be a whole number from {least} to {most}" if most else f"must be a whole number of at least {least}"
