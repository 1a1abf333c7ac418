"""Expire unpaid orders."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.change_order import CommandContext, OrderCommand
from orderkeep.application.errors import Contention, InvalidQuery
from orderkeep.application.ports import Clock, OrderFilter, OrderStore, Progress, ignore_progress, utc_now
from orderkeep.application.use_cases.export_orders import ExportOrdersUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.limits import MAX_EXPIRY_HOURS
from orderkeep.domain.payments import PaymentStatus
from orderkeep.domain.policies import EXPIRED, NO_POLICIES, Policies, has_expired


@dataclass(frozen=True, slots=True)
class ExpiryReport:
    """How many unpaid pending orders of that age were `checked`, and the IDs of those that were cancelled (or would be,
    `dry_run`), newest first.
    """

    checked: int
    expired: tuple[str, ...]
    dry_run: bool = False


class ExpireOrdersUseCase(OrderCommand):
    """Cancel the pending orders of which nothing was paid or authorized in time. To run it again changes nothing."""

    scope = Scope.CANCEL

    def __init__(self, store: OrderStore, clock: Clock = utc_now, policies: Policies = NO_POLICIES) -> None:
        super().__init__(store, store, clock, policies)
        self.export_orders = ExportOrdersUseCase(store)

    async def execute(
        self,
        older_than: int | None = None,
        on_progress: Progress = ignore_progress,
        *,
        dry_run: bool = False,
        actor: Actor = SYSTEM,
    ) -> ExpiryReport:
        """Return the report on the unpaid orders that were placed more than `older_than` hours ago, by default as the
        policies say. One page is in memory at a time, and each order is a commit of its own. Raises `NotAllowed`,
        `InvalidQuery`, `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        hours = older_than if older_than is not None else self.policies.expire_after_hours
        if older_than is None and not hours:
            raise InvalidQuery("is required, unless ORDERKEEP_EXPIRE_AFTER_HOURS is set", "older_than")
        if not 1 <= hours <= MAX_EXPIRY_HOURS:
            raise InvalidQuery(f"must be from 1 to {MAX_EXPIRY_HOURS} hours", "older_than")
        before = self.clock() - timedelta(hours=hours)
        checked, expired = 0, list[str]()
        waiting = OrderFilter(statuses=(OrderStatus.PENDING,), payment_status=PaymentStatus.UNPAID, created_to=before)
        async for document in self.export_orders.execute(waiting, actor):
            order_id = json.loads(document)["id"]
            if await self.expire(order_id, before, dry_run=dry_run, actor=actor):
                expired.append(order_id)
            checked += 1
            on_progress(1)
        return ExpiryReport(checked, tuple(expired), dry_run)

    async def expire(self, order_id: str, before: datetime, *, dry_run: bool = False, actor: Actor = SYSTEM) -> bool:
        """Cancel the order if it has expired, and return whether that was done now (or would be, `dry_run`). A payment
        that is recorded first keeps the order. An order that other writers change all the time is left to the next run.
        """

        def cancel_if_expired(order: Order) -> None:
            now = self.clock()
            if has_expired(order, before, at=now):
                order.cancel(EXPIRED, at=now)

        context = CommandContext(actor=actor, key=f"expire {order_id}", dry_run=dry_run)
        try:
            result = await self.change(order_id, cancel_if_expired, context, ("expire", None))
        except Contention:
            return False
        return not (result.replayed or result.unchanged)
