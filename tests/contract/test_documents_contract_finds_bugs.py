"""Every fault here is found by the test of the document contract named beside it, and every test of it finds one."""

from contextlib import nullcontext
from typing import Any

import pytest

from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.testing import DocumentStoreContract, documents
from tests.contract import broken_documents as broken

Store = type[InMemoryDocumentStore]

LARGE = documents.LARGE
LARGER_THAN_A_PIECE = documents.EVERY_BYTE * 32
"""In place of 20 MiB: pytest would explain for ten seconds how what is kept differs."""

FOUND_BY: list[tuple[Store, str]] = [
    (broken.KeepsAsText, "test_gives_what_was_put"),
    (broken.TakesEmptyForMissing, "test_gives_what_was_put"),
    (broken.GivesAnotherFile, "test_gives_nothing_where_nothing_was_put"),
    (broken.CutsEndings, "test_tells_keys_apart_that_look_alike"),
    (broken.BeginsAtTheBeginning, "test_keeps_a_file_from_where_it_stands_to_its_end"),
    (broken.KeepsTheFirstPiece, "test_keeps_a_large_file_whole"),
    (broken.Replaces, "test_never_changes_what_it_keeps"),
    (broken.ReplacesWhatIsSmaller, "test_never_changes_what_it_keeps"),
    (broken.LooksThenWrites, "test_takes_one_of_many_at_once"),
    (broken.LooksThenWrites, "test_keeps_the_faster_of_two"),
    (broken.KeepsHalves, "test_keeps_nothing_of_a_put_that_fails"),
    (broken.HidesThatItFailed, "test_keeps_nothing_of_a_put_that_fails"),
    (broken.TakesAnyKey, "test_refuses_a_key_that_leads_elsewhere"),
    (broken.LooksUnderAnyKey, "test_refuses_a_key_that_leads_elsewhere"),
    (broken.LinksToAnyKey, "test_refuses_a_key_that_leads_elsewhere"),
    (broken.LinksToOneFile, "test_links_to_the_file_by_its_name_if_it_links"),
    (broken.LinksToTheLastFile, "test_links_to_the_file_by_its_name_if_it_links"),
    (broken.ForgetsNames, "test_links_to_the_file_by_its_name_if_it_links"),
    (broken.ShowsWhatIsToBeSaved, "test_links_to_the_file_by_its_name_if_it_links"),
    (broken.ForgetsMediaTypes, "test_links_to_the_file_by_its_name_if_it_links"),
    (broken.StaysInItsLoop, "test_serves_another_event_loop"),
    (broken.ClosesOnce, "test_may_be_closed_twice"),
]


async def hold_to_it(store: Store, test: str) -> None:
    """Run the test with each of its parameters, on a new store each."""
    method = getattr(DocumentStoreContract(), test)
    cases: list[dict[str, Any]] = [{}]
    for mark in getattr(method, "pytestmark", ()):
        cases = [{mark.args[0]: LARGER_THAN_A_PIECE if value is LARGE else value} for value in mark.args[1]]
    for case in cases:
        opened = store()
        with broken.served(opened) if isinstance(opened, broken.Links) else nullcontext():
            await method(opened, **case)


@pytest.fixture(autouse=True)
def _smaller_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LARGE", LARGER_THAN_A_PIECE)


@pytest.mark.parametrize("store, test", FOUND_BY, ids=lambda value: getattr(value, "__name__", value))
async def test_finds_the_fault(store: Store, test: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception, OrderkeepError, RuntimeError)):
        await hold_to_it(store, test)


def test_every_test_of_the_contract_finds_a_fault() -> None:
    tests = {name for name in dir(DocumentStoreContract) if name.startswith("test_")}
    assert {test for _, test in FOUND_BY} == tests


@pytest.mark.parametrize("sound", [InMemoryDocumentStore, broken.Links])
async def test_a_sound_store_has_none_of_the_faults(sound: Store) -> None:
    for test in sorted({test for _, test in FOUND_BY}):
        await hold_to_it(sound, test)
