"""Batches of a stream with arbitrary content: a record is published, reported or rejected, and nothing else."""

import copy
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.testing.orders import pending_order
from tests.entrypoints.lambda_containers import container
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


@pytest.fixture(scope="module")
def lambda_stream() -> Iterator[ModuleType]:
    events = "eventbridge://orders?region=eu-central-1"
    with pytest.MonkeyPatch.context() as patch, container(patch, "lambda_stream", ORDERKEEP_EVENTS=events) as module:
        yield module


@given(event=ANYTHING)
def test_anything_but_a_batch_is_rejected(lambda_stream: ModuleType, event: Any) -> None:
    try:
        lambda_stream.read_batch(event)
    except lambda_stream.NotAStreamEvent:
        return
    assert event["Records"] == []


@given(path=st.sampled_from(paths_of(GOOD)), value=ANYTHING)
def test_an_altered_record_is_read_reported_or_rejected(
    lambda_stream: ModuleType, path: tuple[str, ...], value: Any
) -> None:
    wrong = altered(path, value)
    records = [record(items_of_save(pending_order(3))[0], 3), wrong]
    try:
        _, numbers = lambda_stream.read_batch({"Records": records})
    except lambda_stream.NotAStreamEvent:
        return
    assert numbers in ([], [wrong["dynamodb"]["SequenceNumber"]])


@given(
    path=st.sampled_from([path for path in paths_of(GOOD) if "NewImage" in path and "inbox" not in path]),
    value=ANYTHING,
)
def test_an_altered_change_is_never_published(lambda_stream: ModuleType, path: tuple[str, ...], value: Any) -> None:
    changes, numbers = lambda_stream.read_batch({"Records": [altered(path, value)]})
    unaltered, _ = lambda_stream.read_batch({"Records": [GOOD]})
    assert changes in ([], unaltered)
    assert numbers == [sequence_number(7)]
