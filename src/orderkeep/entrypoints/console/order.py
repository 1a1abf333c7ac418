"""The order screen: everything about one order, also at an earlier version; its actions, and its documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.util import find_spec
from typing import Any

import msgspec
from starlette.responses import RedirectResponse, Response

from orderkeep.application.documents import file_name_of
from orderkeep.application.dtos import EventDTO
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.application.use_cases.get_order_actions import OrderAction
from orderkeep.domain.exceptions import InvalidInput, OrderkeepError, VersionMismatch
from orderkeep.domain.lifecycle import LIFECYCLE, CommandRejected, commands_between
from orderkeep.domain.personal_data import PARTS
from orderkeep.domain.value_objects import Document
from orderkeep.entrypoints.amounts import message_in_major_units
from orderkeep.entrypoints.api.documents import HARMLESS
from orderkeep.entrypoints.api.problems import HttpProblem, status_of
from orderkeep.entrypoints.console.action_forms import ACTIONS, Action
from orderkeep.entrypoints.console.changes import SHOWN, Difference, differences, preview_of, timeline_of, values_of
from orderkeep.entrypoints.console.edits import COMPARED, edits_in, rebased, values_in
from orderkeep.entrypoints.console.equivalents import equivalents_of, of_reading
from orderkeep.entrypoints.console.fields import FieldError, failed, to_refund, unshipped
from orderkeep.entrypoints.console.orders import list_of_referrer
from orderkeep.entrypoints.console.pages import Form, Page, Screen
from orderkeep.entrypoints.console.rendering import STATUSES

screen = Screen("", "/console/orders/{order_id}", part_of="Orders")

MAIN_ACTIONS = ("confirm", "ship", "cancel", "add_refund")
"""The actions that people look for on every order: if they are not possible, the reason is always visible."""

NOTHING_CHANGED = "Nothing was changed: the order already is as requested."

SENT_BEFORE = "This form was sent before, with other values. To do this too, send it again."

HAS_PDF = find_spec("typst") is not None
"""Whether receipts can be issued as PDF."""

MOST_CHANGES = 199
"""How many changes the timeline shows at most."""


@screen.get()
async def show_order(page: Page) -> Response:
    """Return the page of an order as it is, or as it was at a version."""
    order_id = page.path["order_id"]
    current = await _current(page)
    version = _number(page.query.get("version"), current["version"])
    if version == current["version"]:
        shown = current
    else:
        shown = values_of(await page.use_cases.get_order_at.execute(order_id, version, page.actor))
    most = MOST_CHANGES if page.query.get("timeline") == "all" else SHOWN
    found = await page.use_cases.get_order_actions.execute(order_id, page.actor)
    allowed = {each.name for each in found.actions if _changes(each) and each.name in ACTIONS}
    documents = [Listed.of(order_id, each) for each in reversed(msgspec.convert(shown["documents"], list[Document]))]
    return page.render(
        "order.html",
        order=shown,
        current=current,
        name=name_of(current),
        back=list_of_referrer(page),
        timeline=await timeline_of(page, order_id, version, most),
        allowed=[ACTIONS[name] for name in ACTIONS if name in allowed],
        rejected=_rejected(found.actions, current, is_main=True),
        also_rejected=_rejected(found.actions, current, is_main=False),
        next_actions=[ACTIONS[name] for name in _next(current) if name in allowed][:2],
        may=allowed,
        failed=sum(each["amount"] for each in failed(shown["refunds"])),
        to_refund=to_refund(current),
        movements=list(_movements(shown)),
        line_names={line["id"]: line["name"] for line in shown["lines"]},
        unshipped=unshipped,
        documents=documents,
        issued=next((each for each in documents if each.id == page.query.get("issued")), None),
        formats=[each for each in page.use_cases.issue_receipt.renderers if each != "pdf" or HAS_PDF],
        raw=json.dumps(shown, indent=2, ensure_ascii=False),
        same=of_reading(page, order_id, None if shown is current else version),
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A document as the page lists it. One that does `open` can be shown in the browser: PDF needs a viewer, which
    browsers do not start in a sandbox.
    """

    id: str
    name: str
    text: str
    version: int
    opens: bool

    @classmethod
    def of(cls, order_id: str, document: Document) -> Listed:
        is_pdf = document.media_type == "application/pdf"
        text = f"{document.kind.capitalize()}, {'PDF' if is_pdf else 'HTML'}"
        return cls(document.id, file_name_of(order_id, document), text, document.order_version, not is_pdf)


async def _current(page: Page) -> dict[str, Any]:
    snapshot = await page.use_cases.get_order.execute(page.path["order_id"], page.actor)
    found: dict[str, Any] = msgspec.json.decode(snapshot.json)
    return dict.fromkeys(PARTS) | found


def name_of(order: Mapping[str, Any]) -> str:
    """Return what a person calls an order."""
    name: str = order["external_ref"] or order["id"][:8]
    return name


def _number(text: str | None, default: int) -> int:
    is_number = text is not None and text.isascii() and text.isdecimal() and len(text) < 10
    return int(text) if text is not None and is_number else default


def _changes(action: OrderAction) -> bool:
    """Return whether an action can change the order: it is allowed, and can do more than repeat what is recorded."""
    return action.reason is None


def _rejected(actions: Iterable[OrderAction], order: Mapping[str, Any], *, is_main: bool) -> list[tuple[Action, str]]:
    """Return the actions that are not possible, with the reasons: those of every order, or those of its parts."""
    found = [each for each in actions if not _changes(each) and (each.name in MAIN_ACTIONS) == is_main]
    return [(ACTIONS[each.name], readable(_reason(each, order["status"]))) for each in found if each.name in ACTIONS]


def _reason(action: OrderAction, status: str) -> str:
    """Return why an action is not possible, and after which others the status of the order allows it."""
    reason = action.reason or ""
    origins = [origin for origin, command in LIFECYCLE if command == action.name]
    paths = [path for origin in origins if (path := commands_between(status, origin))]
    if not paths or not reason.endswith(f": it is {status}"):
        return reason
    fewest = min(paths, key=len)
    return f"{reason}; {' and '.join(fewest)} it first"


def readable(text: str) -> str:
    """Return a message with the words of statuses as the pages show them."""
    for word, (_, _, shown) in STATUSES.items():
        if "_" in word:
            text = text.replace(word, shown.lower())
    return text


def _next(order: Mapping[str, Any]) -> Iterator[str]:
    """Yield the actions that are likely to come next, the most likely one first."""
    if to_refund(order):
        yield "add_refund"
    if order["refund_pending"]:
        yield "close_refund"
    if order["return_status"] == "requested":
        yield "receive_return"
    if order["on_hold"]:
        yield "release"
    yield from ("confirm", "ship", "deliver")


def _movements(order: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the payments and refunds, newest first."""
    found = [
        {
            "at": each["occurred_at"],
            "text": STATUSES[each["kind"]][2] + (f", {each['method']}" if each["method"] else ""),
            "reference": each["reference"],
            "state": each["kind"],
            "amount": each["amount"],
            "is_moved": each["kind"] == "captured",
        }
        for each in order["payments"]
    ]
    found += [
        {
            "at": each["closed_at"] or each["created_at"],
            "text": "Refund" + (f", {each['reason']}" if each["reason"] else ""),
            "reference": each["reference"],
            "state": each["status"],
            "amount": -each["amount"],
            "is_moved": each["status"] == "succeeded",
        }
        for each in order["refunds"]
    ]
    yield from sorted(found, key=lambda each: str(each["at"]), reverse=True)


@screen.get("/documents/{document_id}")
async def show_document(page: Page) -> Response:
    """Return a document, to open it or with `download=1` to save it. It is sandboxed: nothing in it is executed."""
    is_download = page.query.get("download") == "1"
    found = await page.use_cases.get_document.execute(
        page.path["order_id"], page.path["document_id"], page.actor, prefer_link=is_download
    )
    if found.link is not None:
        return RedirectResponse(found.link, HTTPStatus.SEE_OTHER)
    kind = "attachment" if is_download else "inline"
    headers = {"Content-Disposition": f'{kind}; filename="{found.file_name}"', **HARMLESS}
    return Response(found.content, headers=headers, media_type=found.document.media_type)


@screen.post("/receipt")
async def issue_receipt(page: Page) -> Response:
    """Issue the receipt of the order as it is now, and offer it on the page of the order."""
    order_id, file_format = page.path["order_id"], page.query.get("format", "html")
    issued = await page.use_cases.issue_receipt.execute(order_id, page.context(), file_format=file_format)
    return page.redirect(f"/console/orders/{order_id}", issued=issued.document.id)


@screen.get("/{action}")
async def show_action(page: Page) -> Response:
    """Return the form of an action, with a preview of what it would do with its first values."""
    action, order = await _action_and_order(page)
    start = [(field.name, page.query.get(field.name) or field.start(order)) for field in action.fields]
    for field in action.fields:
        if field.kind == "units":
            start += _units(field, order)
        options = field.options(order)
        if options and not dict(start).get(field.name):
            start.append((field.name, options[0][0]))
    form = Form([each for each in start if each[1]])
    return await _show(page, action, order, form, is_new=True)


def _units(field: Any, order: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f"{field.name}:{line['id']}", str(most if field.is_full else 0)) for line, most in field.rows(order)]


@screen.post("/{action}")
async def run_action(page: Page) -> Response:
    """Run an action, or preview it. If it is rejected, or the order has changed, the form keeps what was typed."""
    action, order = await _action_and_order(page)
    if page.form.text("do") == "preview":
        return await _show(page, action, order, page.form)
    expected = _number(page.form.optional("if_match"), 0) or None
    try:
        values = values_in(action.fields, page.form, order)
        result = await action.run(page.use_cases, order, page.context(expected_version=expected), values)
    except VersionMismatch:
        return await _show(page, action, await _current(page), page.form, is_conflict=True)
    except (OrderkeepError, FieldError) as error:
        return await _show(page, action, order, page.form, error=error)
    notice = NOTHING_CHANGED if result.unchanged else action.notice(order, values)
    return page.redirect(f"/console/orders/{order['id']}", notice=notice)


async def _action_and_order(page: Page) -> tuple[Action, dict[str, Any]]:
    action = ACTIONS.get(page.path["action"])
    if action is None:
        raise HttpProblem("not_found", "No page has this address.")
    return action, await _current(page)


async def _show(
    page: Page,
    action: Action,
    order: dict[str, Any],
    form: Form,
    *,
    is_new: bool = False,
    error: OrderkeepError | FieldError | None = None,
    is_conflict: bool = False,
) -> Response:
    """Return the form of an action and what would happen now."""
    version = _number(form.optional("if_match"), order["version"])
    before, last = order, None
    is_stale = 0 < version < order["version"]
    if is_stale:
        before = values_of(await page.use_cases.get_order_at.execute(order["id"], version, page.actor))
    if is_stale or (is_new and order["version"] > 1):
        last = (await timeline_of(page, order["id"], order["version"], 1)).entries[0]
    edits = edits_in(action.fields, form, before, order)
    form = rebased(form, edits) if is_conflict else form
    values, preview, problem, same = None, list[Difference](), error, None
    events: tuple[EventDTO, ...] = ()
    try:
        values = values_in(action.fields, form, order)
        context = page.context(dry_run=True)
        result = await action.run(page.use_cases, order, context, values)
        preview = preview_of(order, values_of(result.order)) + [
            Difference(each.label, each.now or "none", each.typed or "none")
            for each in edits
            if each.is_sent and each.typed != each.now and each.name not in COMPARED
        ]
        events = result.events
        same = await equivalents_of(page, action, order, values)
    except (OrderkeepError, FieldError) as failed:
        problem = problem or failed
    status = HTTPStatus.OK
    if is_conflict:
        status = HTTPStatus.PRECONDITION_FAILED
    elif error is not None:
        status = HTTPStatus(status_of(type(error)) if isinstance(error, OrderkeepError) else 422)
    return page.render(
        "action.html",
        status,
        action=action,
        order=order,
        name=name_of(order),
        form=form,
        label=action.label(order, None if isinstance(problem, CommandRejected) else values),
        preview=preview,
        events=events,
        same=same,
        problem=None if problem is None else _problem_text(problem, action, order),
        wrong=_field_of(problem, action),
        is_rejected=error is not None,
        is_new=is_new,
        is_conflict=is_conflict,
        is_reused=isinstance(error, IdempotencyKeyReused),
        conflicts={each.name: each for each in edits if is_conflict and each.is_conflict},
        changed=differences(before, order)
        + [each.difference for each in edits if each.is_changed and each.name not in COMPARED],
        is_stale=is_stale,
        last=last,
    )


def _problem_text(problem: OrderkeepError | FieldError, action: Action, order: Mapping[str, Any]) -> str:
    """Return the text of an error, with the label of its field, and the name of a line in place of its ID."""
    if isinstance(problem, IdempotencyKeyReused):
        return SENT_BEFORE
    text, wrong = readable(message_in_major_units(problem, order["currency"])), _field_of(problem, action)
    for line in order["lines"]:
        text = text.replace(f"line {line['id']} has", f"{line['name']} has")
    label = next((field.label for field in action.fields if field.name == wrong), "")
    return f"{label} {text}" if label else text


def _field_of(problem: OrderkeepError | FieldError | None, action: Action) -> str:
    """Return the name of the field that an error is about, or nothing."""
    name = ""
    if isinstance(problem, FieldError):
        name = problem.name
    elif isinstance(problem, InvalidInput):
        name = problem.field.replace("/", ".")
    names = [field.name for field in action.fields]
    return next((each for each in names if each in (name, name.partition(".")[0])), "")
