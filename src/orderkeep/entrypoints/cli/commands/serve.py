"""`orderkeep serve`."""

import click

from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import TEXT
from orderkeep.entrypoints.cli.session import Session


@command("serve")
@click.option("--host", type=TEXT, metavar="ADDRESS", help="127.0.0.1 by default; 0.0.0.0 is all there are.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="8000 by default; 0 takes a free one.")
def serve_command(session: Session, host: str | None, port: int | None) -> None:
    """Serve orders over HTTP.

    Runs until Ctrl+C or SIGTERM; requests under way are finished. Says on stderr where to look. Further settings
    come from the environment: `orderkeep config` shows them all.
    """
    from orderkeep.entrypoints.api.server import serve
    from orderkeep.entrypoints.cli.settings import load_settings

    serve(load_settings(store=session.store_url, host=host, port=port))
