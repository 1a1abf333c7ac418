"""A contract that cannot fail proves nothing: every fault here is found by the test named beside it, and every test
of the contracts finds one.
"""

from contextlib import nullcontext
from typing import Any

import pytest

from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing import (
    ApiKeyStoreContract,
    DocumentStoreContract,
    OrderStoreContract,
    ProjectionContract,
    RecordStoreContract,
)
from orderkeep.testing import documents as document_contract
from tests.contract import broken_api_keys as keys
from tests.contract import broken_documents as documents
from tests.contract import broken_projections as projections
from tests.contract import broken_reads as reads
from tests.contract import broken_records as records
from tests.contract import broken_saves as saves
from tests.torture.contract import TortureContract
from tests.torture.planted import ReadsAReplica

LARGE = document_contract.LARGE
LARGER_THAN_A_PIECE = document_contract.EVERY_BYTE * 32
"""In place of 20 MiB: pytest would explain for ten seconds how what is kept differs."""


class WholeContract(OrderStoreContract, TortureContract):
    """All that the stores of orders here are tested for."""


SOUND: dict[type, list[type]] = {
    WholeContract: [InMemoryOrderRepository],
    ApiKeyStoreContract: [keys.Sound],
    RecordStoreContract: [records.Sound],
    DocumentStoreContract: [InMemoryDocumentStore, documents.Links],
    ProjectionContract: [InMemoryOrderRepository, projections.Sound],
}

FOUND_BY: dict[type, list[tuple[type, str]]] = {
    WholeContract: [
        (saves.SwapsTwoAmounts, "test_keeps_every_field_of_an_order"),
        (saves.ForgetsCancellations, "test_keeps_every_field_of_an_order"),
        (saves.LosesRequestKeys, "test_keeps_every_field_of_an_order"),
        (saves.KeepsAsciiOnly, "test_keeps_texts_amounts_and_times_exactly"),
        (saves.CutsLongNotes, "test_keeps_the_largest_order_there_may_be"),
        (saves.FloatTotals, "test_keeps_texts_amounts_and_times_exactly"),
        (saves.KeepsMilliseconds, "test_keeps_texts_amounts_and_times_exactly"),
        (saves.IgnoresCase, "test_distinguishes_similar_ids"),
        (saves.TakesIdsForNumbers, "test_distinguishes_similar_ids"),
        (saves.LiveObjects, "test_gives_every_caller_an_object_of_their_own"),
        (saves.ReturnsSnapshotsInAnyOrder, "test_saves_several_orders_in_one_commit"),
        (saves.ReturnsOtherBytesThanItStores, "test_saves_several_orders_in_one_commit"),
        (saves.ForgetsToCount, "test_counts_the_commits_of_an_order"),
        (saves.SkipsWhatDidNotChange, "test_counts_the_commits_of_an_order"),
        (saves.RepeatsTheLastSave, "test_saves_nothing_where_nothing_is_given"),
        (saves.BlindWrites, "test_rejected_save_leaves_order_object_unchanged"),
        (saves.Upserts, "test_rejects_any_version_but_the_one_that_is_stored"),
        (saves.InsertsWhatIsMissing, "test_rejects_any_version_but_the_one_that_is_stored"),
        (saves.TakesLaterVersions, "test_rejects_any_version_but_the_one_that_is_stored"),
        (saves.SavesTheFirstOnly, "test_saves_several_orders_in_one_commit"),
        (saves.SavesOneByOne, "test_saves_all_of_several_orders_or_none"),
        (saves.TakesOneOrderTwice, "test_rejects_one_order_twice_in_a_save"),
        (saves.SavesEachTogether, "test_saves_each_of_several_orders_by_itself"),
        (saves.SpoilsRefusedOrders, "test_rejected_save_leaves_order_object_unchanged"),
        (reads.ForgetsWhoAsked, "test_history_records_events_and_actor"),
        (reads.LosesRequestIds, "test_history_records_events_and_actor"),
        (reads.LosesKeysOfChanges, "test_history_records_events_and_actor"),
        (reads.CountsVersionsFromTheEnd, "test_gives_a_change_by_its_version"),
        (reads.ExcludesTheInstant, "test_gives_the_last_change_at_or_before_an_instant"),
        (reads.GivesTheFirstOfAnInstant, "test_gives_the_last_change_at_or_before_an_instant"),
        (reads.RepeatsAVersionInHistory, "test_pages_through_a_history"),
        (reads.TellsNoChain, "test_chains_the_changes_of_an_order"),
        (reads.VerifiesEverySecondChange, "test_chains_the_changes_of_an_order"),
        (reads.VerifiesNoOrder, "test_chains_the_changes_of_an_order"),
        (reads.VerifiesEverySecondChange, "test_verify_reads_the_feed_and_the_last_checkpoint"),
        (reads.CutsTheIdsOfVerifiedOrders, "test_verify_reads_what_is_stored_under_the_id_of_each_order"),
        (reads.ReturnsTheFirstCheckpoint, "test_verify_reads_the_feed_and_the_last_checkpoint"),
        (reads.UnorderedTies, "test_lists_and_pages_every_filter_exactly"),
        (reads.FindsTagsByTheirBeginning, "test_lists_and_pages_every_filter_exactly"),
        (reads.IncludesTheLastInstant, "test_lists_and_pages_every_filter_exactly"),
        (reads.ListsOneStatusOfSeveral, "test_lists_and_pages_every_filter_exactly"),
        (reads.ListsOneStatusAfterAnother, "test_lists_and_pages_every_filter_exactly"),
        (reads.GivesPagesOfAnySize, "test_pages_end_at_a_number_of_bytes"),
        (reads.EndsWithAFullPage, "test_pages_end_at_a_number_of_bytes"),
        (reads.GivesPagesThatAreNotFull, "test_pages_end_at_a_number_of_bytes"),
        (reads.LosesSizesOfOrders, "test_history_ends_at_a_number_of_bytes"),
        (reads.GivesHistoriesOfAnySize, "test_history_ends_at_a_number_of_bytes"),
        (reads.GivesFeedsOfAnySize, "test_feed_ends_at_a_number_of_bytes"),
        (reads.FindsOneOfAPrefix, "test_finds_orders_by_the_beginning_of_their_id"),
        (reads.TakesPrefixesForPatterns, "test_finds_orders_by_the_beginning_of_their_id"),
        (reads.IgnoresTheCaseOfPrefixes, "test_finds_orders_by_the_beginning_of_their_id"),
        (reads.FiltersByTheFirstStatus, "test_filters_by_an_order_as_it_is_now"),
        (saves.StoresTagsAlone, "test_lists_by_statuses_and_obligations_as_they_are_now"),
        (saves.KeepsTheFirstTags, "test_lists_by_statuses_and_obligations_as_they_are_now"),
        (saves.RemovesNoTags, "test_lists_by_statuses_and_obligations_as_they_are_now"),
        (reads.TakesShippedForDelivered, "test_lists_by_shipping_status"),
        (saves.KeepsTheFirstTags, "test_finds_an_order_by_its_new_tags_and_reference_only"),
        (saves.RemovesNoTags, "test_finds_an_order_by_its_new_tags_and_reference_only"),
        (saves.KeepsTheFirstReference, "test_finds_an_order_by_its_new_tags_and_reference_only"),
        (saves.StoresNoPersonalData, "test_keeps_personal_data_beside_the_order"),
        (saves.AltersPersonalData, "test_keeps_personal_data_beside_the_order"),
        (saves.ReturnsAllPersonalData, "test_keeps_personal_data_beside_the_order"),
        (saves.KeepsTheFirstPersonalData, "test_replaces_personal_data"),
        (saves.ForgetsPersonalDataAtTheNextSave, "test_replaces_personal_data"),
        (saves.KeepsOldEmailLabels, "test_finds_orders_by_their_current_email_address"),
        (saves.AddsNoEmailLabels, "test_finds_orders_by_their_current_email_address"),
        (saves.ErasesNothing, "test_erases_personal_data_with_its_label"),
        (saves.ErasesTheSameAddressEverywhere, "test_erases_personal_data_with_its_label"),
        (saves.WritesPersonalDataBeforeItChecks, "test_rejected_save_leaves_personal_data_as_it_is"),
        (saves.WritesPersonalDataInASecondStep, "test_erasure_beside_changes_leaves_all_or_nothing"),
        (saves.WritesTagsBeforeItChecks, "test_rejected_save_leaves_lists_as_they_are"),
        (saves.AddsTagsInASecondStep, "test_attention_queue_loses_no_order_and_keeps_none_under_writes"),
        (saves.RemovesNoTags, "test_attention_queue_loses_no_order_and_keeps_none_under_writes"),
        (saves.KeepsTheFirstTags, "test_finds_orders_by_their_tracking_numbers_as_they_are_now"),
        (saves.RemovesNoTags, "test_finds_orders_by_their_tracking_numbers_as_they_are_now"),
        (saves.KeepsTwentyTagsAndLabels, "test_finds_the_largest_order_by_its_newest_shipments"),
        (reads.PagesByTimeAlone, "test_pages_of_a_search_contain_every_match_once"),
        (reads.FindsTagsByTheirBeginning, "test_finds_orders_by_their_tracking_numbers_as_they_are_now"),
        (saves.ChecksThenWrites, "test_refunds_at_once_cannot_exceed_what_was_captured"),
        (saves.ChecksThenWrites, "test_same_payment_at_once_is_recorded_once"),
        (saves.ChecksThenWrites, "test_cancel_and_partial_shipment_do_not_both_win"),
        (saves.ChecksThenWrites, "test_capture_and_cancel_both_happen_and_a_refund_is_due"),
        (saves.ChecksThenWrites, "test_capture_keeps_the_order_or_is_refunded_after_its_expiry"),
        (saves.ChecksThenWrites, "test_cancelled_and_shipped_units_never_exceed_the_ordered_ones"),
        (reads.PagesByTimeAlone, "test_lists_and_pages_every_filter_exactly"),
        (reads.NeedsTheOrderItGoesOnFrom, "test_goes_on_behind_any_place_an_order_need_not_be_there"),
        (reads.GivesSmallPages, "test_lists_and_pages_every_filter_exactly"),
        (reads.SkipsEveryFifthChange, "test_goes_on_from_every_position_with_pages_of_any_size"),
        (reads.FeedsOneChangeACommit, "test_feeds_all_orders_of_a_commit_and_nothing_of_a_rejected_one"),
        (saves.FeedsBeforeItCommits, "test_feeds_all_orders_of_a_commit_and_nothing_of_a_rejected_one"),
        (reads.RepeatsTheLastOfAPage, "test_goes_on_from_every_position_with_pages_of_any_size"),
        (reads.GoesOnAtTheEnd, "test_waits_at_the_end_for_what_is_to_come"),
        (reads.TakesAnyPosition, "test_rejects_a_position_that_is_not_assigned"),
        (reads.CountsPositionsFromZero, "test_position_of_a_change_is_the_one_at_which_the_feed_has_it"),
        (saves.ChecksThenWrites, "test_one_of_twenty_concurrent_saves_succeeds"),
        (saves.ChecksThenWrites, "test_one_of_concurrent_cancels_and_shipments_succeeds"),
        (saves.ChecksThenWrites, "test_retries_with_one_key_have_one_effect_and_one_result"),
        (saves.LosesRequestKeys, "test_retries_with_one_key_have_one_effect_and_one_result"),
        (reads.GivesTheLatestChange, "test_repeated_request_returns_the_original_result"),
        (ReadsAReplica, "test_concurrent_requests_are_linearizable"),
        (saves.LosesRequestKeys, "test_concurrent_requests_are_linearizable"),
        (reads.PagesByOffset, "test_walks_pages_under_writes_without_a_skip_or_a_repeat"),
        (reads.PagesByTimeAlone, "test_walks_pages_under_writes_without_a_skip_or_a_repeat"),
        (reads.GivesPositionsBeforeItCommits, "test_feeds_readers_beside_sixteen_writers"),
        (reads.SkipsEveryFifthChange, "test_feeds_readers_beside_sixteen_writers"),
        (reads.CountsPositionsFromZero, "test_feeds_readers_beside_sixteen_writers"),
        (reads.AnswersNoPing, "test_saves_and_responds_to_pings_until_closed"),
        (reads.ClosesOnce, "test_saves_and_responds_to_pings_until_closed"),
        (reads.SavesWhenClosed, "test_saves_and_responds_to_pings_until_closed"),
        (reads.AnswersAPingWhenClosed, "test_saves_and_responds_to_pings_until_closed"),
    ],
    RecordStoreContract: [
        (records.NormalizesContents, "test_returns_records_as_written"),
        (records.ReturnsRecordsInTheGivenOrder, "test_returns_existing_records_by_id"),
        (records.SortsAsUtf16, "test_lists_a_kind_in_code_point_order_of_ids"),
        (records.ListsKindsByTheirBeginning, "test_lists_a_kind_in_code_point_order_of_ids"),
        (records.ListsFromTheGivenId, "test_lists_a_kind_in_code_point_order_of_ids"),
        (records.WritesOverAnything, "test_writes_only_over_the_stored_version"),
        (records.WritesOverExistingRecords, "test_writes_only_over_the_stored_version"),
        (records.ChecksNoVersionsOfDeletedRecords, "test_writes_only_over_the_stored_version"),
        (records.WritesOneByOne, "test_writes_all_or_none"),
        (records.ChecksNoVersionsOfDeletedRecords, "test_writes_all_or_none"),
        (records.ContinuesVersionsOfDeletedRecords, "test_deleted_record_begins_again"),
        (records.ReturnsPagesOfAnySize, "test_pages_end_at_a_number_of_bytes"),
        (records.WritesTheFirstFifty, "test_writes_as_many_records_as_a_transaction_may_contain"),
        (records.CutsLongIds, "test_rejects_other_names"),
        (records.ChecksNoLimits, "test_rejects_more_than_a_transaction_may_contain"),
        (records.ChecksThenWrites, "test_concurrent_writers_lose_no_write"),
        (records.ChecksThenWrites, "test_one_of_concurrent_writers_creates_and_deletes_a_record"),
        (records.ShowsHalfATransaction, "test_readers_see_all_of_a_transaction_or_nothing"),
    ],
    ApiKeyStoreContract: [
        (keys.ForgetsWhenKeysEnd, "test_keeps_every_field_of_a_key"),
        (keys.ForgetsWhoseKeyItIs, "test_keeps_every_field_of_a_key"),
        (keys.GivesAScopeMore, "test_keeps_every_field_of_a_key"),
        (keys.KeepsAsciiOnly, "test_keeps_texts_of_every_script"),
        (keys.StripsTexts, "test_keeps_texts_of_every_script"),
        (keys.KeepsMilliseconds, "test_keeps_times_to_the_microsecond"),
        (keys.IgnoresCase, "test_knows_no_key_that_was_not_added"),
        (keys.FindsByTheBeginning, "test_knows_no_key_that_was_not_added"),
        (keys.Replaces, "test_adds_no_key_over_another"),
        (keys.SaysThatItAdded, "test_adds_no_key_over_another"),
        (keys.LooksThenAdds, "test_adds_one_of_many_at_once"),
        (keys.RevokesAll, "test_keeps_the_first_revocation"),
        (keys.SaysOnlyThatItRevoked, "test_keeps_the_first_revocation"),
        (keys.Deletes, "test_keeps_the_first_revocation"),
        (keys.RevokesAnew, "test_keeps_the_first_revocation"),
        (keys.TakesTheEarlierRevocation, "test_keeps_the_first_revocation"),
        (keys.RevokesWhatIsNotThere, "test_knows_no_key_that_was_not_added"),
        (keys.NotesWhateverComes, "test_notes_the_last_use_whatever_comes_late"),
        (keys.NotesTheFirstUse, "test_notes_the_last_use_whatever_comes_late"),
        (keys.MakesKeysByUse, "test_knows_no_key_that_was_not_added"),
        (keys.WritesBackWhatItRead, "test_concurrent_use_does_not_undo_revocation"),
        (keys.HidesWhatWasRevoked, "test_pages_through_all_keys_newest_first"),
        (keys.ListsOldestFirst, "test_pages_through_all_keys_newest_first"),
        (keys.UnorderedTies, "test_pages_through_all_keys_newest_first"),
        (keys.PagesByTimeAlone, "test_pages_through_all_keys_newest_first"),
        (keys.GivesOneTooMany, "test_pages_through_all_keys_newest_first"),
        (keys.NeedsTheKeyItGoesOnFrom, "test_goes_on_behind_any_place_a_key_need_not_be_there"),
        (keys.StaysInItsLoop, "test_serves_another_event_loop"),
    ],
    DocumentStoreContract: [
        (documents.KeepsAsText, "test_gives_what_was_put_and_nothing_else"),
        (documents.TakesEmptyForMissing, "test_gives_what_was_put_and_nothing_else"),
        (documents.GivesAnotherFile, "test_gives_what_was_put_and_nothing_else"),
        (documents.CutsEndings, "test_distinguishes_similar_keys"),
        (documents.BeginsAtTheBeginning, "test_gives_what_was_put_and_nothing_else"),
        (documents.KeepsTheFirstPiece, "test_gives_what_was_put_and_nothing_else"),
        (documents.Replaces, "test_never_changes_what_it_keeps"),
        (documents.ReplacesWhatIsSmaller, "test_never_changes_what_it_keeps"),
        (documents.LooksThenWrites, "test_takes_one_of_many_at_once"),
        (documents.LooksThenWrites, "test_first_of_two_concurrent_puts_wins"),
        (documents.DeletesNothing, "test_deletes_one_file_and_stores_it_again"),
        (documents.DeletesTheFolder, "test_deletes_one_file_and_stores_it_again"),
        (documents.DeletesOnce, "test_deletes_one_file_and_stores_it_again"),
        (documents.KeepsTheNameOfWhatItDeleted, "test_deletes_one_file_and_stores_it_again"),
        (documents.DeletesUnderAnyKey, "test_rejects_a_key_that_leads_elsewhere"),
        (documents.KeepsHalves, "test_keeps_nothing_of_a_put_that_fails"),
        (documents.HidesThatItFailed, "test_keeps_nothing_of_a_put_that_fails"),
        (documents.TakesAnyKey, "test_rejects_a_key_that_leads_elsewhere"),
        (documents.LooksUnderAnyKey, "test_rejects_a_key_that_leads_elsewhere"),
        (documents.LinksToAnyKey, "test_rejects_a_key_that_leads_elsewhere"),
        (documents.LinksToOneFile, "test_links_to_the_file_by_its_name_if_it_links"),
        (documents.LinksToTheLastFile, "test_links_to_the_file_by_its_name_if_it_links"),
        (documents.ForgetsNames, "test_links_to_the_file_by_its_name_if_it_links"),
        (documents.ShowsWhatIsToBeSaved, "test_links_to_the_file_by_its_name_if_it_links"),
        (documents.ForgetsMediaTypes, "test_links_to_the_file_by_its_name_if_it_links"),
        (documents.StaysInItsLoop, "test_serves_another_event_loop"),
        (documents.ClosesOnce, "test_may_be_closed_twice"),
    ],
    ProjectionContract: [
        (projections.ForgetsRecordsInBatches, "test_counts_each_change_once_with_pages_of_any_size"),
        (projections.ListsAHundredRecords, "test_a_page_that_touches_many_records_is_divided"),
        (projections.OverwritesNewerRecords, "test_projectors_at_once_count_each_change_once"),
        (
            projections.WritesThePositionInASecondTransaction,
            "test_projector_killed_at_any_point_counts_each_change_once",
        ),
        (projections.ListsRecordsOfAReplica, "test_reads_are_exact_for_their_position_beside_writers"),
        (projections.DeletesWhateverHasTheSameId, "test_rebuild_has_the_same_result_beside_writers"),
    ],
}


@pytest.fixture(autouse=True)
def _smaller_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_contract, "LARGE", LARGER_THAN_A_PIECE)


def names_of(contract: type) -> list[str]:
    return [name for name in dir(contract) if name.startswith("test_")]


async def hold_to_it(contract: type, store: type, test: str) -> None:
    """Run the test with each of its parameters, on a new store each."""
    method = getattr(contract(), test)
    cases: list[dict[str, Any]] = [{}]
    for mark in getattr(method, "pytestmark", ()):
        cases = [{mark.args[0]: LARGER_THAN_A_PIECE if value is LARGE else value} for value in mark.args[1]]
    for case in cases:
        opened = store()
        with documents.served(opened) if isinstance(opened, documents.Links) else nullcontext():
            await method(opened, **case)


@pytest.mark.parametrize(
    "contract, broken, test",
    [(contract, broken, test) for contract, faults in FOUND_BY.items() for broken, test in faults],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_finds_the_fault(contract: type, broken: type, test: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception, OrderkeepError, RuntimeError)):
        await hold_to_it(contract, broken, test)


@pytest.mark.parametrize("contract", FOUND_BY)
def test_every_test_of_the_contract_finds_a_fault(contract: type) -> None:
    assert {test for _, test in FOUND_BY[contract]} == set(names_of(contract))


@pytest.mark.parametrize(
    "contract, sound, test",
    [(contract, sound, test) for contract, sound in SOUND.items() for test in names_of(contract)],
)
async def test_a_sound_store_has_none_of_the_faults(contract: type, sound: list[type], test: str) -> None:
    for store in sound:
        await hold_to_it(contract, store, test)
