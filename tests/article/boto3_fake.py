"""As much of boto3 as the article uses, over a dict: the shape of its repository is tested, not the database."""

import copy
from typing import Any

TABLES: dict[str, "Table"] = {}


class Table:
    """Items by their id."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}

    def get_item(self, *, Key: dict[str, str]) -> dict[str, Any]:  # noqa: N803
        item = self.items.get(Key["id"])
        return {"Item": copy.deepcopy(item)} if item else {}

    def put_item(self, *, Item: dict[str, Any]) -> None:  # noqa: N803
        self.items[Item["id"]] = copy.deepcopy(Item)


class Resource:
    """Tables by their names, made when they are first asked for."""

    def Table(self, name: str) -> Table:  # noqa: N802
        return TABLES.setdefault(name, Table())


def resource(service: str) -> Resource:
    """Return the one service that there is."""
    assert service == "dynamodb"
    return Resource()
