"""Run a package as Lambda does: `python -I -S container.py FOLDER HANDLER`, with events on standard input.

Only the package and the standard library can be imported. Prints the responses, and from where modules came.
"""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Build = Callable[[str], Path]
Invoke = Callable[..., dict[str, Any]]


class Context:
    aws_request_id = "8f507cfc-9c9c-4c9a-9f0d-0c5f3f3c9a11"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


def main(folder: str, name: str) -> None:
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    module, _, function = name.rpartition(".")
    handler = getattr(importlib.import_module(module), function)
    said = []
    for event in json.load(sys.stdin):
        try:
            said.append({"answer": handler(event, Context())})
        except Exception as error:  # noqa: BLE001  # Lambda reports whatever is raised
            said.append({"error": type(error).__name__, "message": str(error)})
    files = [str(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
    json.dump({"said": said, "files": files, "modules": sorted(sys.modules)}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
