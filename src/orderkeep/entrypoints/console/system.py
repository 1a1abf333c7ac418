"""The system screen: what this service is, whether it works, and how it is configured."""

from __future__ import annotations

import platform
import re
from importlib.metadata import version

from starlette.responses import Response

from orderkeep.application.access.actor import Scope
from orderkeep.application.use_cases.diagnose_store import Diagnosis, Level
from orderkeep.config import Settings, masked
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.console.pages import Page, Screen
from orderkeep.entrypoints.settings_findings import settings_findings

screen = Screen("System", "/console/system", scope=Scope.ADMIN)

METHODS = {"keys": "API keys", "jwt": "access tokens (JWT)", "authorizer": "an authorizer in front of Lambda"}
"""What the authentication methods are called."""

NAMES = {
    "sqlite": "SQLite",
    "memory": "Memory",
    "postgresql": "PostgreSQL",
    "postgres": "PostgreSQL",
    "dynamodb": "DynamoDB",
}
"""The stores by the scheme of their URL."""

NEWEST = 500
"""How many orders are checked on request. `orderkeep doctor` checks all."""

LOOKS = {
    Level.ERROR: ("bad", "x", "Error"),
    Level.WARNING: ("warn", "warn", "Warning"),
    Level.NOTE: ("info", "doc", "Note"),
}
"""The colour class, icon and word of the levels of findings."""

_USER = re.compile(r"(?<=//)[^/@?]*@")


@screen.get()
async def show_system(page: Page) -> Response:
    """Return the page."""
    problem, schema = "", None
    try:
        await page.use_cases.check_store()
        schema = await page.use_cases.get_schema()
    except StoreUnavailable as error:
        problem = str(error)
    settings = page.settings
    diagnosis = Diagnosis()
    is_checked = page.query.get("check") == "orders"
    if is_checked:
        diagnosis = await page.use_cases.diagnose_store.execute(newest=NEWEST, actor=page.actor)
    diagnosis.add(settings_findings(settings))
    return page.render(
        "system.html",
        version=version("orderkeep"),
        python=platform.python_version(),
        store=NAMES.get(settings.store.partition(":")[0], "Other"),
        store_url=_USER.sub("", str(masked(settings.store))),
        documents_url=_USER.sub("", str(masked(settings.documents))),
        problem=problem,
        schema=schema,
        findings=diagnosis.findings,
        looks=LOOKS,
        checked=diagnosis.orders,
        is_checked=is_checked,
        newest=NEWEST,
        methods=[METHODS[each] for each in sorted(settings.authentication)],
        changed=_settings(settings, is_default=False),
        defaults=_settings(settings, is_default=True),
        is_migrated=settings.auto_migrate,
    )


def _settings(settings: Settings, *, is_default: bool) -> list[tuple[str, str, str]]:
    """Return the variable, the value and the meaning of the settings that are, or are not, their defaults."""
    found = []
    for name, about in Settings.model_fields.items():
        value = getattr(settings, name)
        if (value == about.default) is is_default:
            shown = _USER.sub("", str(masked(value)))
            found.append((f"ORDERKEEP_{name.upper()}", shown, about.description or ""))
    return found
