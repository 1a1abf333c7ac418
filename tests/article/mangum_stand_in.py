"""The name alone: mangum is not among our dependencies yet."""

from typing import Any


class Mangum:
    """Takes an ASGI app, as the real one does."""

    def __init__(self, app: Any) -> None:
        self.app = app
