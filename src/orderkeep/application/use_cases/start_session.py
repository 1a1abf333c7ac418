"""Start a browser session."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from orderkeep.application.access.actor import Actor
from orderkeep.application.access.api_keys import Randomness, id_of_key
from orderkeep.application.access.sessions import Session, add_session, digest_of_token, make_token
from orderkeep.application.errors import InvalidCredentials
from orderkeep.application.ports import Clock, utc_now
from orderkeep.application.records import RecordStore
from orderkeep.application.use_cases.authenticate import AuthenticateUseCase


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A new session: its token, which cannot be recovered later, and its actor."""

    token: str = field(repr=False)
    actor: Actor


class StartSessionUseCase:
    """Start a session with an API key, so that the browser need not store the key."""

    def __init__(
        self,
        authenticate: AuthenticateUseCase,
        open_records: Callable[[], RecordStore],
        clock: Clock = utc_now,
        randomness: Randomness = os.urandom,
    ) -> None:
        self.authenticate, self.open_records = authenticate, open_records
        self.clock, self.randomness = clock, randomness

    async def execute(self, key: str) -> StartedSession:
        """Return the session. Raises `InvalidCredentials`, also for a token that is no API key, and
        `ServiceUnavailable`.
        """
        key_id = id_of_key(key)
        if key_id is None:
            raise InvalidCredentials
        actor = await self.authenticate.execute(key)
        token, now = make_token(self.randomness), self.clock()
        session = Session(digest_of_token(token), key_id, now, now)
        await add_session(self.open_records(), session, self.randomness)
        return StartedSession(token, actor)
