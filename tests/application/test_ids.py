"""Ids: a new one is never there yet, one that follows from a key is always the same."""

from uuid import RFC_4122, UUID, uuid5

from orderkeep.application.access.actor import EVERY_SCOPE, SYSTEM, Actor, ActorKind
from orderkeep.application.ids import new_order_id, order_id_for_external_ref, order_id_for_key
from orderkeep.domain.value_objects import check_text


def test_a_new_id_is_a_random_uuid() -> None:
    made = UUID(new_order_id())
    assert (made.version, made.variant) == (4, RFC_4122)


def test_new_ids_differ_in_their_first_eight_characters() -> None:
    assert len({new_order_id()[:8] for _ in range(100)}) == 100


def test_a_key_leads_to_one_id_for_each_who_uses_it() -> None:
    anna, ben = Actor(ActorKind.STAFF, "anna", EVERY_SCOPE), Actor(ActorKind.STAFF, "ben", EVERY_SCOPE)
    customer = Actor(ActorKind.CUSTOMER, "anna")
    used = [(who, key) for who in (anna, ben, customer, SYSTEM) for key in ("k", "K", "k ")]
    ids = [order_id_for_key(who, key) for who, key in used]
    assert len(set(ids)) == 12
    assert order_id_for_key(anna, "k") == ids[0]
    namespace = UUID("6f72646b-6565-5000-8000-6b6579730001")
    assert ids == [str(uuid5(namespace, f"{who}\n{key}")) for who, key in used]


def test_an_imported_order_gets_the_same_id_at_every_import() -> None:
    order_id = order_id_for_external_ref("northwind-10248")
    assert order_id == order_id_for_external_ref("northwind-10248") != order_id_for_external_ref("northwind-10249")
    assert order_id != order_id_for_key(SYSTEM, "northwind-10248")
    check_text(order_id, "id", 64)


def test_ids_of_keys_and_references_never_change_from_one_release_to_the_next() -> None:
    assert order_id_for_key(Actor(ActorKind.STAFF, "anna", EVERY_SCOPE), "k") == "8f3160b8-a4d6-5fd8-8cac-8661bacccfe0"
    assert order_id_for_external_ref("northwind-10248") == "4c801329-e01c-55a1-9890-f792c41693cc"
