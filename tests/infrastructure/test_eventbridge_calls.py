"""What goes into one call: never two events of an order, and no more than a call takes."""

import asyncio
import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.dtos import ChangeDTO
from orderkeep.domain.limits import MAX_LINES, MAX_NAME_LENGTH
from orderkeep.infrastructure.cloud_events import cloud_events
from orderkeep.infrastructure.eventbridge import calls_of
from tests.infrastructure.published_changes import changes_of, with_events

ONE, OTHER = asyncio.run(changes_of("A1 A2"))


def change(order_id: str, version: int, events: int = 1, bytes_of_order: int = 0) -> ChangeDTO:
    order = replace(ONE.order, metadata={"filler": "x" * bytes_of_order})
    names = ["OrderPlaced", "OrderConfirmed", "OrderShipped"][:events]
    return with_events(replace(ONE, order_id=order_id, version=version, order=order), *names)


def ids_of(changes: list[ChangeDTO]) -> list[list[str]]:
    return [[json.loads(entry.detail)["id"] for entry in call] for call in calls_of(changes, "/shops/web")]


def test_an_orders_next_event_waits_for_the_next_call() -> None:
    changes = [change("A", 1), change("B", 1), change("A", 2, events=2), change("C", 7)]
    assert ids_of(changes) == [["A.1.1", "B.1.1"], ["A.2.1"], ["A.2.2", "C.7.1"]]


def test_a_call_takes_ten() -> None:
    changes = [change(f"order-{number}", 1) for number in range(23)]
    assert [len(call) for call in ids_of(changes)] == [10, 10, 3]


def test_a_call_takes_256_kilobytes_in_utf_8() -> None:
    changes = [change(f"order-{number}", 1, bytes_of_order=85_000) for number in range(4)]
    assert [len(call) for call in ids_of(changes)] == [2, 2]
    umlauts = [replace(each, order=replace(each.order, metadata={"filler": "ü" * 64_000})) for each in changes]
    assert [len(call) for call in ids_of(umlauts)] == [1, 1, 1, 1]


def test_an_order_that_is_too_large_is_left_out_of_its_event_and_of_no_other() -> None:
    line = replace(ONE.order.lines[0], name="字" * MAX_NAME_LENGTH)
    large = replace(ONE, order_id="large", order=replace(ONE.order, lines=(line,) * MAX_LINES))
    assert len(cloud_events(large)[0].to_json()) > 256 * 1024
    sent = [json.loads(entry.detail) for call in calls_of([ONE, large, OTHER], "shop") for entry in call]
    assert [event["subject"] for event in sent] == ["A", "large", "A"]
    assert [event["data"]["order"] is None for event in sent] == [False, True, False]
    assert sent[1]["data"]["order_ref"] == "/orders/large?version=1"


@given(
    st.lists(st.builds(change, st.sampled_from("ABCD"), st.integers(1, 9), st.integers(0, 3), st.integers(0, 90_000)))
)
def test_events_are_published_in_order_within_size_limits(changes: list[ChangeDTO]) -> None:
    calls = list(calls_of(changes, "shop"))
    for call in calls:
        assert len({entry.order_id for entry in call}) == len(call) <= 10
        assert sum(len((entry.source + entry.type + entry.detail).encode()) for entry in call) < 256 * 1000 + 1
    expected = [(event.id, position) for position, each in enumerate(changes) for event in cloud_events(each)]
    sent = [entry for call in calls for entry in call]
    assert [(json.loads(entry.detail)["id"], entry.before) for entry in sent] == expected
    last = {position: index for index, (_, position) in enumerate(expected)}
    for index, entry in enumerate(sent):
        assert entry.after == entry.before + (last[entry.before] == index)
