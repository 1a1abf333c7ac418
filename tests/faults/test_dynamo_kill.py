"""kill -9 of a service on DynamoDB at random moments, under eight writers."""

from pathlib import Path

from tests.faults.test_kill_server import SEED, write_and_kill
from tests.servers.dynamodb import Server

KILLS = 5


async def test_a_service_that_is_killed_loses_and_doubles_nothing_it_acknowledged(
    dynamodb: Server, tmp_path: Path
) -> None:
    journal, found = await write_and_kill(tmp_path, KILLS, store=await dynamodb.new_url())
    said = f"seed {SEED}: {len(journal.acknowledged)} answers, {journal.lost} lost, {journal.replayed} given again"
    assert found == [], said
    assert journal.lost > 0, f"no kill came between a request and its answer; {said}"
