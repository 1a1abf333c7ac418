"""The API keys screen: create a key, which is shown once; list them; revoke one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from starlette.responses import Response

from orderkeep.application.access.actor import Scope
from orderkeep.application.access.api_keys import ApiKey, KeyState
from orderkeep.application.errors import ApiKeyNotFound
from orderkeep.application.ports import utc_now
from orderkeep.application.use_cases.create_api_key import CreatedApiKey
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.entrypoints.console.pages import Form, Page, Screen

screen = Screen("API keys", "/console/keys", scope=Scope.ADMIN)
PATH = screen.path

CUSTOMER = "customer"
"""The choice of a key for one customer, in place of staff with scopes."""

SCOPES = {
    "orders:read": "Read orders; issue receipts",
    "orders:write": "Place, confirm, edit, hold",
    "orders:cancel": "Cancel; request returns",
    "orders:ship": "Ship, deliver, track",
    "orders:pay": "Record payments",
    "orders:refund": "Refunds and returns",
    "orders:erase": "Erase personal data",
    "events:read": "Read all events",
    "webhooks:admin": "Manage webhooks",
    "stats:read": "Read statistics",
    "admin": "All of these, and API keys",
}
"""What each scope permits, in a few words."""

MAX_PAGE = 200


@screen.get()
async def list_keys(page: Page) -> Response:
    """Return the keys, newest first, and the form of a new one."""
    return await _page(page)


@screen.post()
async def create_key(page: Page) -> Response:
    """Create a key and show it. It is not shown again, so this is no redirect: a reload sends the form again."""
    form = page.form
    try:
        created = await page.use_cases.create_api_key.execute(
            form.text("name"),
            scopes=() if form.text("for") == CUSTOMER else form.all("scopes"),
            user_id=form.text("user_id") if form.text("for") == CUSTOMER else None,
            expires_at=_end_of_day(form.text("expires_at")),
            key=page.once,
            actor=page.actor,
        )
    except InvalidInput as invalid:
        return await _page(page, errors={invalid.field.partition("/")[0]: _message(invalid)})
    return await _page(page, created=created)


@screen.get("/{key_id}/revoke")
async def confirm_revocation(page: Page) -> Response:
    """Return the question whether to revoke a key."""
    key = await _find(page, page.path["key_id"])
    return page.render("revoke-key.html", key=key, is_own=page.actor == key.actor)


@screen.post("/{key_id}/revoke")
async def revoke(page: Page) -> Response:
    """Revoke a key."""
    key = await page.use_cases.revoke_api_key.execute(page.path["key_id"], page.actor)
    return page.redirect(PATH, notice=f"The key {key.name} is revoked.")


async def _page(page: Page, created: CreatedApiKey | None = None, errors: dict[str, str] | None = None) -> Response:
    found = await page.use_cases.list_api_keys.execute(cursor=page.query.get("cursor"), actor=page.actor)
    now = utc_now()
    return page.render(
        "keys.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        keys=[(key, key.state_at(now)) for key in found.keys],
        next_cursor=found.next_cursor,
        is_first="cursor" not in page.query,
        created=created,
        form=page.form if errors else Form([("scopes", Scope.READ)]),
        errors=errors or {},
        scopes={scope: SCOPES[scope] for scope in Scope},
        customer=CUSTOMER,
        active=KeyState.ACTIVE,
        is_enabled="keys" in page.settings.authentication,
    )


async def _find(page: Page, key_id: str) -> ApiKey:
    cursor = None
    while True:
        found = await page.use_cases.list_api_keys.execute(limit=MAX_PAGE, cursor=cursor, actor=page.actor)
        for key in found.keys:
            if key.id == key_id:
                return key
        cursor = found.next_cursor
        if cursor is None:
            raise ApiKeyNotFound


def _end_of_day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise InvalidInput("must be a date such as 2027-01-31", "expires_at") from None


def _message(invalid: InvalidInput) -> str:
    return "must have at least one scope" if invalid.field == "scopes" else str(invalid)
