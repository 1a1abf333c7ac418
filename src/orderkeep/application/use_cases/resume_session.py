"""Resume a browser session."""

from collections.abc import Callable
from contextlib import suppress

from orderkeep.application.access.actor import Actor
from orderkeep.application.access.api_keys import ApiKeyStore, KeyState
from orderkeep.application.access.sessions import KIND, Session, digest_of_token
from orderkeep.application.errors import InvalidCredentials
from orderkeep.application.ports import Clock, utc_now
from orderkeep.application.records import RecordStore
from orderkeep.domain.exceptions import ConcurrentUpdate


class ResumeSessionUseCase:
    """Authenticate a request by the token of its session."""

    def __init__(
        self, open_records: Callable[[], RecordStore], open_keys: Callable[[], ApiKeyStore], clock: Clock = utc_now
    ) -> None:
        self.open_records, self.open_keys, self.clock = open_records, open_keys, clock

    async def execute(self, token: str) -> Actor:
        """Return the actor of the session's API key, with its present scopes.

        Raises `InvalidCredentials` if the session is unknown or has ended, or if its key is not active any more.
        """
        records, now = self.open_records(), self.clock()
        found = await records.get_records(KIND, [digest_of_token(token)])
        session = Session.of(found[0]) if found else None
        if session is None or session.has_ended(now):
            raise InvalidCredentials
        key = await self.open_keys().get(session.key_id)
        if key is None or key.state_at(now) is not KeyState.ACTIVE:
            raise InvalidCredentials
        if used := session.used(now):
            with suppress(ConcurrentUpdate):  # by another request of the same session
                await records.write_records([used.to_record()])
        return key.actor
