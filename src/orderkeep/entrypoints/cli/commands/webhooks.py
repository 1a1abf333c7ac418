"""`orderkeep webhooks …`: subscriptions to the events of orders, and their deliveries."""

from typing import Any

import click

from orderkeep.application.events import EVENT_TYPES
from orderkeep.application.use_cases.create_webhook import BEGINNING, NOW
from orderkeep.application.webhooks.delivery_log import Attempt
from orderkeep.application.webhooks.subscriptions import WebhookView
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.options import KEY, Choice, Paging, paging_options, rows_help, text, trimmed_text
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.envelopes import delivery_form, webhook_form

WEBHOOK_COLUMNS = ("id", "status", "url", "types", "tag", "position", "waiting_orders", "paused_reason", "created_at")
DELIVERY_COLUMNS = ("at", "event_id", "type", "attempt", "delivered", "status", "seconds", "error", "response")

WEBHOOK_ID = click.argument("webhook_id", metavar="ID", type=trimmed_text)
TYPE = click.option(
    "--type",
    "types",
    type=Choice(EVENT_TYPES),
    multiple=True,
    metavar="TYPE",
    help="Only events of this type, such as OrderCancelled. Repeatable.",
)
SAVE = "save this secret now: it cannot be shown again. Receivers verify signatures with it"


def _start(value: str) -> str | int:
    if value in (NOW, BEGINNING):
        return value
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise click.BadParameter(f"must be {NOW}, {BEGINNING}, or a position: a whole number.")
    return int(value)


@command(
    "webhooks create",
    """
    \b
      orderkeep webhooks create https://shop.example/hooks --type OrderCancelled

    Prints the webhook on stderr and its secret on stdout; with --json, both on stdout.
    """,
)
@click.argument("url", type=text)
@TYPE
@click.option("--tag", type=text, help="Only events of orders that have this tag.")
@click.option("--description", type=text, help="What the webhook is for.")
@click.option(
    "--start",
    type=_start,
    default=NOW,
    metavar=f"{NOW}|{BEGINNING}|N",
    help=f"First event: the next one, the first, or that after position N. Default: {NOW}.",
)
@KEY
def webhooks_create_command(session: Session, url: str, **options: Any) -> None:
    async def create(use_cases: UseCases) -> None:  # prints the secret before anything else can fail
        webhook = await use_cases.create_webhook.execute(url, **options, actor=session.actor)
        done = "was created by an earlier request with this key" if webhook.replayed else "is created"
        _print_secret(session, webhook, f"the webhook {webhook.id} {done}")

    session.run(create)


@command("webhooks list", f"Oldest first. {rows_help(WEBHOOK_COLUMNS)}")
def webhooks_list_command(session: Session) -> None:
    found = session.run(lambda use_cases: use_cases.list_webhooks.execute(session.actor))
    forms = [webhook_form(each) for each in found]
    json = {"data": forms, "has_more": False, "next_cursor": None}
    if not found and output.wants_table(session):
        output.say("there are no webhooks")
        return
    output.write_rows(session, WEBHOOK_COLUMNS, map(_row, found), json)


@command("webhooks show", "Shows the progress, too. The secret is not shown.")
@WEBHOOK_ID
def webhooks_show_command(session: Session, webhook_id: str) -> None:
    _print(session, session.run(lambda use_cases: use_cases.get_webhook.execute(webhook_id, session.actor)))


@command(
    "webhooks update",
    """
    Changes only what is given. The filter applies to all events that are not delivered yet.
    """,
)
@WEBHOOK_ID
@click.option("--url", type=text, help="URL that events are sent to.")
@TYPE
@click.option("--all-types", is_flag=True, help="Events of all types.")
@click.option("--tag", type=text, help="Only events of orders that have this tag.")
@click.option("--no-tag", is_flag=True, help="Events of all orders.")
@click.option("--description", type=text, help="What the webhook is for.")
@click.option("--no-description", is_flag=True, help="Remove the description.")
@click.option(
    "--expected-version", type=click.IntRange(min=1), metavar="N", help="Fail unless the webhook is at version N."
)
def webhooks_update_command(session: Session, webhook_id: str, expected_version: int | None, **given: Any) -> None:
    for option in ("tag", "description"):
        if given.pop(f"no_{option}"):
            if given[option] is not None:
                raise click.UsageError(f"--{option} and --no-{option} cannot be used together.")
        elif given[option] is None:
            del given[option]
    if given.pop("all_types"):
        if given["types"]:
            raise click.UsageError("--type and --all-types cannot be used together.")
    elif not given["types"]:
        del given["types"]
    if given["url"] is None:
        del given["url"]
    if not given:
        raise click.UsageError("nothing to change: use --url, --type, --tag or --description.")
    updated = session.run(
        lambda use_cases: use_cases.update_webhook.execute(
            webhook_id, given, expected_version=expected_version, actor=session.actor
        )
    )
    _print(session, updated)


@command("webhooks delete", "Its position and its deliveries are deleted, too. This cannot be undone.")
@WEBHOOK_ID
@click.option(
    "--expected-version", type=click.IntRange(min=1), metavar="N", help="Fail unless the webhook is at version N."
)
def webhooks_delete_command(session: Session, webhook_id: str, expected_version: int | None) -> None:
    session.run(
        lambda use_cases: use_cases.delete_webhook.execute(
            webhook_id, expected_version=expected_version, actor=session.actor
        )
    )
    output.say("the webhook is deleted")


@command("webhooks pause", "Stops deliveries until it is resumed. No event is lost meanwhile.")
@WEBHOOK_ID
def webhooks_pause_command(session: Session, webhook_id: str) -> None:
    _print(session, session.run(lambda use_cases: use_cases.pause_webhook.execute(webhook_id, session.actor)))


@command(
    "webhooks resume",
    """
    Continues exactly where deliveries stopped. Waiting events are sent at once and have all their attempts again; also
    if the webhook is not paused.
    """,
)
@WEBHOOK_ID
def webhooks_resume_command(session: Session, webhook_id: str) -> None:
    _print(session, session.run(lambda use_cases: use_cases.resume_webhook.execute(webhook_id, session.actor)))


@command(
    "webhooks test",
    "Sends a test event once, from here, or with --remote from the server. Exits with 4 if the receiver rejects it.",
)
@WEBHOOK_ID
@KEY
def webhooks_test_command(session: Session, webhook_id: str, key: str | None) -> None:
    attempt = session.run(lambda do: do.send_webhook_test.execute(webhook_id, session.actor, key=key))
    form = delivery_form(attempt)
    output.write_facts(session, [(name, form[name]) for name in DELIVERY_COLUMNS if name != "attempt"], form)
    if not attempt.delivered:
        raise click.exceptions.Exit(failures.REJECTED)


@command(
    "webhooks rotate-secret",
    """
    For 24 hours, requests are signed with the previous secret too. Prints the webhook on stderr and its new secret on
    stdout; with --json, both on stdout.
    """,
)
@WEBHOOK_ID
@KEY
def webhooks_rotate_secret_command(session: Session, webhook_id: str, key: str | None) -> None:
    async def rotate(use_cases: UseCases) -> None:  # prints the secret before anything else can fail
        webhook = await use_cases.rotate_webhook_secret.execute(webhook_id, session.actor, key=key)
        done = "got a new secret by an earlier request with this key" if webhook.replayed else "has a new secret"
        _print_secret(session, webhook, f"the webhook {webhook.id} {done}")

    session.run(rotate)


@command(
    "webhooks replay",
    """
    Sends the events from position FIRST to position LAST again, as far as they match the filter. The position of the
    webhook does not change.
    """,
)
@WEBHOOK_ID
@click.option("--first", type=click.IntRange(min=1), required=True, metavar="N", help="Position of the first event.")
@click.option("--last", type=click.IntRange(min=1), required=True, metavar="N", help="Position of the last event.")
@KEY
def webhooks_replay_command(session: Session, webhook_id: str, first: int, last: int, key: str | None) -> None:
    replayed = session.run(lambda do: do.replay_webhook.execute(webhook_id, first, last, session.actor, key=key))
    _print(session, replayed)


@command("webhooks deliveries", f"The newest attempts, newest first. {rows_help(DELIVERY_COLUMNS)}")
@WEBHOOK_ID
@click.option(
    "--state",
    type=Choice(["delivered", "failed"]),
    help="Only attempts that the receiver accepted, or only the others.",
)
@click.option(
    "--type",
    "event_type",
    type=Choice(EVENT_TYPES),
    metavar="TYPE",
    help="Only events of this type, such as OrderCancelled.",
)
@paging_options
def webhooks_deliveries_command(
    session: Session, webhook_id: str, state: str | None, event_type: str | None, paging: Paging
) -> None:
    delivered = None if state is None else state == "delivered"

    def fetch(use_cases: UseCases, **page: Any) -> Any:
        return use_cases.list_webhook_deliveries.execute(webhook_id, delivered=delivered, event_type=event_type, **page)

    def row(attempt: Attempt) -> list[object]:
        form = delivery_form(attempt)
        return [form[name] for name in DELIVERY_COLUMNS]

    if_empty = "no attempt matches" if state or event_type else "nothing was sent yet"
    output.print_list(session, paging, "attempts", fetch, DELIVERY_COLUMNS, row, delivery_form, if_empty=if_empty)


def _print(session: Session, webhook: WebhookView) -> None:
    form = webhook_form(webhook)
    facts = form | {"types": _types(webhook)}
    if webhook.replay is not None:
        facts["replay"] = f"{webhook.replay.first} to {webhook.replay.last}, at {webhook.replay.position}"
    output.write_facts(session, facts.items(), form)


def _print_secret(session: Session, webhook: WebhookView, message: str) -> None:
    output.say(message)
    output.say(SAVE)
    if session.as_json:
        output.write_json(webhook_form(webhook))
    else:
        output.write(f"{webhook.secret}\n".encode())


def _types(webhook: WebhookView) -> str:
    return " ".join(webhook.types) or "all"


def _row(webhook: WebhookView) -> list[object]:
    form = webhook_form(webhook) | {"types": _types(webhook)}
    return [form[name] for name in WEBHOOK_COLUMNS]
