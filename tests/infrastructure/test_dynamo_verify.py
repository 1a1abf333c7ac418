"""Verifying a table in DynamoDB that was edited with another tool: every way to tamper with it is found."""

import copy
import json
from collections.abc import Iterable
from typing import Any

from orderkeep.application.dtos import LABEL
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.bootstrap.stores import open_store
from orderkeep.infrastructure.aws.config import Endpoint
from orderkeep.infrastructure.dynamo_repo.client import OrdersTable
from orderkeep.infrastructure.dynamo_repo.items import TAG_ATTRIBUTES, Ref, change_record_of, unpacked
from orderkeep.infrastructure.serialization import hash_of
from tests.infrastructure.tampering import (
    LEAST,
    Row,
    State,
    Way,
    Ways,
    checkpoint_of,
    drawn_ways,
    listed_on_the_page,
    on_the_page,
    save_orders,
    try_ways,
)
from tests.servers.dynamodb import REGION, Server


def kind_of(item: Row) -> str | None:
    """Return the kind of an item, which is the table of a state that it is in; None if it is not recomputed."""
    match item["pk"]["S"][:2], item["sk"]["S"][:2]:
        case "O#", "O":
            return "orders"
        case "O#", "C#":
            return "changes"
        case "O#", "P":
            return "personal data"
        case "O#", _:
            return "tags"
        case "F", "EN":
            return "end of log"
        case "F", _:
            return "log"
        case "M", _:
            return "settings"
        case "K#" | "V", _:
            return None
    return "tags"


async def state_of(table: OrdersTable) -> State:
    return grouped((await table.call("Scan", {"ConsistentRead": True}))["Items"])


def grouped(items: Iterable[Row]) -> State:
    """Return the state of the items, without those that are not recomputed from changes."""
    tables = ("orders", "changes", "tags", "personal data", "log", "end of log", "settings")
    state: State = {table: [] for table in tables}
    for item in sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"])):
        if kind := kind_of(item):
            state[kind].append(dict(sorted(item.items())))
    return state


def items_of(state: State) -> dict[tuple[str, str], Row]:
    return {
        (json.dumps(item["pk"]), json.dumps(item["sk"])): {name: v for name, v in item.items() if v is not None}
        for rows in state.values()
        for item in rows
    }


def is_possible(state: State) -> bool:
    """Return whether DynamoDB accepts the items: keys must be there, not empty, and no two items have the same key."""
    rows = [item for rows in state.values() for item in rows]
    keys = [(item.get("pk"), item.get("sk")) for item in rows]
    has_keys = all(value and value.get("S") for key in keys for value in key)
    indexed = (
        "time_shard",
        "status_shard",
        "user_id",
        "user_status",
        "label",
        "user_label",
        "inbox",
        "placed",
        "committed",
    )
    filled = all(item[name].get("S") for item in rows for name in indexed if item.get(name) is not None)
    return has_keys and filled and len(items_of(state)) == len(rows)


class Loader:
    """Writes the items that differ from what the table contains."""

    def __init__(self, table: OrdersTable, state: State) -> None:
        self.table, self.items = table, items_of(state)

    async def __call__(self, state: State) -> State | None:
        if not is_possible(state):
            return None
        wanted = items_of(state)
        for key in self.items.keys() - wanted.keys():
            item = self.items[key]
            await self.table.call("DeleteItem", {"Key": {"pk": item["pk"], "sk": item["sk"]}})
        for key, item in wanted.items():
            if self.items.get(key) != item:
                await self.table.call("PutItem", {"Item": item})
        self.items = wanted
        return grouped(wanted.values())


def ways_by_hand() -> Ways:
    """Yield ways that alter several items, or the inside of a document."""
    yield from items_beside_changes()
    yield from feed_and_losses()
    yield "an order's whole history rewritten", lambda state: rewrite(state, 1)
    yield "an order's last change rewritten", lambda state: rewrite(state, 4)


def items_beside_changes() -> Ways:
    yield "a name twice in a row's document", in_head("document", "{", '{"total":1,')
    yield "an unknown field in a row's document", in_head("document", "{", '{"discount_code":"x",')
    yield "the total in a row's document", in_head("document", "9901", "1")
    yield "the version of a remembered key", in_head("requests", '"version":2', '"version":3')
    yield "the fingerprint of a remembered key", in_head("requests", "print-of-1", "print-of-2")
    yield "an unknown attribute of an order", lambda state: head(state).update(mine={"S": "x"})
    yield "a reference added", lambda state: head(state, "order-2").update(label={"S": "R#web-2"})
    yield "a reference removed", lambda state: [head(state).pop(name) for name in ("label", "user_label")]
    yield "a tag added", add_tag()
    yield "a tag of another user added", add_tag(user_label={"S": "T#4#mine#user-9"})
    yield "a tag of an unknown order added", add_tag(pk={"S": "O#order-9"})
    yield "a removed tag added again", lambda state: tag(state, "later").update(in_index(tag(state, "sooner")))
    yield "a label added", add_tag(sk={"S": f"T#{LABEL}void_due"})
    yield "a label of another order added", add_tag(pk={"S": "O#order-3"}, sk={"S": f"T#{LABEL}on_hold"})
    yield "a label removed", lambda state: state["tags"].remove(tag(state, f"{LABEL}on_hold"))
    yield "a label taken out of its index", lambda state: take_out(tag(state, f"{LABEL}on_hold"))
    yield "personal data of two orders swapped", swap_personal_data
    yield "personal data erased without a change", lambda state: state["personal data"].pop()
    yield "an e-mail address taken out of its index", lambda state: take_out(state["personal data"][0])
    yield "an item of no order added", lambda state: state["tags"].append({"pk": {"S": "X"}, "sk": {"S": "X"}})


def feed_and_losses() -> Ways:
    one, same_order, other_order = ("order-1", 1), ("order-1", 2), ("order-2", 2)
    yield "feed positions of two changes of an order swapped", lambda state: swap_positions(state, one, same_order)
    yield "feed positions of two orders' changes swapped", lambda state: swap_positions(state, same_order, other_order)
    yield "a change put into the inbox again", into_inbox_again
    yield "a whole order removed", lambda state: remove_order(state, "order-3")
    yield "a whole order removed, positions renumbered", remove_order_and_cut_log
    yield "the newest change removed, its order's row set back", roll_back
    yield "the newest change removed, its order's row and the log set back", roll_back_and_cut_log


def head(state: State, order_id: str = "order-1") -> Row:
    return next(item for item in state["orders"] if item["pk"]["S"] == f"O#{order_id}")


def in_head(name: str, old: str, new: str) -> Way:
    def way(state: State) -> None:
        item = head(state)
        text = unpacked(item[name]).decode()
        assert old in text
        item[name] = {"S": text.replace(old, new, 1)}

    return way


def add_tag(**values: dict[str, Any]) -> Way:
    return lambda state: state["tags"].append({**state["tags"][0], "sk": {"S": "T#mine"}, **values})


def tag(state: State, name: str) -> Row:
    return next(item for item in state["tags"] if item["sk"]["S"] == f"T#{name}")


def in_index(item: Row) -> Row:
    return {name: item[name] for name in TAG_ATTRIBUTES}


def take_out(item: Row) -> None:
    for name in TAG_ATTRIBUTES:
        del item[name]


def swap_personal_data(state: State) -> None:
    one, other = state["personal data"]
    one["pk"], other["pk"] = other["pk"], one["pk"]


def swap_positions(state: State, one: Ref, other: Ref) -> None:
    [entry] = state["log"]
    refs = [{one: other, other: one}.get(ref, ref) for ref in refs_in(entry)]
    entry["refs"] = {"S": json.dumps(refs, separators=(",", ":"))}
    items = [_change(state, *ref) for ref in (one, other)]
    items[0]["position"], items[1]["position"] = items[1]["position"], items[0]["position"]


def refs_in(entry: Row) -> list[Ref]:
    return [(order_id, version) for order_id, version in json.loads(entry["refs"]["S"])]


def cut_log(state: State, removed: Ref) -> None:
    [entry], [end] = state["log"], state["end of log"]
    remaining = [ref for ref in refs_in(entry) if ref != removed]
    entry["refs"] = {"S": json.dumps(remaining, separators=(",", ":"))}
    entry["sk"] = {"S": f"L#{len(remaining):018}"}
    end["position"] = {"N": str(len(remaining))}
    for number, ref in enumerate(remaining, start=1):
        _change(state, *ref)["position"] = {"N": str(number)}


def remove_order(state: State, order_id: str) -> None:
    for kind in ("orders", "changes", "tags", "personal data"):
        state[kind] = [item for item in state[kind] if item["pk"]["S"] != f"O#{order_id}"]


def remove_order_and_cut_log(state: State) -> None:
    remove_order(state, "order-3")
    cut_log(state, ("order-3", 1))


def roll_back(state: State) -> None:
    state["changes"].remove(_change(state, "order-1", 4))
    last, item = _change(state, "order-1", 3), head(state)
    status = json.loads(unpacked(last["document"]))["status"]
    shard = item["status_shard"]["S"].partition("#")[2]
    item.update(document=last["document"], version={"N": "3"}, seal=last["hash"])
    item.update(status_shard={"S": f"{status}#{shard}"}, user_status={"S": f"{status}#user-1"})


def roll_back_and_cut_log(state: State) -> None:
    roll_back(state)
    cut_log(state, ("order-1", 4))


def into_inbox_again(state: State) -> None:
    item = _change(state, "order-1", 1)
    item["inbox"] = item.pop("position")


def rewrite(state: State, first: int) -> None:
    previous = ""
    for version in range(1, 5):
        item = _change(state, "order-1", version)
        if version >= first:
            item.update(actor={"S": "staff:mallory"}, previous_hash={"S": previous})
            item["hash"] = {"S": hash_of(change_record_of(item))}
        previous = item["hash"]["S"]
    head(state)["seal"] = {"S": previous}


def _change(state: State, order_id: str, version: int) -> Row:
    key = f"O#{order_id}", f"C#{version:010}"
    return next(item for item in state["changes"] if (item["pk"]["S"], item["sk"]["S"]) == key)


async def test_verify_finds_every_way_to_tamper_with_the_table(dynamodb: Server) -> None:
    name = await dynamodb.new_table()
    store = open_store(dynamodb.url_of(name))
    table = OrdersTable(name, Endpoint.of("dynamodb", REGION, dynamodb.endpoint))
    await save_orders(store)
    unread = await VerifyOrdersUseCase(store).execute()
    assert (unread.changes, unread.problems) == (8, []), "changes in the inbox are no problem"
    file = await checkpoint_of(store)
    assert (await VerifyOrdersUseCase(store).execute()).problems == []
    stored = [item["sk"] async for page in table.query("pk = :pk", {"pk": "V"}, 10) for item in page]
    for sort in stored:
        await table.call("DeleteItem", {"Key": {"pk": {"S": "V"}, "sk": sort}})
    state = await state_of(table)

    async def keep_open() -> None:
        """The shards of the table are read once for each store that is opened."""

    close, store.close = store.close, keep_open  # type: ignore[method-assign]
    found = await try_ways(
        iter([*drawn_ways(state), *ways_by_hand()]), state, Loader(table, state), lambda: store, file
    )
    await close()
    await table.close()
    assert found.not_at_all == []
    assert len(found.by_verify) >= LEAST
    assert on_the_page(found.by_checkpoint) == listed_on_the_page("DynamoDB")


async def test_verify_accepts_changes_without_fingerprint_and_position(dynamodb: Server) -> None:
    name = await dynamodb.new_table()
    store = open_store(dynamodb.url_of(name))
    table = OrdersTable(name, Endpoint.of("dynamodb", REGION, dynamodb.endpoint))
    await save_orders(store)
    await checkpoint_of(store)  # positions are assigned
    state = await state_of(table)
    load = Loader(table, copy.deepcopy(state))
    as_before_fingerprints(state)
    await load(state)
    for item in [item async for page in table.query("pk = :pk", {"pk": "V"}, 10) for item in page]:
        await table.call("DeleteItem", {"Key": {"pk": item["pk"], "sk": item["sk"]}})
    assert (await VerifyOrdersUseCase(store).execute()).problems == []
    await store.close()
    await table.close()


def as_before_fingerprints(state: State) -> None:
    """Make the changes those of a version that stored neither fingerprints nor positions in them."""
    for item in state["orders"]:
        previous = ""
        for change in (change for change in state["changes"] if change["pk"] == item["pk"]):
            for attribute in ("fingerprint", "position"):
                del change[attribute]
            change["previous_hash"] = {"S": previous}
            previous = hash_of(change_record_of(change))
            change["hash"] = {"S": previous}
        item["seal"] = {"S": previous}
