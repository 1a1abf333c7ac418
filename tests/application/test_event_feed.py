"""The search for the end of the feed."""

import pytest

from orderkeep.application.event_feed import last_number


@pytest.mark.parametrize("known", [0, 4, 5])
async def test_search_finds_what_a_store_shows_only_when_read_at_its_end(known: int) -> None:
    shown = 5

    async def follows(number: int) -> bool:
        nonlocal shown
        if number == shown:
            shown = min(shown + 3, 11)
        return number < shown

    assert await last_number(follows, known) == 11
