"""Direct calls of a container, and what they are refused with."""

import json
from types import ModuleType
from typing import Any

import pytest

from tests.entrypoints.lambda_containers import Context


def ask(module: ModuleType, use_case: str, given: Any = None, **conditions: Any) -> Any:
    """Call a use case as Lambda does: what goes in and comes out is JSON."""
    event = {"use_case": use_case, **({} if given is None else {"input": given}), **conditions}
    return json.loads(json.dumps(module.handler(json.loads(json.dumps(event)), Context("invocation-7"))))


def refusal(module: ModuleType, event: Any) -> tuple[str, str]:
    """Return the name and the message of the error that Lambda reports."""
    with pytest.raises(Exception, match=r"\w") as raised:
        module.handler(event, Context())
    assert raised.value.__cause__ is None
    return type(raised.value).__name__, str(raised.value)
