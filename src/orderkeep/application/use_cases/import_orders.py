"""Take over orders that were kept elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.change_order import CommandContext, change_order
from orderkeep.application.dtos import OrderDTO
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.application.ids import order_id_for_external_ref
from orderkeep.application.ports import OrderFilter, OrderQueries, Progress, ignore_progress
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import InvalidInput, InvalidOrder
from orderkeep.domain.repositories import OrderRepository

AT_ONCE = 128
"""How many orders are saved concurrently: a store with group commit makes them durable together."""

MOST_PROBLEMS = 1_000
"""How many problems are reported in full; further ones are counted."""


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """What is wrong in which line of a file. `field` is a path such as `lines/0/quantity`."""

    line: int
    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One order as read from a file, with the line it began in; or, where it could not be read, why.

    An `order.id` of "" is derived from `external_ref`. `order.version` is not taken over: it counts commits here.
    """

    line: int
    order: OrderDTO | None
    problems: tuple[ImportProblem, ...] = ()


@dataclass(slots=True)
class ImportReport:
    """What a file holds and what became of it. Totals are in minor units, by currency.

    `imported` is new here, `unchanged` was imported before, `present` is kept already, under another id, with the
    same `external_ref`. Where there are problems in the file, nothing was written.
    """

    orders: int = 0
    lines: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)
    imported: int = 0
    unchanged: int = 0
    present: int = 0
    problems: list[ImportProblem] = field(default_factory=list)
    problem_count: int = 0

    def add_problem(self, problem: ImportProblem) -> None:
        """Count the problem, and keep it while there is room."""
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


class ImportOrdersUseCase:
    """Import orders with their dates and statuses. All are checked before the first is written; doing it twice
    changes nothing, and a run that was killed is finished by running it again.
    """

    def __init__(self, repo: OrderRepository, queries: OrderQueries) -> None:
        self.repo, self.queries = repo, queries

    async def execute(
        self,
        read: Callable[[], Iterable[ImportRow]],
        *,
        dry_run: bool = False,
        actor: Actor = SYSTEM,
        on_progress: Progress = ignore_progress,
    ) -> ImportReport:
        """Return what became of the orders that `read()` yields; it is called twice, to check and to write.

        `on_progress` is told, from time to time, how many more were written. Raises `NotAllowed`, `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)  # what is imported was never decided here
        report = ImportReport()
        identities: set[str] = set()
        for row in read():
            self._check(row, identities, report)
        if report.problem_count or dry_run:
            return report
        rows = iter(read())
        while batch := list(islice(rows, AT_ONCE)):
            outcomes = await asyncio.gather(*(self._keep(row, actor) for row in batch))
            for outcome in outcomes:
                self._count(outcome, report)
            on_progress(len(batch))
        return report

    def _check(self, row: ImportRow, identities: set[str], report: ImportReport) -> None:
        for problem in row.problems:
            report.add_problem(problem)
        if row.order is None:
            return
        try:
            order = _identified(row.order)
            if order.id in identities:
                raise InvalidOrder("the same order stands in the file before", _known_by(row.order))
            identities.add(order.id)
            order.to_imported_order()
        except InvalidInput as error:
            report.add_problem(ImportProblem(row.line, error.field, error.code, str(error)))
            return
        report.orders += 1
        report.lines += len(order.lines)
        report.statuses[order.status] += 1
        report.totals[order.currency] += order.total

    async def _keep(self, row: ImportRow, actor: Actor) -> str | ImportProblem:
        if row.order is None:
            raise RuntimeError("the file changed while it was imported: import it again")
        order = _identified(row.order)
        if not row.order.id and await self._kept_under_another_id(order):
            return "present"

        def decide(found: Order | None) -> Order:
            if found is None:
                return order.to_imported_order()
            if replace(OrderDTO.of(found), version=order.version) == order:
                raise _Unchanged
            raise IdempotencyKeyReused

        context = CommandContext(actor=actor, key=f"import {order.id}")
        try:
            result = await change_order(
                self.repo, order.id, decide, context, ("import", order), scope=Scope.ADMIN, is_new=True
            )
        except _Unchanged:
            return "unchanged"
        except IdempotencyKeyReused:
            message = "this order is kept already, with other content: it was not changed"
            return ImportProblem(row.line, _known_by(row.order), "already_kept", message)
        return "unchanged" if result.replayed else "imported"

    async def _kept_under_another_id(self, order: OrderDTO) -> bool:
        page = await self.queries.list_page(OrderFilter(external_ref=order.external_ref), None, 1)
        return any(json.loads(document)["id"] != order.id for document in page.documents)

    def _count(self, outcome: str | ImportProblem, report: ImportReport) -> None:
        if isinstance(outcome, ImportProblem):
            report.add_problem(outcome)
        else:
            setattr(report, outcome, getattr(report, outcome) + 1)


class _Unchanged(Exception):  # not an error: the order is there already, the same
    pass


def _known_by(order: OrderDTO) -> str:
    return "id" if order.id else "external_ref"


def _identified(order: OrderDTO) -> OrderDTO:
    if order.id:
        return replace(order, version=1)
    if not order.external_ref:
        raise InvalidOrder("must be there, so that importing twice changes nothing", "external_ref")
    return replace(order, id=order_id_for_external_ref(order.external_ref), version=1)
