"""Signature Version 4: Amazon's test vectors (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4), and botocore."""

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from orderkeep.bootstrap.events import open_publisher
from orderkeep.infrastructure.aws.config import StaticKey
from orderkeep.infrastructure.aws.signing import authorization
from tests.infrastructure.published_changes import changes_of
from tests.servers.eventbridge import REGION, EventBridgeServer

KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ALWAYS = {"Host": "example.amazonaws.com", "X-Amz-Date": "20150830T123600Z"}
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthA"
    "x7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q"
    "6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
FORM_SHA256 = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"

VECTORS = {
    "post-vanilla": (
        {},
        b"",
        "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "post-sts-header-before": (
        {"X-Amz-Security-Token": TOKEN},
        b"",
        "host;x-amz-date;x-amz-security-token",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    ),
    "post-header-key-sort": (
        {"My-Header1": "value1"},
        b"",
        "host;my-header1;x-amz-date",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-x-www-form-urlencoded": (
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": "13",
            "x-amz-content-sha256": FORM_SHA256,
        },
        b"Param1=value1",
        "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
        "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_matches_amazons_test_vectors(name: str) -> None:
    headers, body, names, signature = VECTORS[name]
    signed = authorization(ALWAYS | headers, body, key=StaticKey(KEY_ID, SECRET), region="us-east-1", service="service")
    credential = f"{KEY_ID}/20150830/us-east-1/service/aws4_request"
    assert signed == f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"


async def test_a_request_has_the_signature_of_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    async with EventBridgeServer() as server:
        publisher = open_publisher(server.url)
        await publisher.publish(await changes_of("A1"))
        await publisher.close()
    call = server.calls[0]
    sent = {name.lower(): value for name, value in call.headers.items()}
    signed_names = sent["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert signed_names == ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"]
    request = AWSRequest("POST", f"{server.endpoint}/", {name: sent[name] for name in signed_names}, call.body)
    request.context["timestamp"] = sent["x-amz-date"]
    signer = SigV4Auth(Credentials(KEY_ID, SECRET, TOKEN), "events", REGION)
    said = signer.string_to_sign(request, signer.canonical_request(request))
    assert sent["authorization"].endswith(f"Signature={signer.signature(said, request)}")
