"""Stores keep all of an order, in a form that is returned as it is and in which any alteration is detected."""

import copy
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.dtos import LABEL, OrderDTO, PlaceOrder
from orderkeep.application.ports import PAGE_BYTES, FeedEntry
from orderkeep.domain import limits
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.entities import Order
from orderkeep.domain.lines import OrderLine
from orderkeep.domain.shipments import Tracking
from orderkeep.domain.value_objects import EXPONENTS, Cancellation, Money, is_visible
from orderkeep.infrastructure.serialization import (
    SCHEMA,
    ChangeRecord,
    Commit,
    Recomputed,
    change_of,
    commit_of,
    documents_of,
    hash_of,
    mark_saved,
    order_of,
    page_length,
    snapshot_of,
    tags_in,
)
from orderkeep.testing.orders import cancelled_order, small_order
from tests.infrastructure.leaves import leaves_of

EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def texts(longest: int) -> st.SearchStrategy[str]:
    bidi = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    printable = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters=bidi)
    return st.text(printable, min_size=1, max_size=min(longest, 30)).filter(is_visible)


def moments() -> st.SearchStrategy[datetime]:
    return st.integers(0, (LATEST - EARLIEST) // timedelta(microseconds=1)).map(
        lambda microseconds: EARLIEST + timedelta(microseconds=microseconds)
    )


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Draw a valid order, as an import could bring it."""
    currency = draw(st.sampled_from(sorted(EXPONENTS)))
    amounts = st.integers(0, 10**9).map(lambda minor: Money(minor, currency))
    line = st.builds(
        lambda sku, name, quantity, price, tax: OrderLine(sku, name, quantity, price, Money(0, currency), tax),
        *(texts(limits.MAX_SKU_LENGTH), texts(limits.MAX_NAME_LENGTH), st.integers(1, 1_000), amounts, amounts),
    )
    lines = tuple(draw(st.lists(line, max_size=3)))
    shipping, tax = draw(amounts), draw(amounts)
    total = sum((one.total for one in lines), Money.zero(currency)) + shipping + tax
    created_at, updated_at, cancelled_at = sorted(draw(st.tuples(moments(), moments(), moments())))
    status = draw(st.sampled_from(["pending", "processing", "shipped", "delivered", "cancelled"]))
    reason = draw(st.none() | texts(limits.MAX_REASON_LENGTH))
    return Order.imported(
        draw(st.text("AZaz09._:-", min_size=1, max_size=64).map(lambda text: f"o{text}"[:64])),
        draw(texts(limits.MAX_USER_ID_LENGTH)),
        total,
        status,
        created_at,
        lines=lines,
        shipping=shipping,
        tax=tax,
        external_ref=draw(st.none() | texts(limits.MAX_EXTERNAL_REF_LENGTH)),
        tags=tuple(draw(st.lists(texts(limits.MAX_TAG_LENGTH), max_size=3, unique=True))),
        metadata=draw(st.dictionaries(texts(limits.MAX_METADATA_KEY_LENGTH), st.just("") | texts(500), max_size=3)),
        updated_at=updated_at,
        cancellation=Cancellation(reason, None, cancelled_at) if status == "cancelled" else None,
    )


keys = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(orders(), keys)
def test_every_valid_order_comes_back_as_it_was(order: Order, key: str | None) -> None:
    order.set_attribution(Attribution("staff:anna", key, "print-1", "call-1"))
    expected, before = OrderDTO.of(order, 1), copy.deepcopy(vars(order))
    commit = commit_of(order)
    back = order_of(commit.order.document, commit.order.requests, commit.order.seal)
    assert OrderDTO.of(back) == expected
    assert (back.idempotency_keys, back.last_hash, back.version) == (order.idempotency_keys, commit.change.hash, 1)
    assert change_of(commit.change).order == expected
    assert change_of(commit.change).intact
    assert vars(order) == before


@given(orders())
def test_document_is_the_orders_json_with_separate_search_columns(order: Order) -> None:
    record = commit_of(order).order
    assert msgspec.json.decode(record.document, type=OrderDTO) == OrderDTO.of(order, 1)
    shown = json.loads(record.document)
    assert list(shown) == [field.name for field in fields(OrderDTO)]
    assert (record.id, record.user_id, record.status) == (shown["id"], shown["user_id"], shown["status"])
    assert (record.external_ref, list(record.tags)) == (shown["external_ref"], shown["tags"])
    assert record.created_at == order.created_at
    assert shown["created_at"].endswith("Z")
    assert snapshot_of(*snapshot_fields(order)).json == record.document


def snapshot_fields(
    order: Order, document: bytes | None = None, schema: int = SCHEMA
) -> tuple[str, str, datetime, int, int, bytes]:
    kept = commit_of(order).order
    return kept.id, kept.user_id, kept.created_at, kept.version, schema, document or kept.document


def test_the_orders_to_test_with_have_no_two_equal_fields() -> None:
    order = OrderDTO.of(cancelled_order(), 1)
    lines = [replace(line, cancelled=0) for line in order.lines]
    names = [field.name for field in fields(PlaceOrder) if field.name not in ("lines", "personal")]
    given = [getattr(order, name) for name in (*names, "status", "created_at", "updated_at", "cancellation")]
    leaves = [leaf for leaf in leaves_of([*given, *lines]) if leaf is not None and leaf != 0]
    assert sorted(str(leaf) for leaf in leaves if leaves.count(leaf) > 1) == []
    assert len(leaves) > 30


OPTIONAL = [
    field.name
    for field in fields(OrderDTO)
    if field.name not in ("id", "user_id", "total", "currency", "status", "created_at", "updated_at", "version")
]


@pytest.mark.parametrize("absent", OPTIONAL)
def test_document_of_an_older_schema_is_returned_in_the_current_form(absent: str) -> None:
    order = small_order("order-1")
    shown = json.loads(commit_of(order).order.document)
    del shown[absent]
    older = json.dumps(shown).encode()

    snapshot = snapshot_of(*snapshot_fields(order, older, SCHEMA + 1))
    assert snapshot.json == commit_of(order).order.document
    assert OrderDTO.of(order_of(older, b"{}", "")) == OrderDTO.of(order, 1)
    assert snapshot_of(*snapshot_fields(order, older, SCHEMA)).json == older
    newer = commit_of(small_order("order-2")).order.document
    assert documents_of([(SCHEMA, newer), (SCHEMA + 1, older)]) == [newer, snapshot.json]


def test_a_document_from_after_a_field_was_added_can_still_be_read() -> None:
    order = small_order("order-1")
    newer = commit_of(order).order.document.replace(b"{", b'{"gift_wrap":{"paper":"red"},', 1)
    assert OrderDTO.of(order_of(newer, b"{}", "")) == OrderDTO.of(order, 1)


CHANGE = commit_of(cancelled_order()).change


ALTERED: list[tuple[str, dict[str, Any]]] = [
    ("order_id", {"order_id": "order-2"}),
    ("version", {"version": 2}),
    ("at", {"at": CHANGE.at + timedelta(microseconds=1)}),
    ("actor", {"actor": "staff:ben"}),
    ("key", {"key": "another"}),
    ("no key", {"key": None}),
    ("request_id", {"request_id": "another"}),
    ("no request_id", {"request_id": None}),
    ("events", {"events": CHANGE.events.replace(b"cancelled", b"shipped")}),
    ("document", {"document": CHANGE.document.replace(b"green", b"Green")}),
    ("previous_hash", {"previous_hash": "f" * 64}),
    ("schema", {"schema": SCHEMA + 1}),
    ("fingerprint", {"fingerprint": "fingerprint-2"}),
    ("no fingerprint", {"fingerprint": None}),
    ("empty fingerprint", {"fingerprint": ""}),
    # What one field loses, the other gains: the hash is over the fields, not over what they come to when joined.
    ("actor and key", {"actor": "staff:ann", "key": f"a{CHANGE.key}"}),
]


@pytest.mark.parametrize("changes", [changes for _, changes in ALTERED], ids=[name for name, _ in ALTERED])
def test_the_hash_shows_an_alteration_of_any_field(changes: dict[str, Any]) -> None:
    altered = replace(CHANGE, **changes)
    assert altered != CHANGE
    assert hash_of(altered) != CHANGE.hash
    assert not change_of(altered).intact


def test_a_page_ends_at_a_limit_or_within_a_number_of_bytes() -> None:
    half = PAGE_BYTES // 2
    assert page_length([], 9) == 0
    assert page_length([1, 2, 3], 2) == 2
    assert page_length([half, half, 0], 9) == 3
    assert page_length([half, half + 1, 0], 9) == 1
    assert page_length([PAGE_BYTES + 1, 1], 9) == 1  # a single larger order is returned
    assert page_length([PAGE_BYTES + 1], 9) == 1


def test_change_without_a_key_has_an_empty_fingerprint() -> None:
    order = small_order("order-1")
    assert (commit_of(order).change.key, commit_of(order).change.fingerprint) == (None, "")
    order.set_attribution(Attribution("staff:anna", "key-1", "print-1"))
    assert (commit_of(order).change.key, commit_of(order).change.fingerprint) == ("key-1", "print-1")


def test_every_field_of_a_change_is_hashed_but_the_hash_itself() -> None:
    assert hash_of(replace(CHANGE, hash="")) == CHANGE.hash
    assert {field.name for field in fields(ChangeRecord)} == {
        "hash",
        *(name for _, changes in ALTERED for name in changes),
    }


OF_0_1_0 = [
    json.loads(line) for line in (Path(__file__).parent / "orders_of_0_1_0.jsonl").read_text("utf-8").splitlines()
]
"""Documents that release 0.1.0 stored, with their schema: with lines and without, in each of its statuses."""


@pytest.mark.parametrize("stored", OF_0_1_0, ids=lambda one: f"{one['document']['id']}-{one['document']['status']}")
def test_order_stored_by_0_1_0_is_completed_when_it_is_read(stored: dict[str, Any]) -> None:
    old = stored["document"]
    text = json.dumps(old, separators=(",", ":"), ensure_ascii=False).encode()
    order = order_of(text, b"{}", "")
    shown = json.loads(snapshot_of(old["id"], old["user_id"], order.created_at, 1, stored["schema"], text).json)
    assert shown == json.loads(msgspec.json.encode(OrderDTO.of(order)))

    lines = [
        {name: line[name] for name in old_line} for line, old_line in zip(shown["lines"], old["lines"], strict=True)
    ]
    assert {**{name: shown[name] for name in old}, "lines": lines} == old  # all that was stored is unchanged
    status = old["status"]
    shipped, delivered = status in ("shipped", "delivered"), status == "delivered"
    assert [line["id"] for line in shown["lines"]] == [f"l{number}" for number in range(1, len(lines) + 1)]
    for line in shown["lines"]:
        counts = [line[name] for name in ("cancelled", "shipped", "delivered", "returned")]
        assert counts == [line["quantity"] * it for it in (status == "cancelled", shipped, delivered, False)]
    units = [{"line": line["id"], "quantity": line["quantity"]} for line in shown["lines"]]
    assert [(each["id"], each["lines"], each["shipped_at"], each["delivered_at"]) for each in shown["shipments"]] == (
        [("s1", units, old["updated_at"], old["updated_at"] if delivered else None)] if shipped else []
    )
    due = 0 if status == "cancelled" else old["total"]
    shipping = {"shipped": "shipped", "delivered": "delivered", "cancelled": "none"}.get(status, "unshipped")
    assert (shown["current_total"], shown["payment_status"]) == (due, "unpaid" if due else "none_due")
    assert (shown["shipping_status"], shown["return_status"], shown["on_hold"]) == (shipping, "none", False)
    if delivered:
        order.request_return(at=order.updated_at)
    elif shipped:
        order.deliver(at=order.updated_at)


def saved(order: Order) -> Commit:
    """Return the commit of an order that is stored now."""
    commit = commit_of(order)
    mark_saved([order], [commit])
    return commit


def test_a_plain_order_writes_its_tags_once_and_nothing_more() -> None:
    order = small_order("order-1", tags=("gift", "late"))
    first = saved(order)
    assert (first.added, first.removed, first.order.tags) == (("gift", "late"), (), ("gift", "late"))
    for change in (order.confirm, order.ship, order.deliver):
        change(at=order.created_at)
        commit = saved(order)
        assert (commit.added, commit.removed, commit.sets_ref) == ((), (), False)


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_commit_contains_the_difference_of_tags_labels_and_reference(is_loaded: bool) -> None:
    order = small_order("order-1", tags=("gift", "late"))
    order.put_on_hold("address", at=order.created_at)
    first = saved(order)
    assert first.added == ("gift", "late", f"{LABEL}on_hold", f"{LABEL}needs_attention")
    if is_loaded:
        order = order_of(first.order.document, first.order.requests, first.order.seal)
    order.release(at=order.created_at)
    order.tags, order.external_ref = ("late", "fragile"), "web-1"
    again = saved(order)
    assert (again.added, again.removed) == (("fragile",), ("gift", f"{LABEL}on_hold", f"{LABEL}needs_attention"))
    assert (again.sets_ref, again.order.external_ref, again.order.tags) == (True, "web-1", ("late", "fragile"))
    assert tags_in(again.order.document) == ("late", "fragile")
    assert not commit_of(order).sets_ref
    assert not commit_of(order_of(again.order.document, again.order.requests, again.order.seal)).sets_ref


def shipped(number: str) -> Order:
    """Return a new order that was shipped with a tracking number."""
    order = small_order("order-1", tags=("gift",), status="processing")
    order.add_shipment((), Tracking("UPS", number), at=order.created_at)
    return order


def test_tracking_labels_follow_the_shipments_of_a_document() -> None:
    order, label = shipped("1Z 999"), f"{LABEL}tracking:1z999"
    first = saved(order)
    assert first.added == tags_in(first.order.document) == ("gift", label)
    loaded = order_of(first.order.document, first.order.requests, first.order.seal)
    loaded.update_shipment("s1", {"tracking_number": None}, at=order.created_at)
    again = saved(loaded)
    assert (again.added, again.removed, tags_in(again.order.document)) == ((), (label,), ("gift",))


@pytest.mark.parametrize("older", [0, 1, 2])
def test_what_a_save_wrote_is_recomputed_from_the_changes(older: int) -> None:
    """So many changes are of a version that did not store the fingerprint in them."""
    order = small_order("order-1")
    order.set_attribution(Attribution("staff:anna", "key-1", "print-1"))
    commits = [saved(order)]
    order.set_attribution(Attribution("staff:anna", "key-2", "print-2"))
    order.confirm(at=order.created_at)
    commits.append(saved(order))
    recomputed, stored = Recomputed(), commits[-1].order
    for number, commit in enumerate(commits):
        change = replace(commit.change, schema=None, fingerprint=None) if number < older else commit.change
        recomputed.add(change, FeedEntry(change.order_id, change.version, change.hash))
    assert recomputed.order() == OrderDTO.of(order)
    assert recomputed.record(SCHEMA, stored.requests) == stored
    assert (recomputed.record(SCHEMA, None) == stored) is (older == 0)
    assert Recomputed().record(SCHEMA, stored.requests) is None


def test_what_is_stored_of_an_order_is_not_compared_or_shown() -> None:
    order = small_order("order-1", tags=("gift",))
    same = small_order("order-1", tags=("gift",))
    saved(order)
    same.version = order.version
    assert (order, repr(order)) == (same, repr(same))
    assert Order(**vars(order)) == order
