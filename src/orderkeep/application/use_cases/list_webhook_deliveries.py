"""List the deliveries of a webhook."""

from __future__ import annotations

from dataclasses import dataclass

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.cursors import history_cursor, history_version
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, check_limit
from orderkeep.application.webhooks.delivery_log import MAX_ATTEMPTS_IN_RECORD, Attempt, attempts_in, log_kind
from orderkeep.application.webhooks.subscriptions import WebhookRecords


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """A page of attempts, newest first, and the cursor of the next page, if any."""

    attempts: tuple[Attempt, ...]
    next_cursor: str | None


class ListWebhookDeliveriesUseCase:
    """List the attempts to deliver events to a webhook, newest first. The log has the newest attempts only."""

    def __init__(self, webhooks: WebhookRecords) -> None:
        self.webhooks = webhooks

    async def execute(
        self,
        webhook_id: str,
        *,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        delivered: bool | None = None,
        event_type: str | None = None,
        actor: Actor = SYSTEM,
    ) -> DeliveryPage:
        """Return a page of 1 to 200 attempts: all, or those that were accepted or not, or those of one type. Raises
        `NotAllowed`, `WebhookNotFound`, `InvalidQuery`, `InvalidCursor`, `StoreUnavailable`.
        """
        actor.require(Scope.WEBHOOKS)
        check_limit(limit)
        await self.webhooks.get(webhook_id)
        after = 0 if cursor is None else history_version(log_kind(webhook_id), cursor)
        records, found = self.webhooks.open_records(), list[tuple[int, Attempt]]()
        last_id = f"{after // MAX_ATTEMPTS_IN_RECORD - 1:012}" if after else ""
        # An attempt's position in the log: the number in its record's ID, then its index in the record.
        while len(found) <= limit and (page := await records.list_records(log_kind(webhook_id), last_id, 10)):
            for record in page:
                first = int(record.id) * MAX_ATTEMPTS_IN_RECORD
                found += [(first + index, attempt) for index, attempt in enumerate(attempts_in(record))]
            found = [
                each
                for each in found
                if each[0] >= after and delivered in (None, each[1].delivered) and event_type in (None, each[1].type)
            ]
            last_id = page[-1].id
        more = history_cursor(log_kind(webhook_id), found[limit][0]) if len(found) > limit else None
        return DeliveryPage(tuple([attempt for _, attempt in found[:limit]]), more)
