"""Import orders from another system."""

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
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.repositories import OrderRepository

AT_ONCE = 128
"""How many orders are saved concurrently: a store with group commit makes them durable together."""

MOST_PROBLEMS = 1_000
"""How many problems are reported in full; further ones are only counted."""


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """A problem in a line of a file. `field` is a path such as `lines/0/quantity`."""

    line: int
    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An order read from a file, with the line that it starts in, or None and the problems that prevented it.

    An `order.id` of "" is derived from `external_ref`. `order.version` is ignored: it counts the commits of this store.
    """

    line: int
    order: OrderDTO | None
    problems: tuple[ImportProblem, ...] = ()


@dataclass(slots=True)
class ImportReport:
    """The content of a file and the outcome of its import. Totals are in minor units, by currency.

    `imported` orders are new, `unchanged` ones were imported before, and `present` ones are stored under another ID
    with the same `external_ref`. If the check found problems, nothing was written.
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
        """Count a problem, and keep the first ones."""
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


class ImportOrdersUseCase:
    """Import orders with their dates and statuses, once: repeat the import to finish one that was interrupted."""

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
        """Return the outcome for the orders that `read()` yields; it is called twice, to check all and to write.

        `on_progress` receives the numbers of orders written. Raises `NotAllowed`, `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)  # imported statuses bypass the rules of commands
        report = ImportReport()
        ids: set[str] = set()
        for row in read():
            self._check(row, ids, report)
        if report.problem_count or dry_run:
            return report
        rows = iter(read())
        while batch := list(islice(rows, AT_ONCE)):
            for outcome in await asyncio.gather(*(self._save(row, actor) for row in batch)):
                if isinstance(outcome, ImportProblem):
                    report.add_problem(outcome)
                else:
                    setattr(report, outcome, getattr(report, outcome) + 1)
            on_progress(len(batch))
        return report

    def _check(self, row: ImportRow, ids: set[str], report: ImportReport) -> None:
        for problem in row.problems:
            report.add_problem(problem)
        if row.order is None:
            return
        if not row.order.id and not row.order.external_ref:
            report.add_problem(ImportProblem(row.line, "external_ref", "field_missing", "is required without an id"))
            return
        order = _with_id(row.order)
        if order.id in ids:
            message = "identifies an earlier order of the file too"
            report.add_problem(ImportProblem(row.line, _id_field(row.order), "duplicate_order", message))
            return
        ids.add(order.id)
        try:
            order.to_imported_order()
        except InvalidInput as error:
            report.add_problem(ImportProblem(row.line, error.field, error.code, str(error)))
            return
        report.orders += 1
        report.lines += len(order.lines)
        report.statuses[order.status] += 1
        report.totals[order.currency] += order.total

    async def _save(self, row: ImportRow, actor: Actor) -> str | ImportProblem:
        """Return the problem of the order, or the field of the report that counts it."""
        if row.order is None:
            raise RuntimeError("the file changed during the import: import it again")
        order = _with_id(row.order)
        if not row.order.id and await self._is_present(order):
            return "present"

        def decide(found: Order | None) -> Order:
            if found is None:
                return order.to_imported_order()
            if replace(OrderDTO.of(found), version=order.version) == order:
                return found
            raise IdempotencyKeyReused

        context, command = CommandContext(actor=actor, key=f"import {order.id}"), ("import", order)
        try:
            result = await change_order(self.repo, order.id, decide, context, command, scope=Scope.ADMIN, is_new=True)
        except IdempotencyKeyReused:
            message = "the order is stored already with other content: it was not changed"
            return ImportProblem(row.line, _id_field(row.order), "already_kept", message)
        return "unchanged" if result.replayed else "imported"

    async def _is_present(self, order: OrderDTO) -> bool:
        page = await self.queries.list_page(OrderFilter(external_ref=order.external_ref), None, 1)
        return any(json.loads(document)["id"] != order.id for document in page.documents)


def _id_field(order: OrderDTO) -> str:
    return "id" if order.id else "external_ref"


def _with_id(order: OrderDTO) -> OrderDTO:
    if order.id:
        return order if order.version == 1 else replace(order, version=1)
    return replace(order, id=order_id_for_external_ref(order.external_ref or ""), version=1)
