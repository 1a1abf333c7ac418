"""What all connections of a server share: how many there may be, how large a body, what is counted, and whether the
server is about to end.
"""

from dataclasses import dataclass

from orderkeep.entrypoints.api.metrics import Metrics


@dataclass(slots=True)
class Traffic:
    """`draining` is set when the server is told to end: whoever is answered then is told to come back elsewhere."""

    max_connections: int
    max_body_bytes: int
    metrics: Metrics
    draining: bool = False
