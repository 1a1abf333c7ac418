"""`orderkeep stats` and `orderkeep doctor`."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from orderkeep.application.periods import BY
from orderkeep.application.use_cases.diagnose_store import Finding
from orderkeep.application.use_cases.get_statistics import CurrencyFigures, Statistics
from orderkeep.bootstrap import UseCases
from orderkeep.domain.value_objects import in_major_units
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.options import Choice, rows_help, timezone
from orderkeep.entrypoints.cli.session import Session

COLUMNS = ("start", "currency", "orders", "value", "current_value", "captured", "refunded", "cancelled")
FINDING_COLUMNS = ("level", "code", "message", "action", "orders")


def day(value: str) -> date:
    """Return a date."""
    try:
        if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise click.BadParameter("must be a date such as 2026-11-30")


@command(
    "stats",
    f"""
    Orders are counted on the day when they were placed; payments, refunds and cancellations when they happened. All
    changes so far are counted first. Days begin at 00:00 in the time zone. Values are in major units, such as 99.00,
    and never added up over currencies.

    {rows_help(COLUMNS)} Each is a period and a currency; periods without figures are omitted. On a terminal, and with
    --json, there are also totals, the funnel, times in each status, reasons of cancellations and what is open now.
    """,
)
@click.option("--from", "start", type=day, metavar="DATE", help="First day. Default: 30 days before --to.")
@click.option("--to", "end", type=day, metavar="DATE", help="Day after the last one. Default: tomorrow.")
@click.option(
    "--timezone", "zone", type=timezone, metavar="NAME", help="Time zone, such as Europe/Berlin. Default: UTC."
)
@click.option("--by", type=Choice(list(BY)), help="Length of the periods. Default: day.")
@click.option("--rebuild", is_flag=True, help="First count all changes again. The service may continue to run.")
def stats_command(session: Session, zone: ZoneInfo | None, by: str | None, rebuild: bool, **days: Any) -> None:
    if rebuild and session.remote_url:
        raise click.UsageError("--rebuild needs the store and cannot be run on a server: use --store.")

    async def run(use_cases: UseCases) -> Statistics:
        if rebuild:
            with output.progress("Counting") as advance:
                await use_cases.update_statistics.rebuild(advance, actor=session.actor)
        return await use_cases.get_statistics.execute(
            days["start"], days["end"], timezone=zone.key if zone else "UTC", by=by or "day", actor=session.actor
        )

    session.options |= {"from": "--from", "to": "--to", "by": "--by", "timezone": "--timezone"}
    found = session.run(run)
    if not found.exact:
        output.say(f"only the first {found.position} changes are counted yet: run the command again to continue")
    is_table = output.wants_table(session)
    rows = [row for period in found.periods for row in _rows(_start(period.start, found.by), period.currencies)]
    output.write_rows(session, COLUMNS, rows, found)
    if is_table:
        _print_rest(session, found)


def _start(moment: datetime, by: str) -> str:
    return moment.isoformat(timespec="minutes") if by == "hour" else moment.date().isoformat()


def _rows(start: str, currencies: Iterable[CurrencyFigures]) -> Iterator[tuple[object, ...]]:
    for each in currencies:
        amounts = (each.value, each.current_value, each.captured.value, each.refunded.value, each.cancelled.value)
        yield (start, each.currency, each.orders, *[in_major_units(amount, each.currency) for amount in amounts])


def _print_rest(session: Session, found: Statistics) -> None:
    output.write_rows(session, COLUMNS, list(_rows("total", found.totals)))
    funnel = found.funnel
    stages = ("placed", "confirmed", "first_shipment", "shipped", "delivered", "cancelled")
    output.write_rows(session, stages, [[getattr(funnel, stage) for stage in stages]])
    times = [(each.status, each.count, _duration(each.p50), _duration(each.p95)) for each in found.time_in_status]
    output.write_rows(session, ("status", "left", "p50", "p95"), times)
    reasons = [
        (each.reason or "(none)", each.currency, each.orders, each.partial, in_major_units(each.value, each.currency))
        for each in found.cancellations
    ]
    output.write_rows(session, ("cancellation", "currency", "orders", "partial", "value"), reasons)
    owed = [
        (name.replace("_", " "), each.currency, amount.count, in_major_units(amount.value, each.currency))
        for each in found.current
        for name in ("refund_due", "void_due", "refund_pending")
        if (amount := getattr(each, name)).count
    ]
    output.write_rows(session, ("open_now", "currency", "orders", "amount"), owed)


def _duration(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds} s"


@command(
    "doctor",
    f"""
    Checks all orders against the rules of their parts, finds those that are stuck and money that is owed, compares the
    statistics with the orders, and reports webhooks that fail, consumers of the feed that are behind and settings that
    do not fit together. Reads only; the service may continue to run. For altered or lost data, use `orderkeep verify`.

    {rows_help(FINDING_COLUMNS)} Exits with 5 if an error or a warning needs action, and with 0 if there are only notes.
    """,
)
@click.option(
    "--newest",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only check the N newest orders, and do not compare the statistics.",
)
def doctor_command(session: Session, newest: int | None) -> None:
    from orderkeep.entrypoints.cli.commands.service import load_settings
    from orderkeep.entrypoints.settings_findings import settings_findings

    found = settings_findings(load_settings(store=session.store_url))
    with output.progress("Checking") as advance:
        report = session.run(lambda do: do.diagnose_store.execute(advance, newest=newest, actor=session.actor))
    report.add(found)
    output.write_rows(session, FINDING_COLUMNS, list(map(_row, report.findings)), report)
    if not session.as_json:
        many = f"{report.orders} {'order' if report.orders == 1 else 'orders'}"
        output.say(f"{many} checked: {'action is needed' if report.needs_action else 'no action is needed'}")
    if report.needs_action:
        raise click.exceptions.Exit(failures.INVALID)


def _row(finding: Finding) -> tuple[object, ...]:
    return (str(finding.level), finding.code, finding.message, finding.action, " ".join(finding.orders))
