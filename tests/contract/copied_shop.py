"""A shop to copy: orders with every kind of record, keys, personal data, API keys, webhooks and sessions."""

from dataclasses import dataclass
from typing import Any

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import OrderFilter, OrderStore
from orderkeep.application.use_cases.list_orders import EVERYTHING
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.entities import OrderChanges
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

    async def send_commands(self) -> list[CommandResult]:
        """Place seven orders, and do something different with each. Sent again, all are repeated requests."""
        do, sent = self.do, list[CommandResult]()
        for number in range(7):
            sent.append(await self.place(number, personal=PERSONAL if number in (2, 3, 4) else None))
        ids = [order.order_id for order in sent]
        for order_id in ids[:4]:
            sent.append(await do.confirm_order.execute(order_id, with_key(f"confirm-{order_id}")))
        lines = [LineQuantity("l1", 2)]
        sent.append(
            await do.add_shipment.execute(ids[0], with_key("ship"), lines=lines, carrier="DHL", tracking_number="JD-1")
        )
        sent.append(await do.record_payment.execute(ids[1], "p1", "captured", 1_000, with_key("pay")))
        sent.append(await do.add_refund.execute(ids[1], "r1", 400, with_key("refund")))
        patch: OrderChanges = {"customer": {"phone": "+44 20 7946 0958"}}
        sent.append(await do.edit_order.execute(ids[3], patch, with_key("edit")))
        sent.append(await do.hold_order.execute(ids[4], "fraud check", with_key("hold")))
        sent.append(await do.add_note.execute(ids[5], "Call back", with_key("note")))
        sent.append(await do.cancel_order.execute(ids[6], with_key("cancel"), reason="changed mind"))
        return sent

    async def open_for_business(self) -> None:
        """Send the commands, erase the personal data of an order, and add API keys and a webhook."""
        do, sent = self.do, await self.send_commands()
        await do.erase_personal_data.execute([sent[2].order_id], CommandContext(actor=ANNA))
        await do.create_api_key.execute("warehouse", scopes=["orders:read"], actor=ANNA)
        revoked = await do.create_api_key.execute("old", scopes=["orders:read"], actor=ANNA)
        await do.revoke_api_key.execute(revoked.key, actor=ANNA)
        await do.create_webhook.execute("https://shop.example/hooks", start="beginning", actor=ANNA)
        do.deliver_webhooks.start()
        while await do.deliver_webhooks.execute():
            pass
        await do.deliver_webhooks.stop(5)

    async def responses(self) -> list[object]:
        """Send all commands again, with their keys, and every kind of read; return what each returns."""
        do, found = self.do, list[object](await self.send_commands())
        for order_id in {each.order_id: None for each in found if isinstance(each, CommandResult)}:
            found += [await read.execute(order_id, actor=ANNA) for read in (do.get_order, do.get_order_history)]
            found += [await read.execute(order_id, actor=ANNA) for read in (do.get_order_actions, do.list_documents)]
            found.append(await do.get_order_at.execute(order_id, 1, actor=ANNA))
        for where in (EVERYTHING, OrderFilter(tag="express"), OrderFilter(needs_attention=True), OrderFilter("user-1")):
            found.append(await do.list_orders.execute(where, limit=200))
        found.append((await do.search_orders.execute(EMAIL)).orders)
        found.append(await do.list_events.execute(limit=200, full=True, actor=ANNA))
        found.append(await do.list_api_keys.execute(actor=ANNA))
        return [*found, await do.list_webhooks.execute(actor=ANNA)]
