"""Clients that place orders and run commands on them, each with a key, and retry if a response was lost."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.killed_server import KilledServer

PLANS: tuple[tuple[tuple[str, int], ...], ...] = (
    (),
    (("confirm", 200),),
    (("cancel", 200), ("cancel", 422)),
    (("confirm", 200), ("cancel", 200), ("ship", 422)),
    (("confirm", 200), ("ship", 200), ("cancel", 422), ("deliver", 200)),
)
"""What is asked of an order once it is placed, and the status that each must be answered with."""


UNAVAILABLE = 503
PAUSE = 0.02


@dataclass(frozen=True)
class Acknowledged:
    """One request that was answered: `reference` is the client's own number of the order."""

    reference: str
    command: str
    expected: int
    status: int
    answer: dict[str, Any]

    @property
    def accepted(self) -> bool:
        return self.status < 300


@dataclass
class Journal:
    """What the clients were told; `lost` and `replayed` count the answers that got lost, and those given again."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    lost: int = 0
    replayed: int = 0


class KeyedWriter:
    """One client. It has an order of its own at a time, so that it knows what each answer must be. A patient one
    asks again where the service says that its store is not available.
    """

    def __init__(
        self, name: str, server: KilledServer, journal: Journal, chance: random.Random, *, patient: bool = False
    ) -> None:
        self._name, self._server, self._journal, self._chance = name, server, journal, chance
        self._patient = patient
        self._stopping = False

    def stop(self) -> None:
        """Let `write` return once the order at hand is done with."""
        self._stopping = True

    async def write(self) -> None:
        """Place orders and move them along until stopped."""
        number = 0
        async with httpx.AsyncClient(base_url=self._server.url, timeout=30) as client:
            while not self._stopping:
                number += 1
                await self._one_order(client, f"{self._name}-{number}")

    async def _one_order(self, client: httpx.AsyncClient, reference: str) -> None:
        placed = await self._ask(client, reference, "place", 201, "/orders", self._new_order(reference))
        if not placed.accepted:
            return
        for step, (command, expected) in enumerate(self._chance.choice(PLANS)):
            path = f"/orders/{placed.answer['id']}/{command}"
            body = {"reason": f"reason of {reference}"} if command == "cancel" else None
            await self._ask(client, reference, f"{command}-{step}", expected, path, body)

    async def _ask(
        self, client: httpx.AsyncClient, reference: str, command: str, expected: int, path: str, body: Any
    ) -> Acknowledged:
        headers = {"Idempotency-Key": f"{command}-{reference}"}
        while True:
            await self._server.up.wait()
            try:
                response = await client.post(path, json=body, headers=headers)
            except httpx.TransportError:
                self._journal.lost += 1
                continue
            if response.status_code == UNAVAILABLE and self._patient:
                self._journal.lost += 1
                await asyncio.sleep(PAUSE)
                continue
            self._journal.replayed += "Idempotency-Replayed" in response.headers
            name = command.partition("-")[0]
            told = Acknowledged(reference, name, expected, response.status_code, response.json())
            self._journal.acknowledged.append(told)
            return told

    def _new_order(self, reference: str) -> dict[str, Any]:
        quantity, price = self._chance.randint(2, 9), self._chance.randint(100, 999)
        line = {"sku": f"sku-{price}", "name": f"Thing {quantity}", "quantity": quantity, "unit_price": price}
        details = {"external_ref": reference, "tags": [self._name], "metadata": {"plan": f"of {reference}"}}
        total = {"total": quantity * price + 50, "currency": "EUR", "shipping": 50}
        return {"user_id": f"user-{self._name}", "lines": [line], **total, **details}
