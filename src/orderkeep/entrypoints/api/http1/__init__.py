"""HTTP/1.1 connections with limits on what a client may send and how long it may take. See docs/decisions/0022."""

from orderkeep.entrypoints.api.http1.connection import Connection
from orderkeep.entrypoints.api.http1.request_cycle import ServerState

__all__ = ["Connection", "ServerState"]
