"""Keys: unlike each other, known by their looks, and never kept."""

import hashlib
import os
import re
import zlib
from dataclasses import replace

import pytest

from orderkeep.application.access.actor import Actor, ActorKind
from orderkeep.application.access.api_keys import (
    KEY_PATTERN,
    KeyState,
    digest_of_key,
    has_its_checksum,
    id_in,
    id_of_key,
    make_key,
)
from orderkeep.testing.api_keys import REVOKED, SINCE, TICK, api_key, customers_key

ZEROS, ONES = make_key(bytes), make_key(lambda count: b"\xff" * count)


def with_one_bit(place: int) -> str:
    """Return a key of which one random bit alone is set."""
    return make_key(lambda count: (1 << place).to_bytes(32, "big")[-count:])


def test_a_key_looks_the_same_whatever_chance_gives() -> None:
    assert ZEROS[:-6] == "ok_0000000000_" + "0" * 43
    for key in (ZEROS, ONES, *(make_key(os.urandom) for _ in range(100))):
        assert re.fullmatch(KEY_PATTERN, key)
        assert id_of_key(key) == key[3:13]


def test_a_key_holds_256_random_bits_besides_its_id() -> None:
    assert len({with_one_bit(place)[14:-6] for place in range(256)} - {ZEROS[14:-6]}) == 256


def test_no_two_keys_are_equal() -> None:
    made = [make_key(os.urandom) for _ in range(1_000)]
    assert len({id_of_key(key) for key in made}) == len({digest_of_key(key) for key in made}) == 1_000


def test_checksum_is_the_crc32_of_the_preceding_characters() -> None:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for character in ONES[-6:]:
        number = number * 62 + digits.index(character)
    assert number == zlib.crc32(ONES[:-6].encode())


def test_a_key_with_any_character_altered_was_never_made() -> None:
    key = make_key(os.urandom)
    assert has_its_checksum(key)
    for place in range(len(key)):
        other = "x" if key[place] != "x" else "y"
        assert not has_its_checksum(key[:place] + other + key[place + 1 :])


def test_what_looks_otherwise_is_no_key() -> None:
    key = make_key(os.urandom)
    for place in range(len(key)):
        assert id_of_key(key[:place] + key[place + 1 :]) is None
        assert id_of_key(key[:place] + "0" + key[place:]) is None
    for odd in ("", "ok_", f"{key}\n", f" {key}", key.upper(), key.replace("_", "-"), f"{key}\0", "ok_" + "é" * 60):
        assert id_of_key(odd) is None


def test_what_is_kept_is_the_digest_of_the_whole_key() -> None:
    assert digest_of_key(ONES) == hashlib.sha256(ONES.encode()).hexdigest()


@pytest.mark.parametrize("text", [ONES[3:13], ONES[:13], ONES])
def test_a_key_is_meant_by_its_id_its_beginning_or_as_it_is(text: str) -> None:
    assert id_in(text) == ONES[3:13]


@pytest.mark.parametrize(
    "text", ["", "ok_", "123456789", "12345678901", "123456789é", "ok_123456789", ONES[:14], ONES[1:]]
)
def test_other_texts_mean_no_key(text: str) -> None:
    assert id_in(text) is None


def test_a_key_counts_until_it_ends_or_is_revoked() -> None:
    key = api_key(expires_at=SINCE)
    assert [key.state_at(SINCE + TICK * step) for step in (-1, 0, 1)] == [
        KeyState.ACTIVE,
        KeyState.EXPIRED,
        KeyState.EXPIRED,
    ]
    assert api_key().state_at(SINCE) is KeyState.ACTIVE
    assert replace(key, revoked_at=REVOKED).state_at(SINCE - TICK) is KeyState.REVOKED


def test_who_holds_a_key_is_staff_with_its_scopes_or_the_customer() -> None:
    assert api_key().actor == Actor(ActorKind.STAFF, "key:Key0000001", api_key().scopes)
    assert customers_key(2).actor == Actor(ActorKind.CUSTOMER, "user-2")


def test_a_key_shows_no_digest() -> None:
    assert api_key(7).digest not in repr(api_key(7))
