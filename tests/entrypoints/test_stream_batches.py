"""Whatever a batch holds, it is read, reported or refused, and nothing else."""

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orderkeep.bootstrap.events import stream_reader
from orderkeep.entrypoints.stream_batches import NotAStreamEvent, StreamBatch
from orderkeep.testing.orders import pending_order
from tests.infrastructure.stream_records import items_of_save, record, sequence_number

GOOD = json.loads(json.dumps(record(items_of_save(pending_order(7))[-1], 7)))  # no two parts of it are one object
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def paths_of(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [path]
    return [path, *(found for name, inner in value.items() for found in paths_of(inner, (*path, name)))]


def altered(path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    whole = copy.deepcopy(GOOD)
    parent = whole
    for name in path[:-1]:
        parent = parent[name]
    parent[path[-1]] = value
    return whole


@given(ANYTHING)
def test_anything_else_than_a_batch_is_refused(event: Any) -> None:
    try:
        StreamBatch(event, stream_reader())
    except NotAStreamEvent:
        return
    assert event["Records"] == []


@given(st.sampled_from(paths_of(GOOD)), ANYTHING)
def test_a_record_with_anything_in_it_is_read_reported_or_refused(path: tuple[str, ...], value: Any) -> None:
    wrong = altered(path, value)
    try:
        batch = StreamBatch({"Records": [record(items_of_save(pending_order(3))[0], 3), wrong]}, stream_reader())
    except NotAStreamEvent:
        return
    number = wrong["dynamodb"]["SequenceNumber"]
    assert batch.answer()["batchItemFailures"] in ([], [{"itemIdentifier": number}])


@given(st.sampled_from([path for path in paths_of(GOOD) if "NewImage" in path and "inbox" not in path]), ANYTHING)
def test_a_change_that_was_altered_is_never_published(path: tuple[str, ...], value: Any) -> None:
    wrong = altered(path, value)
    batch = StreamBatch({"Records": [wrong]}, stream_reader())
    said_the_same = batch._changes and batch._changes == StreamBatch({"Records": [GOOD]}, stream_reader())._changes
    assert said_the_same or batch._changes == []
    assert batch.answer() == {"batchItemFailures": [{"itemIdentifier": sequence_number(7)}]}
