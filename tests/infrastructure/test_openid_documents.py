"""The JWKS and the discovery document, valid and invalid."""

import json
import subprocess
import sys
from typing import Any

import pytest
from joserfc.util import int_to_base64

from orderkeep.application.access.actor import Actor
from orderkeep.infrastructure.openid.keys import ProviderKeys
from orderkeep.infrastructure.openid.provider import OpenIdProvider
from tests.infrastructure.openid_samples import (
    AUDIENCE,
    ISSUER,
    JWKS_URL,
    jwks,
    key_of,
    logged_in,
    published,
    signed,
    token,
)  # fmt: skip
from tests.infrastructure.openid_scripted import FIRST, SECOND, ScriptedProvider, outcome_of, signed_by

DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
USABLE = published(key_of("RS256"), "RS256 1")

NO_JWKS = {
    "nothing": b"",
    "a page": b"<!doctype html><title>Log in</title>",
    "a list": b"[]",
    "null": b"null",
    "an object without keys": b"{}",
    "keys in an object": b'{"keys": {}}',
    "half a document": jwks(USABLE)[:-20],
    "keys twice": jwks(USABLE)[:-1] + b', "keys": []}',
    "no UTF-8": jwks(USABLE) + b"\xff",
    "nested without end": b'{"keys": ' + b"[" * 100_000,
    "more keys than anybody has": jwks(*[{"kty": "RSA"}] * 100, USABLE),
}


@pytest.mark.parametrize("what", NO_JWKS)
async def test_invalid_jwks_is_an_outage(what: str) -> None:
    there = ScriptedProvider()
    there.documents[JWKS_URL] = NO_JWKS[what]
    tokens = there.trusted()
    assert await outcome_of(tokens, signed_by(FIRST)) == 503
    there.publish(FIRST)
    there.seconds = 5
    assert isinstance(await outcome_of(tokens, signed_by(FIRST)), Actor)
    there.documents[JWKS_URL] = NO_JWKS[what]
    there.seconds = 35
    assert await outcome_of(tokens, signed_by(SECOND)) == 503
    assert isinstance(await outcome_of(tokens, signed_by(FIRST)), Actor)


NO_KEYS: dict[str, Any] = {
    "null": None,
    "a text": "key",
    "nothing": {},
    "of no kind": {name: value for name, value in USABLE.items() if name != "kty"},
    "of an unknown kind": {**USABLE, "kty": "AKP"},
    "of a kind that is a list": {**USABLE, "kty": ["RSA"]},
    "of another kind": {**USABLE, "kty": "EC"},
    "without its modulus": {name: value for name, value in USABLE.items() if name != "n"},
    "with a modulus that is a number": {**USABLE, "n": 65_537},
    "with a modulus that is padded": {**USABLE, "n": USABLE["n"] + "=="},
    "with a modulus that is even": {**USABLE, "n": USABLE["n"][:-1] + "A"},
    "with an exponent without end": {**USABLE, "e": "AQAB" * 80},
    "with a name that is a number": {**USABLE, "kid": 1},
    "with a use that is a list": {**USABLE, "use": ["sig"], "key_ops": ["verify"]},
    "with a use that nobody knows": {**USABLE, "use": "tls"},
    "with operations that do not fit its use": {**USABLE, "key_ops": ["verify", "wrapKey"]},
    "a point that is on no curve": {**published(key_of("ES256"), "EC"), "y": published(key_of("ES256"), "EC")["x"]},
}


@pytest.mark.parametrize("what", NO_KEYS)
async def test_invalid_key_is_ignored(what: str) -> None:
    there = ScriptedProvider()
    there.documents[JWKS_URL] = jwks(NO_KEYS[what], published(key_of("RS256", 2), "RS256 2"))
    tokens = there.trusted()
    assert isinstance(await outcome_of(tokens, signed_by(SECOND)), Actor)
    assert await outcome_of(tokens, signed_by(FIRST)) == 401


@pytest.mark.parametrize(
    "bits, exponent, counts",
    [
        *((2_047, 65_537, False), (2_048, 65_537, True), (4_096, 65_537, True), (4_097, 65_537, False)),
        *((2_048, 3, False), (2_048, 65_535, False), (2_048, 2**32 - 1, True), (2_048, 2**32 + 1, False)),
    ],
)
def test_rsa_key_size_and_exponent_are_limited(bits: int, exponent: int, counts: bool) -> None:
    modulus = 2 ** (bits - 1) + 1
    described = {"kty": "RSA", "kid": "1", "n": int_to_base64(modulus), "e": int_to_base64(exponent)}
    assert (ProviderKeys(jwks(described), ("RS256",)).find("1", "RS256") is not None) is counts


async def test_jwks_without_usable_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    there = ScriptedProvider()
    assert await outcome_of(there.trusted(), signed_by(FIRST)) == 401
    assert logged_in(caplog) == [("the OpenID provider has no usable key", "for RS256")]


def discovering(**said: Any) -> ScriptedProvider:
    there = ScriptedProvider(FIRST)
    document = {"issuer": ISSUER, "jwks_uri": JWKS_URL, **said}
    there.documents[DISCOVERY] = json.dumps(document).encode()
    return there


@pytest.mark.parametrize("issuer", [ISSUER, ISSUER + "/"])
def test_discovery_document_is_at_the_standard_path(issuer: str) -> None:
    assert OpenIdProvider(issuer, AUDIENCE).discovery_url == DISCOVERY


async def test_keys_are_discovered() -> None:
    there = discovering()
    assert isinstance(await outcome_of(there.trusted(jwks_url=""), signed_by(FIRST)), Actor)
    assert there.fetched == [DISCOVERY, JWKS_URL]


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://login.example.com"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": [JWKS_URL]},
        {"jwks_uri": "http://login.example.com/keys"},
        {"jwks_uri": "http://localhost/keys"},
        {"jwks_uri": "file:///etc/orderkeep/keys"},
        {"jwks_uri": ""},
    ],
    ids=str,
)
async def test_untrusted_jwks_uri_is_not_fetched(said: dict[str, Any]) -> None:
    there = discovering(**said)
    there.documents |= dict.fromkeys((str(url) for url in said.values()), there.documents[JWKS_URL])
    assert await outcome_of(there.trusted(jwks_url=""), signed_by(FIRST)) == 503
    assert there.fetched == [DISCOVERY]


async def test_invalid_discovery_document_is_an_outage() -> None:
    there = discovering()
    there.documents[DISCOVERY] = b"<html>"
    assert await outcome_of(there.trusted(jwks_url=""), signed_by(FIRST)) == 503


async def test_debug_log_names_the_rule_and_nothing_of_the_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "orderkeep.openid")  # whatever a test before this one set
    there = ScriptedProvider(FIRST)
    text = token({"aud": "canary-1", "sub": "canary-2"}, {"kid": "canary-3"})
    tokens = there.trusted()
    ambiguous = signed(b'{"alg": "RS256", "kid": "RS256 1"}', b'{"canary-6": 1, "canary-6": 2}')
    wrong_claims = token({"aud": "canary-1"}), token(header={"typ": "canary-4"})
    for damaged in (text, text[:-9], *wrong_claims, "canary-5.a.b", ambiguous):
        assert await outcome_of(tokens, damaged) == 401
    told = logged_in(caplog)
    assert ("a token was refused", "invalid_claim aud") in told
    assert ("a token was refused", "unknown key id") in told
    assert ("a token was refused", "malformed_json") in told
    assert "canary" not in f"{told}{caplog.text}"
    assert text[-20:] not in f"{told}{caplog.text}"


@pytest.mark.parametrize("package", ["joserfc", "urllib3"])
def test_missing_package_is_reported_with_its_extra(package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; from orderkeep.config import Settings;"
        "from orderkeep.bootstrap import bootstrap_from_settings;"
        f"bootstrap_from_settings(Settings(store='memory://', auth='jwt', jwt_issuer={ISSUER!r}, jwt_audience='shop'))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert "pip install 'orderkeep[jwt]'" in result.stderr.splitlines()[-1]
