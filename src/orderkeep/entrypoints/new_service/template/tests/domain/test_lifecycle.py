"""Every transition of the lifecycle, and that a rejected command changes nothing."""

import pytest

from sample_service.domain.lifecycle import LIFECYCLE, REJECTIONS, Command, CommandRejected, SampleItemStatus
from tests.sample_items import LATER, small_sample_item

PAIRS = [(status, command) for status in SampleItemStatus for command in Command]


@pytest.mark.parametrize("status, command", PAIRS)
def test_command_follows_the_table_or_changes_nothing(status: SampleItemStatus, command: Command) -> None:
    sample_item, before = small_sample_item(status=status), small_sample_item(status=status)
    follower = LIFECYCLE.get((status, command))
    if follower is None:
        with pytest.raises(REJECTIONS[command]) as raised:
            getattr(sample_item, command)(at=LATER)
        assert raised.value.status == status
        assert sample_item == before
    else:
        getattr(sample_item, command)(at=LATER)
        assert (sample_item.status, sample_item.updated_at) == (follower, LATER)


def test_every_command_has_a_rejection_of_its_own() -> None:
    assert set(REJECTIONS) == set(Command)
    codes = [rejection.code for rejection in REJECTIONS.values()]
    assert len(set(codes) - {CommandRejected.code}) == len(codes)
