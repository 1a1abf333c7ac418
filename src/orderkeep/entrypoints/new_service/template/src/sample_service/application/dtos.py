"""The input of use cases."""

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class PlaceSampleItem:
    """The values of a new sample item."""

    name: str

    def fingerprint(self) -> str:
        """Return a digest of the values: requests with the same values have the same one."""
        return _digest(json.dumps(asdict(self), sort_keys=True, separators=(",", ":")))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
