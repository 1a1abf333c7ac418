"""`orderkeep openapi`."""

import json

from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.session import Session


@command("openapi")
def openapi_command(session: Session) -> None:  # noqa: ARG001  # it is JSON in any case
    """Print the OpenAPI document of the HTTP API.

    It is what a running server answers at /openapi.json; no store is opened.
    """
    from orderkeep.entrypoints.api.app import create_app
    from orderkeep.entrypoints.cli.settings import load_settings

    document = create_app(load_settings()).openapi()
    output.write(json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n")
