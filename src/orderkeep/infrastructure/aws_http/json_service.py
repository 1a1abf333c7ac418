"""Services of AWS that are asked by posting JSON, such as DynamoDB and EventBridge: signed, and sent once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from orderkeep.infrastructure.aws_http import AwsHttp, Request, RequestFailed, Response
from orderkeep.infrastructure.aws_http.signing import authorization
from orderkeep.infrastructure.aws_places import Credentials, Key, credentials_at

_USUAL_PORTS = {"http": 80, "https": 443}


class NoCredentials(Exception):
    """There is no key in any of the usual places."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class JsonService:
    """A service at one place. `name` is what signatures call it, `media_type` its version of JSON. Where the keys come
    from is looked up when it is first asked: with SnapStart, a container's keys come after its import.
    """

    name: str
    url: str
    region: str
    media_type: str
    http: AwsHttp
    clock: Callable[[], datetime] = _now
    _credentials: Credentials | None = field(default=None, init=False)

    async def post(self, target: str, body: bytes) -> Response:
        """Ask for an operation, such as `DynamoDB_20120810.GetItem`, and return what was answered. Raises
        `RequestFailed` where nothing was, and `NoCredentials`.
        """
        key = await self._key()
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        if parts.port not in (None, _USUAL_PORTS.get(parts.scheme)):
            host = f"{host}:{parts.port}"
        headers = {
            "Content-Type": self.media_type,
            "Host": host or "",
            "X-Amz-Date": f"{self.clock():%Y%m%dT%H%M%SZ}",
            "X-Amz-Target": target,
        }
        if key.token:
            headers["X-Amz-Security-Token"] = key.token
        signed = authorization(headers, body, key_id=key.id, secret=key.secret, region=self.region, service=self.name)
        url = f"{parts.scheme}://{host}/"
        return await self.http(Request("POST", url, {**headers, "Authorization": signed}, body))

    def forget_key(self) -> None:
        """Ask for the key anew the next time: the one there is has expired."""
        if self._credentials is not None:
            self._credentials.invalidate()

    async def _key(self) -> Key:
        if self._credentials is None:
            self._credentials = credentials_at(self.url)
        try:
            key = await self._credentials.get_key(self.http)
        except Exception as error:  # whoever gives the keys fails in ways of its own
            raise RequestFailed(error) from error
        if key is None:
            raise NoCredentials
        return key
