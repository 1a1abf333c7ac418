"""`Idempotency-Key`, as HTTP takes it: a key is refused, or used twice it has one effect; in quotes it is the same."""

import asyncio
import atexit
import re
from typing import Any

import msgspec
from starlette.types import Message, Scope

from orderkeep.bootstrap import bootstrap
from orderkeep.config import Settings
from orderkeep.entrypoints.api.app import create_app

SEEDS = (
    b"8e03978e-40d5-43dd-bc93-6894a57f9324", b'"quoted key"', b"plain key", b" key\t", b"", b'""', b'"', b'"a', b'a"',
    b'"a"b"', b'"a\\b"', b'"a\\"b\\\\"', b'"a\\"', b"a\\b", b"k" * 255, b"k" * 256, b'"%b"' % (b"k" * 255),
    b"\xe9", b"a\x00b", b"a\nb", b"\xa0a",
)  # fmt: skip
TOKENS = (b'"', b"\\", b" ", b"\t", b"\n", b"\x00", b"\x7f", b"\xa0", b"\x1f", b"~", b"!", b"k" * 64)

ORDER = b'{"user_id": "user-7", "total": 9900, "currency": "USD"}'
MOST_ORDERS = 1_000
"""How many are kept before the store is made anew: a run places more than memory holds."""

_loop = asyncio.new_event_loop()
atexit.register(_loop.close)


class _Service:
    def __init__(self) -> None:
        self.app = create_app(Settings(rate_limit=0, rate_limit_per_address=0), bootstrap("memory://"))
        self.orders = 0

    def place(self, *keys: bytes) -> tuple[int, dict[str, str], Any]:
        """Place an order with these headers. Return the answer's status, headers and content."""
        self.orders += 1
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        return _loop.run_until_complete(self._ask([*headers, *((b"idempotency-key", key) for key in keys)]))

    async def _ask(self, headers: list[tuple[bytes, bytes]]) -> tuple[int, dict[str, str], Any]:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": ORDER, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope: Scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "path": "/orders", "query_string": b"",
            "root_path": "", "scheme": "http", "server": ("localhost", 80), "client": ("127.0.0.1", 5),
            "headers": headers,
        }  # fmt: skip
        await self.app(scope, receive, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], answered, msgspec.json.decode(b"".join(part["body"] for part in sent[1:]))


_service = _Service()


def check(data: bytes) -> None:
    """Place an order with the key, and once more; and with the same key in the other form."""
    global _service  # a store of its own for each input would cost more than all the rest
    if _service.orders > MOST_ORDERS:
        _service = _Service()
    key = _key(data)
    status, headers, content = _service.place(data)
    if key is None:
        assert status == 422, "this is no key"
        assert [error["header"] for error in content["errors"]] == ["Idempotency-Key"]
        return
    assert status == 201, "this is a key"
    again = _service.place(data)
    assert again[0] == 201
    assert again[1]["idempotency-replayed"] == "true", "it had an effect twice"
    assert again[2] == content
    assert _service.place(data, data)[0] == 422, "which of two keys?"
    quoted = b'"%b"' % re.sub(rb'(["\\])', rb"\\\1", key)
    if _key(quoted) == key:
        assert _service.place(quoted)[1]["location"] == headers["location"], "in quotes it is another"


def _key(value: bytes) -> bytes | None:
    """Return the key that a header has: 1 to 255 printable ASCII characters, or the same as a quoted string, in which a
    backslash precedes each quote and each backslash.
    """
    value = value.strip(b" \t")
    if value.startswith(b'"'):
        inner, plain = value[1:-1], b""
        if len(value) < 2 or not value.endswith(b'"'):
            return None
        while inner:
            if inner[:1] == b'"' or (inner[:1] == b"\\" and inner[1:2] not in (b'"', b"\\")):
                return None
            inner = inner[inner[:1] == b"\\" :]
            plain, inner = plain + inner[:1], inner[1:]
        value = plain
    is_key = 1 <= len(value) <= 255 and all(0x20 <= letter <= 0x7E for letter in value)
    return value if is_key else None
