"""Resume a browser session."""

from collections.abc import Callable, Container
from contextlib import suppress
from datetime import datetime

from orderkeep.application.access.actor import Actor
from orderkeep.application.access.api_keys import ApiKeyStore, KeyState
from orderkeep.application.access.openid_sign_in import SignInProvider
from orderkeep.application.access.sessions import KIND, Session, digest_of_token
from orderkeep.application.errors import InvalidCredentials
from orderkeep.application.ports import Clock, utc_now
from orderkeep.application.records import RecordStore
from orderkeep.domain.exceptions import ConcurrentUpdate


class ResumeSessionUseCase:
    """Authenticate a request by the token of its session."""

    def __init__(
        self,
        open_records: Callable[[], RecordStore],
        open_keys: Callable[[], ApiKeyStore],
        provider: SignInProvider | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.open_records, self.open_keys, self.provider, self.clock = open_records, open_keys, provider, clock

    async def execute(self, token: str, methods: Container[str] = ("keys", "jwt")) -> Actor:
        """Return the actor of the session's API key, with its present scopes, or that of its access token. `methods`
        are the enabled authentication methods.

        Raises `InvalidCredentials` if the session is unknown or has ended, if its key is not active any more, or if the
        authentication method or the provider that it was started with is not configured any more.
        """
        records, now = self.open_records(), self.clock()
        found = await records.get_records(KIND, [digest_of_token(token)])
        session = Session.of(found[0]) if found else None
        if session is None or session.has_ended(now) or session.method not in methods:
            raise InvalidCredentials
        actor = await self._actor_of(session, now)
        if used := session.used(now):
            with suppress(ConcurrentUpdate):  # by another request of the same session
                await records.write_records([used.to_record()])
        return actor

    async def _actor_of(self, session: Session, now: datetime) -> Actor:
        if session.login:
            if self.provider is None or self.provider.fingerprint != session.login.provider:
                raise InvalidCredentials
            return session.login.actor
        key = await self.open_keys().get(session.key_id)
        if key is None or key.state_at(now) is not KeyState.ACTIVE:
            raise InvalidCredentials
        return key.actor
