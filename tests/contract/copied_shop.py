"""A shop to copy: orders with every kind of record, keys, personal data, API keys, webhooks and sessions."""

from dataclasses import dataclass
from typing import Any

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.personal_data import Address, Customer, PersonalData
from orderkeep.testing.orders import place_command
from tests.application.webhook_world import Receivers

ANNA = Actor(ActorKind.STAFF, "anna", EVERY_SCOPE)
EMAIL = "ada@example.com"
PERSONAL = PersonalData(Customer("Ada Lovelace", EMAIL), Address("Ada", None, "St. James's Square 12", city="London"))


def with_key(key: str) -> CommandContext:
    return CommandContext(actor=ANNA, key=key)


@dataclass(slots=True)
class Shop:
    """The use cases of a store, and the requests that were sent with keys."""

    store: OrderStore

    @property
    def do(self) -> UseCases:
        return build_use_cases(self.store, sender=Receivers())

    async def place(self, number: int, **changes: Any) -> CommandResult:
        """Place an order with a key of its own."""
        return await self.do.place_order.execute(place_command(number, **changes), with_key(f"place-{number}"))

    async def open_for_business(self) -> None:
        """Place seven orders, and do something different with each."""
        do = self.do
        placed = [await self.place(number, personal=PERSONAL if number in (2, 3, 4) else None) for number in range(7)]
        ids = [order.order_id for order in placed]
        for order_id in ids[:4]:
            await do.confirm_order.execute(order_id, with_key(f"confirm-{order_id}"))
        await do.add_shipment.execute(
            ids[0], with_key("ship"), lines=[LineQuantity("l1", 2)], carrier="DHL", tracking_number="JD-1"
        )
        await do.record_payment.execute(ids[1], "p1", "captured", 1_000, with_key("pay"))
        await do.add_refund.execute(ids[1], "r1", 400, with_key("refund"))
        await do.erase_personal_data.execute([ids[2]], CommandContext(actor=ANNA))
        await do.edit_order.execute(ids[3], {"customer": {"phone": "+44 20 7946 0958"}}, with_key("edit"))
        await do.hold_order.execute(ids[4], "fraud check", with_key("hold"))
        await do.add_note.execute(ids[5], "Call back", with_key("note"))
        await do.cancel_order.execute(ids[6], with_key("cancel"), reason="changed mind")
        await do.create_api_key.execute("warehouse", scopes=["orders:read"], actor=ANNA)
        revoked = await do.create_api_key.execute("old", scopes=["orders:read"], actor=ANNA)
        await do.revoke_api_key.execute(revoked.key, actor=ANNA)
        await do.create_webhook.execute("https://shop.example/hooks", start="beginning", actor=ANNA)
        do.deliver_webhooks.start()
        while await do.deliver_webhooks.execute():
            pass
        await do.deliver_webhooks.stop(5)
