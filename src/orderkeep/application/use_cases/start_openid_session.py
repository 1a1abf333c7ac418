"""Start a browser session by signing in at an OpenID provider."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from orderkeep.application.access.api_keys import Randomness
from orderkeep.application.access.openid_sign_in import (
    TIME_TO_SIGN_IN,
    Failure,
    SignIn,
    SignInFailed,
    SignInProvider,
    time_id,
)
from orderkeep.application.access.sessions import OpenIdLogin, Session, add_session, digest_of_token, make_token
from orderkeep.application.ports import Clock, utc_now
from orderkeep.application.records import Record, RecordStore
from orderkeep.application.use_cases.start_session import StartedSession
from orderkeep.domain.exceptions import ConcurrentUpdate

KIND = "sign-in"
"""The kind of the records of completed sign-ins, by ID: one starts one session."""

REMOVED = 50
"""How many records of completed sign-ins each sign-in checks, from the oldest on, to delete those that are expired."""


class StartOpenIdSessionUseCase:
    """Send a person to the provider, and start a session when the provider sends them back."""

    def __init__(
        self,
        provider: SignInProvider | None,
        open_records: Callable[[], RecordStore],
        clock: Clock = utc_now,
        randomness: Randomness = os.urandom,
    ) -> None:
        self.provider, self.open_records = provider, open_records
        self.clock, self.randomness = clock, randomness

    @property
    def is_configured(self) -> bool:
        """Whether there is a provider to sign in at."""
        return self.provider is not None

    async def url(self, token: str) -> str:
        """Return the URL of the provider for the browser that has the token, which has 256 random bits.

        Raises `SignInFailed` without a provider, and `ServiceUnavailable`.
        """
        return await self._provider().url_of(SignIn.start(token, self.clock(), self.randomness))

    async def execute(self, token: str, response: Mapping[str, str]) -> StartedSession:
        """Return the session, for the parameters that the provider appended to the redirect URI.

        Raises `SignInFailed`, `ServiceUnavailable` and `Overloaded`.
        """
        provider = self._provider()
        sign_in = SignIn.resume(token, response.get("state", ""), self.clock())
        found = await provider.redeem(response, sign_in)
        records, now, new_token = self.open_records(), self.clock(), make_token(self.randomness)
        if found.expires_at <= now:
            raise SignInFailed(Failure.CLOCK)
        login = OpenIdLogin(found.actor, found.expires_at, provider.fingerprint)
        session = Session(digest_of_token(new_token), "", now, now, login=login)
        try:
            await add_session(records, session, self.randomness, Record(KIND, sign_in.id, "{}"))
        except ConcurrentUpdate:
            raise SignInFailed(Failure.STATE) from None
        oldest, expired = await records.list_records(KIND, limit=REMOVED), time_id(now - TIME_TO_SIGN_IN)
        with suppress(ConcurrentUpdate):  # another sign-in deletes the same ones
            await records.write_records([], [each for each in oldest if each.id < expired])
        return StartedSession(new_token, found.actor)

    def _provider(self) -> SignInProvider:
        if self.provider is None:
            raise SignInFailed(Failure.SETTINGS)
        return self.provider
