"""HTTP/1.1 as we take it: uvicorn's protocol, with bounds to what a client may send and to how long it may take."""

from orderkeep.entrypoints.api.http1.connection import Connection
from orderkeep.entrypoints.api.http1.serving import DrainingServer
from orderkeep.entrypoints.api.http1.traffic import Traffic

__all__ = ["Connection", "DrainingServer", "Traffic"]
