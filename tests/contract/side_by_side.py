"""A Hypothesis machine that does the same to a store and to the memory store: any operations in any order have equal
results.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.change_order import CommandContext
from orderkeep.application.ports import ListPosition, OrderFilter, OrderStore
from orderkeep.application.use_cases.list_orders import as_stored
from orderkeep.application.use_cases.place_order import PlaceOrderUseCase
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.bootstrap import build_use_cases
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.domain.lifecycle import Command, allowed_commands
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, place_command, small_order
from orderkeep.testing.stores import read_all

IDS = st.sampled_from(["order-a", "order-b", "order-c", "order-D"])
USERS = st.sampled_from(["user-1", "user-2"])
STATUSES = st.sampled_from(["pending", "processing", "shipped"])
TAGS = st.sampled_from(["gift", "Gift", "express"])
REFS = st.sampled_from(["web-1", "web-2"])
FOUR_INSTANTS = [SINCE + timedelta(microseconds=ticks) for ticks in range(4)]
INSTANTS = st.sampled_from(FOUR_INSTANTS)


def seldom(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw nothing, more often than not: what is always refused leads nowhere."""
    return st.none() | st.none() | st.none() | strategy


REQUESTS = st.builds(
    CommandContext,
    actor=seldom(USERS).map(
        lambda user: Actor(ActorKind.CUSTOMER, user) if user else Actor(ActorKind.STAFF, "anna", EVERY_SCOPE)
    ),
    key=st.none() | st.sampled_from(["key-1", "key-2"]),
    expected_version=seldom(st.integers(1, 3)),
    dry_run=seldom(st.just(True)).map(bool),
)
FILTERS = st.builds(
    lambda one, user, start, end: OrderFilter(user_id=user, created_from=start, created_to=end, **one),
    st.one_of(
        st.just({}),
        st.sets(STATUSES, min_size=1).map(lambda statuses: {"statuses": tuple(statuses)}),
        TAGS.map(lambda tag: {"tag": tag}),
        REFS.map(lambda ref: {"external_ref": ref}),
        st.sampled_from(["on_hold", "needs_attention"]).map(lambda name: {name: True}),
    ),
    *(seldom(USERS), seldom(INSTANTS), seldom(INSTANTS)),
)
COMMANDS = st.sampled_from(["confirm", "ship", "deliver", "cancel"])

Act = Callable[[OrderStore], Coroutine[Any, Any, Any]]


class SideBySide(RuleBasedStateMachine):
    """Does the same to both stores and compares what they answer, errors included."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stores: list[OrderStore] = []
        self.held: list[list[Order]] = []  # what was loaded a while ago, by store
        self.position = 0

    finds_prefixes = True

    def open_store(self) -> OrderStore:
        """Open the store under test; it is empty."""
        raise NotImplementedError

    async def reopened(self, store: OrderStore) -> OrderStore:
        """Return the store closed and opened again, where it outlives that."""
        return store

    @initialize()
    def begin(self) -> None:
        self.stores = [self.open_store(), InMemoryOrderRepository()]
        self.held = [[], []]

    @rule(
        ids=st.lists(IDS, min_size=1, max_size=3),
        user=USERS,
        status=STATUSES,
        at=INSTANTS,
        tags=st.sets(TAGS).map(sorted),
        ref=seldom(REFS),
    )
    def save_new_orders(
        self, ids: list[str], user: str, status: str, at: datetime, tags: list[str], ref: str | None
    ) -> None:
        fields: dict[str, Any] = {"user_id": user, "status": status, "tags": tuple(tags), "external_ref": ref}
        self.both(lambda store: store.save(*(small_order(order_id, at=at, **fields) for order_id in ids)))

    @rule(number=st.integers(1, 3), asked=REQUESTS.filter(lambda asked: asked.key is not None), at=INSTANTS)
    def place_an_order(self, number: int, asked: CommandContext, at: datetime) -> None:
        command = place_command(number, user_id="user-1")
        self.both(lambda store: PlaceOrderUseCase(store, store, lambda: at).execute(command, asked))

    @rule(command=COMMANDS, order_id=IDS, asked=REQUESTS, at=INSTANTS)
    def change_an_order(self, command: str, order_id: str, asked: CommandContext, at: datetime) -> None:
        def run(store: OrderStore) -> Any:
            use_case = getattr(build_use_cases(store), f"{command}_order")
            use_case.clock = lambda: at
            return use_case.execute(order_id, asked)

        self.both(run)

    @rule(order_id=IDS)
    def load_an_order_and_hold_it(self, order_id: str) -> None:
        loaded = self.both(lambda store: store.get_by_id(order_id))
        if loaded[0] is not None:
            for held, order in zip(self.held, loaded, strict=True):
                held.append(order)

    @precondition(lambda self: any(self.held))
    @rule(
        command=COMMANDS,
        at=INSTANTS,
        newest=st.integers(1, 3),
        tags=st.none() | st.sets(TAGS).map(sorted).map(tuple),
        ref=seldom(REFS),
        hold=st.booleans(),
    )
    def change_and_save_what_was_held(
        self, command: str, at: datetime, newest: int, tags: tuple[str, ...] | None, ref: str | None, *, hold: bool
    ) -> None:
        batches = [held[-newest:] for held in self.held]
        for order in (order for batch in batches for order in batch):
            order.tags = order.tags if tags is None else tags
            order.external_ref = order.external_ref or ref
            if order.on_hold:
                order.release(at=at)
            elif hold and Command.HOLD in allowed_commands(order.status):
                order.put_on_hold("address", at=at)
            elif command in allowed_commands(order.status):
                getattr(order, command)(at=at)
        self.both(lambda store: store.save(*batches[self.stores.index(store)]))
        assert [vars(order) for order in batches[0]] == [vars(order) for order in batches[1]]

    @rule(
        filters=st.lists(FILTERS, min_size=1, max_size=3),
        after=seldom(st.builds(ListPosition, INSTANTS, IDS)),
        limit=st.integers(1, 6),
    )
    def list_orders(self, filters: list[OrderFilter], after: ListPosition | None, limit: int) -> None:
        for where in filters:
            self.both(partial(listed, where=where, after=after, limit=limit))

    @rule(prefix=st.sampled_from(["", "order-", "order-D", "orders"]), limit=st.integers(1, 5))
    def find_orders(self, prefix: str, limit: int) -> None:
        if self.finds_prefixes:
            self.both(lambda store: store.find_by_id_prefix(prefix, limit))

    @rule(order_id=IDS, version=st.integers(-1, 4), limit=st.integers(1, 3))
    def look_back(self, order_id: str, version: int, limit: int) -> None:
        self.both(lambda store: store.get_change(order_id, version))
        for at in FOUR_INSTANTS:
            self.both(partial(change_at, order_id=order_id, at=at))
        self.both(lambda store: store.list_changes(order_id, version, limit))

    @rule(limit=st.integers(1, 4))
    def read_on_in_the_feed(self, limit: int) -> None:
        pages = [self.runner.run(store.read_changes(self.position, limit)) for store in self.stores]
        assert pages[0] == pages[1]
        self.position = pages[0].position

    @rule()
    def close_and_open_again(self) -> None:
        self.stores[0] = self.runner.run(self.reopened(self.stores[0]))

    def both(self, act: Act) -> list[Any]:
        """Do it to both, see the same answer or the same error, and return both answers."""
        answers = [self.runner.run(_answer(act(store))) for store in self.stores]
        assert answers[0] == answers[1]
        return answers

    def teardown(self) -> None:
        try:
            self.both(read_all)
            for store in self.stores:
                assert self.runner.run(VerifyOrdersUseCase(store).execute()).problems == []
        finally:
            for store in self.stores:
                self.runner.run(store.close())
            self.runner.close()


async def _answer(acting: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await acting
    except OrderkeepError as error:
        return type(error), str(error)


async def listed(store: OrderStore, where: OrderFilter, after: ListPosition | None, limit: int) -> Any:
    return await store.list_page(as_stored(where), after, limit)


async def change_at(store: OrderStore, order_id: str, at: datetime) -> Any:
    return await store.get_change_at(order_id, at)
