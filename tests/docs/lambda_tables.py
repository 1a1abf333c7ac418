"""The tables of the page on Lambda."""

import inspect
from dataclasses import fields
from typing import get_type_hints

from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.direct_calls import CALLS
from orderkeep.entrypoints.schemas import Body, PlaceOrderBody

Rows = list[tuple[str, ...]]


def direct_calls() -> Rows:
    types = get_type_hints(UseCases)
    assert CALLS.keys() <= {field.name for field in fields(UseCases)}
    return [
        ("use case", "does", "input", "is a command"),
        *(
            (f"`{name}`", _summary(types[name]), _input(call.model), "yes" if call.is_command else "")
            for name, call in CALLS.items()
        ),
    ]


def _summary(use_case: object) -> str:
    text = inspect.getdoc(use_case) if inspect.isclass(use_case) else "See whether the store answers."
    return (text or "").partition("\n\n")[0].replace("\n", " ")


def _input(model: type[Body]) -> str:
    if model is PlaceOrderBody:
        return "the body of `POST /orders`"
    names = [f"`{name}`" if field.is_required() else f"[`{name}`]" for name, field in model.model_fields.items()]
    return ", ".join(names) or "nothing"
