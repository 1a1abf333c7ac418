"""Import orders from another system."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, islice
from operator import not_

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.change_order import CommandContext, change_order
from orderkeep.application.dtos import OrderDTO
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.application.ids import order_id_for_external_ref
from orderkeep.application.ports import OrderFilter, OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import InvalidInput

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


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """A valid order, with its ID. `id_field` identifies it in the file: `id`, or `external_ref` if it has no ID."""

    line: int
    id_field: str
    order: OrderDTO


Buffer = Callable[[Iterable[CheckedOrder]], Iterable[CheckedOrder]]
"""Consumes all orders, then returns them: `list`, or a function that buffers them on disk."""


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

    def __init__(self, store: OrderStore) -> None:
        self.store = store

    async def execute(
        self, rows: Iterable[ImportRow], *, buffer: Buffer = list, dry_run: bool = False, actor: Actor = SYSTEM
    ) -> ImportReport:
        """Check all rows, then write the orders, and return the outcome. The rows are read once, so that exactly what
        was checked is written, even if the file changes meanwhile. Raises `NotAllowed`, `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)  # imported statuses bypass the rules of commands
        report = ImportReport()
        ids: set[str] = set()
        checked = (self._check(row, ids, report) for row in rows)
        orders = iter(buffer(order for order in checked if order and not (report.problem_count or dry_run)))
        if report.problem_count or dry_run:
            return report
        while batch := list(islice(orders, self.store.saves_at_once)):
            for outcome in await self._save_each(batch, actor):
                if isinstance(outcome, ImportProblem):
                    report.add_problem(outcome)
                else:
                    setattr(report, outcome, getattr(report, outcome) + 1)
        return report

    def _check(self, row: ImportRow, ids: set[str], report: ImportReport) -> CheckedOrder | None:
        for problem in row.problems:
            report.add_problem(problem)
        if row.order is None:
            return None
        if not row.order.id and not row.order.external_ref:
            report.add_problem(ImportProblem(row.line, "external_ref", "field_missing", "is required without an id"))
            return None
        order, id_field = _with_id(row.order), "id" if row.order.id else "external_ref"
        if order.id in ids:
            message = "identifies an earlier order of the file too"
            report.add_problem(ImportProblem(row.line, id_field, "duplicate_order", message))
            return None
        ids.add(order.id)
        try:
            order.to_imported_order()
        except InvalidInput as error:
            report.add_problem(ImportProblem(row.line, error.field, error.code, str(error)))
            return None
        report.orders += 1
        report.lines += len(order.lines)
        report.statuses[order.status] += 1
        report.totals[order.currency] += order.total
        return CheckedOrder(row.line, id_field, order)

    async def _save_each(self, batch: Sequence[CheckedOrder], actor: Actor) -> list[str | ImportProblem]:
        """Return for each order its problem, or the field of the report that counts it."""
        present = await asyncio.gather(*map(self._is_present, batch))
        new = list(compress(batch, map(not_, present)))
        inserts = []
        for each in new:  # inserted first, like a new order by `change_order`, but together
            context, command = _request(each.order, actor)
            inserts.append(each.order.to_imported_order())
            inserts[-1].set_attribution(context.attribution(command))
        saved = await self.store.save_each(inserts)
        outcomes = await asyncio.gather(*(self._compare(each, actor) for each in compress(new, map(not_, saved))))
        return [*outcomes, *["present"] * sum(present), *["imported"] * sum(saved)]

    async def _compare(self, checked: CheckedOrder, actor: Actor) -> str | ImportProblem:
        order = checked.order

        def decide(found: Order | None) -> Order:
            if found is None:
                return order.to_imported_order()
            if replace(OrderDTO.of(found), version=order.version) == order:
                return found
            raise IdempotencyKeyReused

        try:
            result = await change_order(self.store, order.id, decide, *_request(order, actor), scope=Scope.ADMIN)
        except IdempotencyKeyReused:
            message = "the order is stored already with other content: it was not changed"
            return ImportProblem(checked.line, checked.id_field, "already_kept", message)
        return "unchanged" if result.replayed else "imported"

    async def _is_present(self, checked: CheckedOrder) -> bool:
        if checked.id_field == "id":
            return False
        page = await self.store.list_page(OrderFilter(external_ref=checked.order.external_ref), None, 1)
        return any(json.loads(document)["id"] != checked.order.id for document in page.documents)


def _request(order: OrderDTO, actor: Actor) -> tuple[CommandContext, tuple[str, OrderDTO]]:
    return CommandContext(actor=actor, key=f"import {order.id}"), ("import", order)


def _with_id(order: OrderDTO) -> OrderDTO:
    if order.id:
        return order if order.version == 1 else replace(order, version=1)
    return replace(order, id=order_id_for_external_ref(order.external_ref or ""), version=1)
