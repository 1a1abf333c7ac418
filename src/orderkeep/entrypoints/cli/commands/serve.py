"""`orderkeep serve`."""

import click

from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import TEXT
from orderkeep.entrypoints.cli.session import Session


@command("serve")
@click.option("--host", type=TEXT, metavar="ADDRESS", help="127.0.0.1 by default; 0.0.0.0 for all interfaces.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="8000 by default; 0 takes a free one.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes that serve the port; 1 by default.")
def serve_command(session: Session, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve orders over HTTP.

    Runs until Ctrl+C or SIGTERM; requests in progress are finished. Prints the address on stderr. Further settings
    come from the environment: `orderkeep config` shows them all.
    """
    from orderkeep.entrypoints.api.server import serve
    from orderkeep.entrypoints.cli.settings import load_settings

    serve(load_settings(store=session.store_url, host=host, port=port, workers=workers))
