"""Get an event."""

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.errors import EventNotFound
from orderkeep.application.events import EventView, events_of, read_event_id
from orderkeep.application.ports import ChangeFeed, OrderHistory


class GetEventUseCase:
    """Get an event by its ID."""

    def __init__(self, changes: ChangeFeed, history: OrderHistory) -> None:
        self.changes, self.history = changes, history

    async def execute(self, event_id: str, *, full: bool = False, actor: Actor = SYSTEM) -> EventView:
        """Return the event; with `full`, its data has the order before and after.

        Raises `NotAllowed`, and `EventNotFound`, also while its change has no position in the feed yet.
        """
        actor.require(Scope.EVENTS)
        if (parts := read_event_id(event_id)) is None:
            raise EventNotFound
        order_id, version, number = parts
        change = await self.history.get_change(order_id, version)
        if change is None or number > len(change.events):
            raise EventNotFound
        position = await self.changes.position_of_change(order_id, version)
        if position is None:
            raise EventNotFound
        before = await self.history.get_change(order_id, version - 1) if full and version > 1 else None
        return events_of(change, position, before.order if before else None, full)[number - 1]
