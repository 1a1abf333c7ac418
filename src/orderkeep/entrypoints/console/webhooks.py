"""The webhooks screen: whether each is healthy, its deliveries, and all that can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import groupby
from typing import Any

from starlette.responses import Response

from orderkeep.application.access.actor import Scope
from orderkeep.application.events import EVENT_TYPES
from orderkeep.application.ports import utc_now
from orderkeep.application.use_cases.create_webhook import BEGINNING, NOW
from orderkeep.application.use_cases.list_webhook_deliveries import DeliveryPage
from orderkeep.application.webhooks.delivery_log import Attempt
from orderkeep.application.webhooks.subscriptions import (
    MAX_DESCRIPTION_LENGTH,
    MAX_URL_LENGTH,
    PauseReason,
    WebhookStatus,
    WebhookView,
)
from orderkeep.domain.exceptions import Conflict, InvalidInput, VersionMismatch
from orderkeep.domain.limits import MAX_TAG_LENGTH
from orderkeep.entrypoints.api.problems import problem_of
from orderkeep.entrypoints.console.edits import WAS, Edit, compared, loaded_form
from orderkeep.entrypoints.console.events import last_position
from orderkeep.entrypoints.console.pages import Form, Page, Screen

screen = Screen("Webhooks", "/console/webhooks", scope=Scope.WEBHOOKS)
PATH = screen.path

POSITION = "position"
"""The choice of a start at a position."""

STARTS = {NOW: "Next event", BEGINNING: "First event of all", POSITION: "After a position"}
"""Where a webhook can start."""

LABELS = {
    "url": "URL",
    "types": "events",
    "tag": "tag",
    "description": "description",
    "start": "position",
    "first": "from position",
    "last": "to position",
}
"""What the fields of the forms are called."""

STATES = {"": ("All", None), "delivered": ("Delivered", True), "failed": ("Failed", False)}
"""The deliveries to list: the label, and the filter."""

RECENT = 40
"""How many of the newest attempts the health is shown of."""

BAR, HEIGHT = 4, 16
"""The width and height of a bar of the sparkline, in pixels."""

Health = tuple[str, str, str]
"""The colour class, the icon and the word."""


def health_of(webhook: WebhookView) -> Health:
    """Return whether events are delivered."""
    if webhook.paused_reason is PauseReason.GONE:
        return "bad", "x", "Gone"
    if webhook.paused_reason is PauseReason.FAILED:
        return "bad", "x", "Failed"
    if webhook.status is WebhookStatus.PAUSED:
        return "off", "hold", "Paused"
    return ("warn", "warn", "Retrying") if webhook.waiting_orders else ("ok", "done", "Healthy")


@dataclass(frozen=True, slots=True)
class Recent:
    """The newest attempts, newest first."""

    attempts: Sequence[Attempt]

    @property
    def accepted(self) -> int:
        """How many were accepted."""
        return sum(each.delivered for each in self.attempts)

    @property
    def rate(self) -> str:
        """How many were accepted, in percent: 100 % only if all were."""
        return f"{100 * self.accepted // len(self.attempts)} %"

    @property
    def text(self) -> str:
        """What the sparkline shows, in words."""
        runs = groupby(reversed(self.attempts), key=lambda each: each.delivered)
        words = [f"{len(list(run))} {'accepted' if delivered else 'failed'}" for delivered, run in runs]
        return f"Oldest to newest: {', '.join(words)}"

    def bars(self, *, delivered: bool) -> str:
        """Return the path of the attempts that were accepted or not; bars of failures are twice as high."""
        top = HEIGHT // 2 if delivered else 0
        return "".join(
            f"M{index * BAR} {top}h{BAR - 1}v{HEIGHT - top}h-{BAR - 1}z"
            for index, each in enumerate(reversed(self.attempts))
            if each.delivered == delivered
        )


@screen.get()
async def list_webhooks(page: Page) -> Response:
    """Return the list."""
    webhooks = await page.use_cases.list_webhooks.execute(page.actor)
    found = await asyncio.gather(*(_deliveries(page, each.id, limit=RECENT) for each in webhooks))
    return page.render(
        "webhooks.html",
        rows=[
            (webhook, health_of(webhook), Recent(deliveries.attempts))
            for webhook, deliveries in zip(webhooks, found, strict=True)
        ],
        end=await _end(page) if webhooks else None,
    )


async def _deliveries(page: Page, webhook_id: str, **of: Any) -> DeliveryPage:
    return await page.use_cases.list_webhook_deliveries.execute(webhook_id, actor=page.actor, **of)


async def _end(page: Page) -> int | None:
    """Return the position of the last change; None to those who may not read events."""
    return await last_position(page) if page.may(Scope.EVENTS) else None


@screen.get("/new")
async def new_webhook(page: Page) -> Response:
    """Return the form of a new webhook."""
    return _form(page, Form([("start", NOW)]))


@screen.post("/new")
async def create_webhook(page: Page) -> Response:
    """Create a webhook, and show its secret. It is not shown again, so this is no redirect."""
    try:
        created = await page.use_cases.create_webhook.execute(
            page.form.text("url"), **_filter(page.form), start=_start(page.form), key=page.once, actor=page.actor
        )
    except (InvalidInput, Conflict) as error:
        return _form(page, page.form, error=error)
    return page.render("webhook-secret.html", webhook=created, is_new=True)


def _filter(form: Form) -> dict[str, Any]:
    return {
        "types": form.all("types"),
        "tag": form.optional("tag"),
        "description": form.optional("description"),
    }


def _start(form: Form) -> str | int:
    start = form.text("start", NOW)
    return _number(form.text(POSITION), "start") if start == POSITION else start


def _number(text: str, field: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise InvalidInput("must be a whole number", field)
    return int(text)


def _form(
    page: Page,
    form: Form,
    webhook: WebhookView | None = None,
    error: InvalidInput | Conflict | None = None,
    edits: Sequence[Edit] = (),
) -> Response:
    """Return the form of a new webhook, or of one to change."""
    return page.render(
        "webhook-form.html",
        _status(error),
        webhook=webhook,
        form=form,
        wrong=error.field.partition("/")[0] if isinstance(error, InvalidInput) else "",
        problem=_problem(error),
        is_conflict=isinstance(error, VersionMismatch),
        changed=[each.difference for each in edits if each.is_changed],
        conflicts={each.name: each for each in edits if each.is_conflict},
        types=EVENT_TYPES,
        chosen=form.all("types"),
        starts=STARTS,
        lengths={"url": MAX_URL_LENGTH, "tag": MAX_TAG_LENGTH, "description": MAX_DESCRIPTION_LENGTH},
    )


def _status(error: InvalidInput | Conflict | None) -> int:
    return HTTPStatus.OK if error is None else problem_of(error).status


def _problem(error: InvalidInput | Conflict | None) -> str:
    if isinstance(error, InvalidInput):
        name = error.field.partition("/")[0]
        return f"{LABELS.get(name, name)} {error}"
    return "" if error is None else str(error)


@screen.get("/{webhook_id}")
async def show_webhook(page: Page) -> Response:
    """Return one webhook with its deliveries."""
    return await _show(page)


async def _show(page: Page, *, tested: Attempt | None = None, error: InvalidInput | Conflict | None = None) -> Response:
    webhook = await _get(page)
    state, event_type = page.query.get("state", ""), page.query.get("type", "")
    state, event_type = state if state in STATES else "", event_type if event_type in EVENT_TYPES else ""
    deliveries, recent = await asyncio.gather(
        _deliveries(
            page,
            webhook.id,
            cursor=page.query.get("cursor"),
            delivered=STATES[state][1],
            event_type=event_type or None,
        ),
        _deliveries(page, webhook.id, limit=RECENT),
    )
    return page.render(
        "webhook.html",
        _status(error),
        webhook=webhook,
        health=health_of(webhook),
        attempts=deliveries.attempts,
        recent=Recent(recent.attempts),
        given={"state": state, "type": event_type},
        states=STATES,
        types=webhook.types or EVENT_TYPES,
        next_cursor=deliveries.next_cursor,
        is_first="cursor" not in page.query,
        end=await _end(page),
        tested=tested,
        problem=_problem(error),
        may_read=page.may(Scope.READ),
        may_follow=page.may(Scope.EVENTS),
    )


async def _get(page: Page) -> WebhookView:
    webhook = await page.use_cases.get_webhook.execute(page.path["webhook_id"], page.actor)
    expires_at = webhook.previous_secret_expires_at
    return replace(webhook, previous_secret_expires_at=expires_at if expires_at and expires_at > utc_now() else None)


@screen.post("/{webhook_id}/test")
async def send_test(page: Page) -> Response:
    """Send a test event, and show what the receiver responded."""
    attempt = await page.use_cases.send_webhook_test.execute(page.path["webhook_id"], page.actor, key=page.once)
    return await _show(page, tested=attempt)


@screen.post("/{webhook_id}/pause")
async def pause(page: Page) -> Response:
    """Pause the deliveries."""
    webhook = await page.use_cases.pause_webhook.execute(page.path["webhook_id"], page.actor)
    return _done(page, webhook, "Deliveries are paused. No event is lost: resume to continue here.")


@screen.post("/{webhook_id}/resume")
async def resume(page: Page) -> Response:
    """Continue the deliveries; waiting events are sent at once."""
    webhook = await page.use_cases.resume_webhook.execute(page.path["webhook_id"], page.actor)
    return _done(page, webhook, "Deliveries continue where they stopped.")


@screen.get("/{webhook_id}/replay")
async def preview_replay(page: Page) -> Response:
    """Return what a replay would send."""
    webhook = await _get(page)
    try:
        first, last = _range(page.query, webhook)
    except InvalidInput as error:
        return await _show(page, error=error)
    return page.render("webhook-replay.html", webhook=webhook, first=first, last=last)


@screen.post("/{webhook_id}/replay")
async def replay(page: Page) -> Response:
    """Send a range of events again."""
    return await _replay(page, page.form.text("first"), page.form.text("last"))


@screen.post("/{webhook_id}/resend")
async def resend(page: Page) -> Response:
    """Send the events of one position again."""
    return await _replay(page, page.form.text("position"), page.form.text("position"))


async def _replay(page: Page, *limits: str) -> Response:
    try:
        first, last = _range(dict(zip(("first", "last"), limits, strict=True)), await _get(page))
        webhook = await page.use_cases.replay_webhook.execute(
            page.path["webhook_id"], first, last, page.actor, key=page.once
        )
    except (InvalidInput, Conflict) as error:
        return await _show(page, error=error)
    events = f"position {first}" if first == last else f"positions {first} to {last}"
    return _done(page, webhook, f"The events of {events} will be sent again.")


def _range(given: Mapping[str, str], webhook: WebhookView) -> tuple[int, int]:
    first, last = (_number(given.get(name, ""), name) for name in ("first", "last"))
    if first < 1:
        raise InvalidInput("must be at least 1", "first")
    if not first <= last <= webhook.position:
        raise InvalidInput(f"must be from {first} to {webhook.position}, the position of the webhook", "last")
    return first, last


@screen.get("/{webhook_id}/rotate")
async def confirm_rotation(page: Page) -> Response:
    """Return the question whether to replace the secret."""
    return page.render("webhook-rotate.html", webhook=await _get(page))


@screen.post("/{webhook_id}/rotate")
async def rotate(page: Page) -> Response:
    """Replace the secret, and show the new one. It is not shown again, so this is no redirect."""
    webhook = await page.use_cases.rotate_webhook_secret.execute(page.path["webhook_id"], page.actor, key=page.once)
    return page.render("webhook-secret.html", webhook=webhook, is_new=False)


@screen.get("/{webhook_id}/edit")
async def edit_webhook(page: Page) -> Response:
    """Return the form to change a webhook."""
    webhook = await _get(page)
    return _form(page, loaded_form(_stored(webhook), {}, webhook.version), webhook)


@screen.post("/{webhook_id}/edit")
async def update_webhook(page: Page) -> Response:
    """Change a webhook: only what the user of the form changed."""
    typed, was = _values(page.form), _values(page.form, WAS)
    changes = {name: value for name, value in typed.items() if value != was[name]}
    try:
        version = _number(page.form.text("if_match"), "version")
        await page.use_cases.update_webhook.execute(
            page.path["webhook_id"], changes, expected_version=version, actor=page.actor
        )
    except VersionMismatch as error:
        webhook = await _get(page)
        now = _stored(webhook)
        if changes.items() - now.items():
            edits = compared(LABELS, was, now, typed)
            return _form(page, loaded_form(now, changes, webhook.version), webhook, error, edits)
    except (InvalidInput, Conflict) as error:
        return _form(page, page.form, await _get(page), error)
    notice = "The changes are saved. They apply to all events that are not delivered yet."
    return page.redirect(f"{PATH}/{page.path['webhook_id']}", notice=notice)


def _values(form: Form, prefix: str = "") -> dict[str, Any]:
    """Return the values that the form contains, or those that it was loaded with."""
    texts = {name: form.optional(prefix + name) for name in ("tag", "description")}
    return {"url": form.text(prefix + "url"), **texts, "types": tuple(sorted(form.all(prefix + "types")))}


def _stored(webhook: WebhookView) -> dict[str, Any]:
    """Return the values of a webhook as `_values` does."""
    texts = {"tag": webhook.tag, "description": webhook.description}
    return {"url": webhook.url, **texts, "types": tuple(sorted(webhook.types))}


@screen.get("/{webhook_id}/delete")
async def confirm_deletion(page: Page) -> Response:
    """Return the question whether to delete a webhook."""
    return page.render("webhook-delete.html", webhook=await _get(page))


@screen.post("/{webhook_id}/delete")
async def delete(page: Page) -> Response:
    """Delete a webhook."""
    await page.use_cases.delete_webhook.execute(page.path["webhook_id"], actor=page.actor)
    return page.redirect(PATH, notice="The webhook is deleted.")


def _done(page: Page, webhook: WebhookView, notice: str) -> Response:
    return page.redirect(f"{PATH}/{webhook.id}", notice=notice)
