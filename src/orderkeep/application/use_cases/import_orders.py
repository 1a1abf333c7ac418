"""Import orders from another system."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from itertools import compress, islice
from operator import attrgetter, not_
from typing import Protocol

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.change_order import CommandContext, change_order
from orderkeep.application.dtos import OrderDTO, PlaceOrder
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.application.ids import new_salt, order_id_for_external_ref
from orderkeep.application.personal_data import stored_personal_data
from orderkeep.application.ports import Clock, OrderFilter, OrderStore, utc_now
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.deliver_order import DeliverOrderUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import InvalidInput, InvalidTime, TotalMismatch
from orderkeep.domain.lifecycle import Command, CommandRejected, commands_between
from orderkeep.domain.personal_data import PARTS, PersonalData
from orderkeep.domain.value_objects import in_utc, normalized_ref

MOST_PROBLEMS = 1_000
"""How many problems are reported in full; further ones are only counted."""

MAX_IMPORT_CLOCK_SKEW = timedelta(minutes=5)
"""How far the clock of another system may be ahead of ours. Later times are in the future, and rejected."""


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """A problem in a line of a file. `field` is a path such as `lines/0/quantity`. `continues` is the first line of the
    order that the line should have been next to.
    """

    line: int
    field: str
    code: str
    message: str
    continues: int = 0


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An order read from a file, with the line that it starts in, or None and the problems that prevented it.

    An `order.id` of "" is derived from `external_ref`. `order.version` is ignored: it counts the commits of this store.
    `source` is the text of the order in the file, which is `incomplete` if the rest of an order or of the file could
    not be read. `personal` is the personal data of the order.
    """

    line: int
    order: OrderDTO | None
    problems: tuple[ImportProblem, ...] = ()
    source: str = ""
    incomplete: bool = False
    personal: PersonalData | None = None


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """A valid order, with its ID. `id_field` identifies it in the file: `id`, or `external_ref` if it has no ID.
    `stored_id` is the ID of the stored order that it updates, "" if it is a new one.
    """

    line: int
    id_field: str
    order: OrderDTO
    stored_id: str = ""
    personal: PersonalData | None = None

    def to_order(self, now: datetime | None = None) -> Order:
        """Return the order to write. `now` is the time of the import: an order that is dated ahead changed then."""
        order = self.order
        if now and _is_future(in_utc(order.updated_at), now):
            order = replace(order, updated_at=now)
        return order.to_imported_order(now, self.personal, new_salt() if self.personal else b"")


class Buffer(Protocol):
    """Holds the checked orders until all are checked: a list, or a file."""

    def append(self, order: CheckedOrder, /) -> None:
        """Add an order."""

    def __iter__(self) -> Iterator[CheckedOrder]:
        """Return all orders, once."""


@dataclass(slots=True)
class ImportReport:
    """The content of a file and the outcome of its import. Totals are in minor units, by currency.

    `imported` orders are new, `updated` ones followed the file to another status, `unchanged` ones were imported
    before, and `present` ones are stored with the same content under another ID. In a dry run, `imported` and `updated`
    are what the import would write. If the file was read incompletely, invalid orders cannot be skipped.
    """

    orders: int = 0
    lines: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)
    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    present: int = 0
    problems: list[ImportProblem] = field(default_factory=list)
    problem_count: int = 0
    incomplete: bool = False

    def add_problem(self, problem: ImportProblem) -> None:
        """Count a problem, and keep the first ones. The total of an order without its later lines is not a problem."""
        if problem.continues:
            of_part = (problem.continues, TotalMismatch.code)
            kept = [each for each in self.problems if (each.line, each.code) != of_part]
            self.problem_count -= len(self.problems) - len(kept)
            self.problems = kept
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)

    def add(self, outcome: str | ImportProblem) -> None:
        """Count an outcome: a problem, or the name of a count."""
        if isinstance(outcome, ImportProblem):
            self.add_problem(outcome)
        else:
            setattr(self, outcome, getattr(self, outcome) + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How to import. `update`: follow a known order to the status in the file, by commands. `skip_invalid`: write the
    valid orders although others have problems. `prefix` precedes the references of orders without an ID, so that shops
    with the same order numbers can be imported into one store. `dated_ahead`: accept orders that were created in the
    future, or after their last change.
    """

    dry_run: bool = False
    skip_invalid: bool = False
    update: bool = False
    dated_ahead: bool = False
    prefix: str = ""


class ImportOrdersUseCase:
    """Import orders with their dates and statuses, once: repeat the import to finish one that was interrupted."""

    def __init__(self, store: OrderStore, clock: Clock = utc_now) -> None:
        self.store, self.clock = store, clock

    async def execute(
        self,
        rows: Iterable[ImportRow],
        options: ImportOptions = ImportOptions(),  # frozen
        *,
        buffer: Buffer | None = None,
        report: ImportReport | None = None,
        on_rejected: Callable[[ImportRow], None] = lambda _: None,
        actor: Actor = SYSTEM,
    ) -> ImportReport:
        """Check all rows and compare them with the store, then write the orders, and return the outcome. If there are
        problems, nothing is written, unless invalid orders are skipped. The rows are read once, so that exactly what
        was checked is written, even if the file changes meanwhile.

        `report` is updated while the import runs. Raises `NotAllowed`, `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)  # imported statuses bypass the rules of commands
        report = ImportReport() if report is None else report
        buffer = [] if buffer is None else buffer
        planned: Counter[str] = Counter()
        async for row, outcome in self._check_all(rows, report, options):
            if isinstance(outcome, CheckedOrder):
                planned["updated" if outcome.stored_id else "imported"] += 1
                if not options.dry_run and (options.skip_invalid or not report.problem_count):
                    buffer.append(outcome)
            elif outcome is None:
                on_rejected(row)
            else:
                report.add(outcome)
        if report.incomplete or (report.problem_count and not options.skip_invalid):
            return report
        if options.dry_run:
            report.imported, report.updated = planned["imported"], planned["updated"]
            return report
        orders = iter(buffer)
        while batch := list(islice(orders, self.store.saves_at_once)):
            for result in await self._write(batch, actor):
                report.add(result)
        return report

    async def _check_all(
        self, rows: Iterable[ImportRow], report: ImportReport, options: ImportOptions
    ) -> AsyncIterator[tuple[ImportRow, CheckedOrder | str | None]]:
        """Yield each row with the order to write, or the count that it belongs to, or None if it has a problem."""
        ids: set[str] = set()
        waiting = iter(rows)
        while batch := list(islice(waiting, self.store.saves_at_once)):
            checked = [self._check(row, ids, report, options) for row in batch]
            compared = iter(await asyncio.gather(*(self._compare(each, options) for each in checked if each)))
            for row, each in zip(batch, checked, strict=True):
                outcome = next(compared) if each else None
                if isinstance(outcome, ImportProblem):
                    report.add_problem(outcome)
                    outcome = None
                yield row, outcome

    def _check(
        self, row: ImportRow, ids: set[str], report: ImportReport, options: ImportOptions
    ) -> CheckedOrder | None:
        for problem in row.problems:
            report.add_problem(problem)
        report.incomplete |= row.incomplete
        if row.order is None:
            return None
        id_field = "id" if row.order.id else "external_ref"
        order = _with_id(row.order, options.prefix)
        if not order.id:
            report.add_problem(ImportProblem(row.line, "external_ref", "field_missing", "is required without an id"))
            return None
        if order.id in ids:
            message = "identifies an earlier order of the file too"
            report.add_problem(ImportProblem(row.line, id_field, "duplicate_order", message))
            return None
        ids.add(order.id)
        try:
            checked = CheckedOrder(row.line, id_field, order, personal=row.personal)
            _check_times(checked.to_order(), self.clock(), may_be_ahead=options.dated_ahead)
        except InvalidInput as error:
            report.add_problem(ImportProblem(row.line, error.field, error.code, str(error)))
            return None
        report.orders += 1
        report.lines += len(order.lines)
        report.statuses[order.status] += 1
        report.totals[order.currency] += order.total
        return checked

    async def _compare(self, checked: CheckedOrder, options: ImportOptions) -> CheckedOrder | str | ImportProblem:
        """Return the order if it is to be written; otherwise its problem, or the count that it belongs to."""
        found, order = await self._find(checked), checked.order
        if found is None:
            return checked
        if names := _differences(found, order) + await self._differences_in_person(found, checked.personal):
            message = f"is that of the stored order {found.id}, which differs in {', '.join(names)}: it was not changed"
            return ImportProblem(checked.line, checked.id_field, "already_kept", message)
        commands = commands_between(found.status, order.status)
        if not commands and (found.status == order.status or commands_between(order.status, found.status)):
            return "unchanged" if found.id == order.id else "present"
        message = f"is {order.status}, but the order is stored as {found.status}"
        if not commands:
            message += ": no command leads there"
            return ImportProblem(checked.line, "status", "status_conflict", message)
        if not options.update:
            return ImportProblem(checked.line, "status", "status_differs", message)
        return replace(checked, stored_id=found.id)

    async def _differences_in_person(self, found: Order, given: PersonalData | None) -> list[str]:
        """Return the parts of the personal data that differ. Data that was erased stays erased."""
        if given is None or found.personal_data is None:
            return []
        stored = await stored_personal_data(self.store, found.id)
        return [part for part in PARTS if stored and getattr(stored, part) != getattr(given, part)]

    async def _find(self, checked: CheckedOrder) -> Order | None:
        """Load the stored order with that ID, or else with that reference, if the file has no ID."""
        if checked.id_field == "external_ref":
            page = await self.store.list_page(OrderFilter(external_ref=checked.order.external_ref), None, 1)
            if not page.documents:
                return None
            other_id = json.loads(page.documents[0])["id"]
            if other_id != checked.order.id and await self.store.get_snapshot(checked.order.id) is None:
                return await self.store.get_by_id(other_id)
        return await self.store.get_by_id(checked.order.id)

    async def _write(self, batch: Sequence[CheckedOrder], actor: Actor) -> list[str | ImportProblem]:
        """Insert the new orders together, and update the others. Return for each its problem, or its count."""
        new, now = [each for each in batch if not each.stored_id], self.clock()
        inserts = []
        for each in new:  # inserted first, like a new order by `change_order`
            context, command = _request(each.order, actor)
            inserts.append(each.to_order(now))
            inserts[-1].set_attribution(context.attribution(command))
        saved = await self.store.save_each(inserts)
        again = (self._insert(each, actor) for each in compress(new, map(not_, saved)))
        updates = (self._update(each, actor) for each in batch if each.stored_id)
        return [*["imported"] * sum(saved), *await asyncio.gather(*again, *updates)]

    async def _insert(self, checked: CheckedOrder, actor: Actor) -> str | ImportProblem:
        """Insert an order that another writer may have inserted meanwhile."""
        order = checked.order

        def decide(found: Order | None) -> Order:
            if found is None:
                return checked.to_order(self.clock())
            if not _differences(found, order):
                return found
            raise IdempotencyKeyReused

        try:
            result = await change_order(self.store, order.id, decide, *_request(order, actor), scope=Scope.ADMIN)
        except IdempotencyKeyReused:
            message = f"is that of the stored order {order.id}, which differs: it was not changed"
            return ImportProblem(checked.line, checked.id_field, "already_kept", message)
        return "unchanged" if result.replayed or result.unchanged else "imported"

    async def _update(self, checked: CheckedOrder, actor: Actor) -> str | ImportProblem:
        """Run the commands that lead from the current status of the stored order to the one in the file."""
        store, clock, order = self.store, self.clock, checked.order
        context, cancellation = CommandContext(actor=actor), order.cancellation
        reason, note = (cancellation.reason, cancellation.note) if cancellation else (None, None)
        found = await store.get_by_id(checked.stored_id)
        try:
            for command in commands_between(found.status, order.status) if found else ():
                match command:
                    case Command.CONFIRM:
                        await ConfirmOrderUseCase(store, store, clock).execute(checked.stored_id, context)
                    case Command.SHIP:
                        await ShipOrderUseCase(store, store, clock).execute(checked.stored_id, context)
                    case Command.DELIVER:
                        await DeliverOrderUseCase(store, store, clock).execute(checked.stored_id, context)
                    case _:  # Command.CANCEL
                        cancel = CancelOrderUseCase(store, store, clock)
                        await cancel.execute(checked.stored_id, context, reason=reason, note=note)
        except CommandRejected as error:  # another writer was first
            return ImportProblem(checked.line, "status", error.code, f"is {order.status}: {error}")
        return "updated"


_CONTENT = tuple(each.name for each in fields(PlaceOrder) if each.name not in ("lines", "personal"))
_line_content = attrgetter("sku", "name", "quantity", "unit_price", "discount", "tax")


def _differences(found: Order, order: OrderDTO) -> list[str]:
    """Return the fields in which the orders differ, except for what commands change. An order that was placed has a
    time of its own, and an order that was cancelled here, a reason of its own.
    """
    stored, given = OrderDTO.of(found), order.cancellation
    names = [name for name in _CONTENT if getattr(stored, name) != getattr(order, name)]
    if list(map(_line_content, stored.lines)) != list(map(_line_content, order.lines)):
        names.append("lines")
    if stored.id == order.id and stored.created_at != order.created_at:
        names.append("created_at")
    if given is None or stored.cancellation is None or (given.reason, given.note) == (None, None):
        return names
    is_same = (given.reason, given.note) == (stored.cancellation.reason, stored.cancellation.note)
    return names if is_same else [*names, "cancellation"]


def _request(order: OrderDTO, actor: Actor) -> tuple[CommandContext, tuple[str, OrderDTO]]:
    return CommandContext(actor=actor, key=f"import {order.id}"), ("import", order)


def _check_times(order: Order, now: datetime, *, may_be_ahead: bool) -> None:
    times = {} if may_be_ahead else {"created_at": order.created_at}
    if order.updated_at != order.created_at:
        times["updated_at"] = order.updated_at
    if order.cancellation is not None:
        times["cancellation/at"] = in_utc(order.cancellation.at)
    for name, moment in times.items():
        if _is_future(moment, now):
            found = f"it is {moment.isoformat()}, and now is {now.isoformat(timespec='seconds')}"
            instead = "correct it or the clock of this machine"
            instead += ", or import the order as dated ahead" if name == "created_at" else ""
            raise InvalidTime(f"must not be in the future: {found}; {instead}", name)
    if order.updated_at < order.created_at and not may_be_ahead:
        raise InvalidTime("must not be before created_at", "updated_at")


def _is_future(moment: datetime, now: datetime) -> bool:
    return moment > now + MAX_IMPORT_CLOCK_SKEW


def _with_id(order: OrderDTO, prefix: str) -> OrderDTO:
    """Return the order as version 1. If it has no ID, it gets the prefix, and the ID of its reference if it has one."""
    if order.id:
        return order if order.version == 1 else replace(order, version=1)
    ref = normalized_ref(order.external_ref or "")
    return replace(
        order, id=order_id_for_external_ref(prefix + ref) if ref else "", external_ref=prefix + ref, version=1
    )
