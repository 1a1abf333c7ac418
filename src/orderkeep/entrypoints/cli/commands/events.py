"""`orderkeep events`."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf

import click

from orderkeep.application.event_feed import EventPage
from orderkeep.application.events import EVENT_TYPES, EventView, event_json
from orderkeep.application.use_cases.list_events import LONGEST_WAIT
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.bootstrap import UseCases
from orderkeep.domain.exceptions import ServiceUnavailable
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.options import LIMIT_HELP, Choice, rows_help
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.cli.tables import text_of

COLUMNS = ("position", "recorded_at", "type", "order_id", "version", "actor_kind", "data")


_START = b'{"data":['


@dataclass(slots=True)
class _Selection:
    """Which events are printed: those of the types (if any) after the position, and at most so many."""

    position: int
    types: Sequence[str]
    most: float
    count: int = 0

    def of(self, page: EventPage) -> list[EventView]:
        """Return the events of the page, up to the change that would exceed the maximum; advance the position."""
        found = list[EventView]()
        for position, events in groupby(page.events, key=lambda event: event.position):
            selected = [event for event in events if not self.types or event.type in self.types]
            if self.count and selected and self.count + len(selected) > self.most:
                return found
            self.position, self.count = position, self.count + len(selected)
            found += selected
        self.position = page.next_after
        return found


@command(
    "events",
    f"""
    \b
      orderkeep events --follow
      orderkeep events --after 1200 --limit 200
      orderkeep events --type OrderCancelled --all --json

    Events are printed oldest first, in the order in which they were recorded. Those of one change share its position in
    the feed and are printed together: the list ends before the change that would exceed --limit. {rows_help(COLUMNS)}
    With --json and --follow, each line is an event in JSON.
    """,
)
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="N", help="Only events after position N.")
@click.option("--limit", type=click.IntRange(1, LARGEST_PAGE), metavar="N", help=LIMIT_HELP)
@click.option("--all", "everything", is_flag=True, help="Print all events.")
@click.option("--follow", is_flag=True, help="Print all events, then new ones as they come, until Ctrl+C.")
@click.option(
    "--type",
    "types",
    type=Choice(EVENT_TYPES),
    multiple=True,
    metavar="TYPE",
    help="Only events of this type, such as OrderCancelled. Repeatable.",
)
@click.option("--full", is_flag=True, help="With --json: the data also has the order after the change, and before it.")
def events_command(
    session: Session,
    after: int,
    limit: int | None,
    types: tuple[str, ...],
    *,
    everything: bool,
    follow: bool,
    full: bool,
) -> None:
    if limit is not None and (everything or follow):
        raise click.UsageError(f"--limit and {'--follow' if follow else '--all'} cannot be used together.")
    if full and not session.as_json:
        raise click.UsageError("--full requires --json.")
    selection = _Selection(after, types, inf if everything or follow else limit or DEFAULT_PAGE)
    if follow:
        _follow(session, selection, full=full)
        return
    has_more = session.run(lambda do: _print_all(do, session, selection, full=full))
    position = selection.position
    if session.as_json:
        start = b"" if selection.count else _START
        output.write(start + b'],"has_more":%b,"next_after":%d}\n' % (b"true" if has_more else b"false", position))
    elif has_more:
        output.say(f"there are more events: add --all, or --after {position}")
    elif not selection.count and output.wants_table(session):
        output.say("no events found")


def _follow(session: Session, selection: _Selection, *, full: bool) -> None:
    async def run(use_cases: UseCases) -> None:
        while True:
            session.if_interrupted = f"continue with --after {selection.position}"
            page = await use_cases.list_events.execute(
                after=selection.position, limit=LARGEST_PAGE, full=full, wait=LONGEST_WAIT, actor=session.actor
            )
            for event in selection.of(page):
                output.write((event_json(event) if session.as_json else _line(event)) + b"\n")
            output.flush()

    try:
        session.run(run)
    except ServiceUnavailable as error:
        error.add_note(f"continue with --after {selection.position}")
        raise


async def _print_all(use_cases: UseCases, session: Session, selection: _Selection, *, full: bool) -> bool:
    """Print the events, page by page, and return whether more follow."""
    limit = int(LARGEST_PAGE if selection.types else min(selection.most, LARGEST_PAGE))
    while True:
        page = await use_cases.list_events.execute(
            after=selection.position, limit=limit, full=full, actor=session.actor
        )
        start = b"," if selection.count else _START
        if events := selection.of(page):
            if session.as_json:
                output.write(start + b",".join(map(event_json, events)))
            else:
                output.write_rows(session, COLUMNS, map(_row, events))
        if selection.position < page.next_after:
            return True
        if selection.count >= selection.most or not page.has_more:
            return page.has_more


def _line(event: EventView) -> bytes:
    return "\t".join(map(text_of, _row(event))).encode()


def _row(event: EventView) -> tuple[object, ...]:
    data = "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in event.data.items() if value is not None)
    return (*[getattr(event, name) for name in COLUMNS[:-1]], data)
