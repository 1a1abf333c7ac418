"""The exception classes of domain and application, each from the module that defines it."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from orderkeep import domain
from orderkeep.application import errors
from orderkeep.domain import exceptions
from orderkeep.domain.exceptions import OrderkeepError

DOMAIN = [import_module(f"{domain.__name__}.{each.name}") for each in iter_modules(domain.__path__)]


def exception_classes() -> list[type[OrderkeepError]]:
    """Return all classes, in the order in which the modules define them; those that any order may raise first."""
    modules = sorted(DOMAIN, key=lambda module: module is not exceptions)
    return [found for module in (*modules, errors) for found in _defined_in(module)]


def _defined_in(module: ModuleType) -> Iterator[type[OrderkeepError]]:
    for found in vars(module).values():
        if inspect.isclass(found) and issubclass(found, OrderkeepError) and found.__module__ == module.__name__:
            yield found
