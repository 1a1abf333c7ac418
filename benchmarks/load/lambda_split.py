"""The handler that HANDLER names, started as Lambda would start it, and how long its module and its imports took.

`awslambdaric` imports this in its place. What it writes to the file that SPLIT names are seconds: `started`, of the
clock that all processes share, when the interpreter and the runtime client were ready; `imports`, spent in the import
statements that the handler's module runs, itself or through what it calls; `wiring`, spent in the rest of it. What
another thread does meanwhile is in neither.
"""

import builtins
import importlib
import json
import os
import time
from _thread import get_ident
from typing import Any

started = time.monotonic()
_import = builtins.__import__
_depth, _imports, _main = 0, 0.0, get_ident()


def _timed(*args: Any, **kwargs: Any) -> Any:
    global _depth, _imports
    if _depth or get_ident() != _main:
        return _import(*args, **kwargs)
    _depth, begun = 1, time.monotonic()
    try:
        return _import(*args, **kwargs)
    finally:
        _imports += time.monotonic() - begun
        _depth = 0


builtins.__import__ = _timed
_module, _, _name = os.environ["HANDLER"].rpartition(".")
handler = getattr(importlib.import_module(_module), _name)
builtins.__import__ = _import
_init = time.monotonic() - started
with open(os.environ["SPLIT"], "w") as file:  # noqa: PTH123, pathlib is not imported yet, and who imports it pays
    json.dump({"started": started, "imports": _imports, "wiring": _init - _imports}, file)
