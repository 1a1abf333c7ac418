"""What a Lambda container need not do while it starts: a cold start is a customer who waits. What each is worth is
measured by benchmarks/cold_start.py.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def brief() -> Iterator[None]:
    """Import and wire inside of this: less is done meanwhile, and what comes of it is the same."""
    gc.disable()  # modules stay: to look through them for garbage, again and again, finds none
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looked for in the metadata of each package there is
    try:
        with _models_built_when_used():
            yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _models_built_when_used() -> Iterator[None]:
    # FastAPI alone has forty, for a document that most never ask for.
    from pydantic import BaseModel

    BaseModel.model_config["defer_build"] = True
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]
