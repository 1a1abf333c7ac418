"""Signatures of webhooks, verified by the library of the standard."""

import base64
import os
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from orderkeep.application.webhooks.signatures import new_secret, signature_headers

BODY = '{"reason": "häßlich"}'.encode()
NOW = int(time.time())
FIRST = new_secret(lambda count: b"1" * count)
SECOND = new_secret(lambda count: b"2" * count)
OTHER = new_secret(lambda count: b"3" * count)


def test_new_secret_has_32_random_bytes_in_base64() -> None:
    assert new_secret(lambda count: bytes(range(count))) == "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert len(base64.b64decode(new_secret(os.urandom).removeprefix("whsec_"))) == 32


def test_headers_are_those_of_the_example_of_the_standard() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    assert signature_headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("secret", [FIRST, SECOND])
def test_receiver_accepts_each_valid_secret_during_rotation(secret: str) -> None:
    headers = signature_headers([FIRST, SECOND], "order-1.2.1", NOW, BODY)
    assert Webhook(secret).verify(BODY, headers) == {"reason": "häßlich"}


@pytest.mark.parametrize(
    "secret, event_id, timestamp, body",
    [
        (OTHER, "order-1.2.1", NOW, BODY),
        (FIRST, "order-1.2.2", NOW, BODY),
        (FIRST, "order-1.2.1", NOW + 1, BODY),
        (FIRST, "order-1.2.1", NOW, BODY + b" "),
    ],
    ids=["secret", "id", "timestamp", "body"],
)
def test_receiver_rejects_what_was_not_signed(secret: str, event_id: str, timestamp: int, body: bytes) -> None:
    signed = signature_headers([FIRST, SECOND], "order-1.2.1", NOW, BODY)
    sent = signed | {"webhook-id": event_id, "webhook-timestamp": str(timestamp)}
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(secret).verify(body, sent)
