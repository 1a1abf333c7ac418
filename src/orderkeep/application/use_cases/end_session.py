"""End a browser session."""

from collections.abc import Callable
from contextlib import suppress

from orderkeep.application.access.sessions import KIND, digest_of_token
from orderkeep.application.records import RecordStore
from orderkeep.domain.exceptions import ConcurrentUpdate


class EndSessionUseCase:
    """End a session: its token is rejected from then on."""

    def __init__(self, open_records: Callable[[], RecordStore]) -> None:
        self.open_records = open_records

    async def execute(self, token: str) -> None:
        """Delete the session, if it exists."""
        records = self.open_records()
        while found := await records.get_records(KIND, [digest_of_token(token)]):
            with suppress(ConcurrentUpdate):  # a request that is in progress has noted the use of the session
                await records.write_records([], found)
