"""Writes the tables of the reference: `python -m tests.docs.reference_tables`. A test holds them to the code."""

import re
from collections.abc import Callable
from functools import partial

from tests.docs import (
    core_tables,
    dynamo_costs,
    dynamo_tables,
    entrypoint_tables,
    event_tables,
    lambda_deployment,
)
from tests.docs.core_tables import Rows
from tests.docs.pages import CHECKOUT
from tests.infrastructure import receiver_zoo

REFERENCE = CHECKOUT / "docs" / "reference"
HOW_TO = CHECKOUT / "docs" / "how-to"
PAGES = [*sorted(REFERENCE.glob("*.md")), *sorted(HOW_TO.rglob("*.md"))]

TABLES: dict[str, Callable[[], Rows | str]] = {
    "lifecycle": core_tables.lifecycle,
    "lifecycle-diagram": core_tables.diagram,
    "limits": core_tables.bounds,
    "limits-of-input": entrypoint_tables.limits_of_input,
    "connection-bounds": entrypoint_tables.connection_bounds,
    "rate-limits": entrypoint_tables.rate_limits,
    "overload": entrypoint_tables.overload,
    "receipts": entrypoint_tables.receipts,
    "waiting": entrypoint_tables.waiting,
    "dependencies": core_tables.dependencies,
    "commands": entrypoint_tables.commands,
    "help": entrypoint_tables.help_texts,
    **{f"settings-{table}": partial(entrypoint_tables.settings, table) for table in entrypoint_tables.SETTINGS},
    "log-fields": entrypoint_tables.log_fields,
    "errors": entrypoint_tables.errors,
    "operations": entrypoint_tables.operations,
    "dynamodb-indexes": dynamo_tables.indexes,
    "dynamodb-actions": dynamo_tables.actions,
    "dynamodb-setup-actions": dynamo_tables.setup_actions,
    "dynamodb-costs": dynamo_costs.table_rows,
    "events": event_tables.types,
    "event-fields": event_tables.fields,
    "event-schemas": event_tables.schemas,
    "feed-cloud-event": event_tables.feed_cloud_event,
    "event-attributes": event_tables.attributes,
    "event-data": event_tables.data,
    "event-example": event_tables.example,
    "webhook-responses": receiver_zoo.rows_of_documentation,
    "lambda-parameters": lambda_deployment.parameters,
    "lambda-costs": lambda_deployment.costs_of_a_million_orders,
    "lambda-alarms": lambda_deployment.alarms,
}
"""What makes each table: rows, or text that is there as it is."""

_TABLE = re.compile(r"(?P<opening><!-- table: (?P<name>[\w-]+) -->\n).*?(?P<closing><!-- end of table -->)", re.DOTALL)


def as_markdown(rows: Rows | str) -> str:
    """Return a table, its first row as heading."""
    if isinstance(rows, str):
        return rows
    head, *body = rows
    lines = [head, tuple("---" for _ in head), *body]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def with_tables(text: str) -> str:
    """Return a page with its tables made anew."""

    def made_anew(found: re.Match[str]) -> str:
        return found["opening"] + "\n" + as_markdown(TABLES[found["name"]]()) + "\n" + found["closing"]

    return _TABLE.sub(made_anew, text)


def names_of_tables(text: str) -> list[str]:
    """Return the names of the tables of a page."""
    return [found["name"] for found in _TABLE.finditer(text)]


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
