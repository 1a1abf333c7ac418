"""Every fault here is found by the test of the API keys' contract named beside it, and every test of it finds one."""

from typing import Any

import pytest

from orderkeep.testing import ApiKeyStoreContract
from tests.contract import broken_api_keys as broken

Store = type[broken.Sound]

FOUND_BY: list[tuple[Store, str]] = [
    (broken.ForgetsWhenKeysEnd, "test_keeps_every_field_of_a_key"),
    (broken.ForgetsWhoseKeyItIs, "test_keeps_every_field_of_a_key"),
    (broken.GivesAScopeMore, "test_keeps_every_field_of_a_key"),
    (broken.KeepsAsciiOnly, "test_keeps_texts_of_every_script"),
    (broken.StripsTexts, "test_keeps_texts_of_every_script"),
    (broken.KeepsMilliseconds, "test_keeps_times_to_the_microsecond"),
    (broken.IgnoresCase, "test_knows_no_key_that_was_not_added"),
    (broken.FindsByTheBeginning, "test_knows_no_key_that_was_not_added"),
    (broken.Replaces, "test_adds_no_key_over_another"),
    (broken.SaysThatItAdded, "test_adds_no_key_over_another"),
    (broken.LooksThenAdds, "test_adds_one_of_many_at_once"),
    (broken.RevokesAll, "test_revokes_a_key_and_no_other"),
    (broken.SaysOnlyThatItRevoked, "test_revokes_a_key_and_no_other"),
    (broken.Deletes, "test_revokes_a_key_and_no_other"),
    (broken.RevokesAnew, "test_keeps_the_first_revocation"),
    (broken.TakesTheEarlierRevocation, "test_keeps_the_first_revocation"),
    (broken.RevokesWhatIsNotThere, "test_makes_no_key_of_one_that_is_not_there"),
    (broken.NotesWhateverComes, "test_notes_the_last_use_whatever_comes_late"),
    (broken.NotesTheFirstUse, "test_notes_the_last_use_whatever_comes_late"),
    (broken.MakesKeysByUse, "test_makes_no_key_of_one_that_is_not_there"),
    (broken.WritesBackWhatItRead, "test_a_use_beside_it_undoes_no_revocation"),
    (broken.HidesWhatWasRevoked, "test_lists_newest_first_and_by_id_within_an_instant"),
    (broken.ListsOldestFirst, "test_lists_newest_first_and_by_id_within_an_instant"),
    (broken.UnorderedTies, "test_lists_newest_first_and_by_id_within_an_instant"),
    (broken.PagesByTimeAlone, "test_pages_through_all_keys"),
    (broken.GivesOneTooMany, "test_pages_through_all_keys"),
    (broken.NeedsTheKeyItGoesOnFrom, "test_goes_on_behind_any_place_a_key_need_not_be_there"),
    (broken.StaysInItsLoop, "test_serves_another_event_loop"),
]


async def hold_to_it(store: Store, test: str) -> None:
    """Run the test with each of its parameters, on a new store each."""
    method = getattr(ApiKeyStoreContract(), test)
    cases: list[dict[str, Any]] = [{}]
    for mark in getattr(method, "pytestmark", ()):
        cases = [{mark.args[0]: value} for value in mark.args[1]]
    for case in cases:
        await method(store(), **case)


@pytest.mark.parametrize("store, test", FOUND_BY, ids=lambda value: getattr(value, "__name__", value))
async def test_finds_the_fault(store: Store, test: str) -> None:
    with pytest.raises((AssertionError, RuntimeError)):
        await hold_to_it(store, test)


def test_every_test_of_the_contract_finds_a_fault() -> None:
    tests = {name for name in dir(ApiKeyStoreContract) if name.startswith("test_")}
    assert {test for _, test in FOUND_BY} == tests


@pytest.mark.parametrize("test", sorted({test for _, test in FOUND_BY}))
async def test_a_sound_store_has_none_of_the_faults(test: str) -> None:
    await hold_to_it(broken.Sound, test)
