"""Invalid tokens: forged, damaged, or of another type. Each is one step away from a valid one."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import Key, RSAKey

from tests.infrastructure.openid_samples import (
    CLAIMS,
    LEFT_OUT,
    as_json,
    encoded,
    jwks,
    key_of,
    published,
    rsa_key,
    signature_of,
    signed,
    token,
)

Named = Iterator[tuple[str, str]]

HEADER = {"alg": "RS256", "typ": "at+jwt", "kid": "RS256 1"}
SECRET = b"a secret that the provider has published by mistake"
STRANGER = key_of("RS256", 99)

WEAK = "ignore:Key size should be:joserfc.errors.SecurityWarning"
"""joserfc's warning when the tests generate a short key."""


@cache
def unusable_keys() -> dict[str, tuple[Key, dict[str, Any]]]:
    """Keys in the JWKS by key id, with their other members."""
    exponent_3 = RSAKey.import_key(generate_private_key(3, 2048))
    return {
        "too short": (rsa_key(1024), {}),
        "exponent 3": (exponent_3, {}),
        "to encrypt": (rsa_key(2048, 2), {"use": "enc"}),
        "to sign only": (rsa_key(2048, 3), {"use": LEFT_OUT, "key_ops": ["sign"]}),
        "for PS256": (rsa_key(2048, 4), {"alg": "PS256"}),
        "its private half is there": (rsa_key(2048, 5), rsa_key(2048, 5).as_dict(private=True)),
    }


@cache
def key_set() -> bytes:
    """A JWKS with two usable keys, and many that are not."""
    keys = [published(key_of("RS256"), "RS256 1")]
    for key_id, (key, more) in unusable_keys().items():
        keys.append({name: value for name, value in published(key, key_id, **more).items() if value is not LEFT_OUT})
    keys += [published(key_of(name), f"{name} 1") for name in ("ES256", "ES384", "EdDSA")]
    keys.append(published(key_of("Ed448"), "Ed448 1"))
    keys.append({"kty": "oct", "kid": "oct", "k": encoded(SECRET)})
    keys.append(published(key_of("RS256", 6), "RS256 2", alg="RS256"))
    return jwks(*keys)


def parts(text: str | None = None) -> list[str]:
    return (text or token()).split(".")


def joined(**changed: str) -> str:
    header, payload, signature = parts()
    now = {"header": header, "payload": payload, "signature": signature} | changed
    return ".".join(now.values())


def of_algorithms() -> Named:
    for name in ("none", "None", "NONE", "nOnE"):
        bare = f"{encoded(as_json({**HEADER, 'alg': name}))}.{parts()[1]}."
        yield f"alg {name} without a signature", bare
        yield f"alg {name} with one", bare + parts()[2]
    for wrong in (LEFT_OUT, None, 256, True, "", "rs256", "RS256 ", "RS1", ["RS256"], {"RS256": 1}):
        name = "left out" if wrong is LEFT_OUT else repr(wrong)
        yield f"alg {name}", token(header={"alg": wrong})
    public = key_of("RS256")
    for form in ("PEM", "DER"):
        secret = public.as_bytes(form, private=False)  # type: ignore[union-attr]
        for algorithm in ("HS256", "HS384", "HS512"):
            forged = token(header={"kid": "RS256 1"}, algorithm=algorithm, key=secret)
            yield f"{algorithm} with the public key in {form} as its secret", forged
    pkcs1 = public.public_key.public_bytes(Encoding.PEM, PublicFormat.PKCS1)  # type: ignore[union-attr]
    yield (
        "HS256 with the public key in PKCS 1 as its secret",
        token(header={"kid": "RS256 1"}, algorithm="HS256", key=pkcs1),
    )
    yield "HS256 with a secret from the JWKS", token(header={"kid": "oct"}, algorithm="HS256", key=SECRET)
    for algorithm in ("RS384", "RS512", "PS256", "PS384", "PS512"):
        yield f"{algorithm} by the key for RS256", token(header={"kid": "RS256 1"}, algorithm=algorithm, key=public)
    for algorithm in ("ES256", "ES384", "EdDSA"):
        yield f"{algorithm} by a key from the JWKS", token(algorithm=algorithm)
    for algorithm in ("ES256", "EdDSA"):
        yield f"RS256 in name, {algorithm} in truth", token(header={"alg": "RS256"}, algorithm=algorithm)


def of_keys() -> Named:
    yield "signed by a stranger", token(key=STRANGER)
    yield "signed by a stranger, no kid", token(header={"kid": LEFT_OUT}, key=STRANGER)
    yield "no kid, where two keys could have signed", token(header={"kid": LEFT_OUT})
    yield "no kid, by the other of the two", token(header={"kid": LEFT_OUT}, key=key_of("RS256", 6))
    yield "the kid of another key", token(header={"kid": "RS256 2"})
    for key_id, (key, _) in unusable_keys().items():
        yield f"signed by an unusable key: {key_id}", token(header={"kid": key_id}, key=key)
    for wrong in (None, 1, True, "", ["RS256 1"], {"kid": 1}, "k" * 257, "unknown", "../../../dev/null", "' OR 1=1 --"):
        yield f"kid {str(wrong)[:20]!r} {type(wrong).__name__}", token(header={"kid": wrong})
    their_key = published(STRANGER, "RS256 1")
    yield "jwk in a token that is right else", token(header={"jwk": {"kty": "oct", "k": "c2VjcmV0"}})
    for name, value in {
        "jwk": their_key,
        "jku": "https://attacker.example.com/keys",
        "x5u": "https://attacker.example.com/certificate",
        "x5c": ["MIIB"],
    }.items():
        yield f"{name} brings the stranger's key", token(header={name: value}, key=STRANGER)
        if name != "jwk":
            yield f"{name} in a token that is right else", token(header={name: value})
    yield "jwk alone names the key", token(header={"jwk": their_key, "kid": LEFT_OUT}, key=STRANGER)


def of_headers() -> Named:
    changes: dict[str, dict[str, Any]] = {
        "crit names what nobody knows": {"crit": ["tenant"], "tenant": "shop"},
        "crit names what is not there": {"crit": ["exp"]},
        "crit is empty": {"crit": []},
        "crit names alg": {"crit": ["alg"]},
        "b64 true": {"b64": True},
        "b64 true, and critical": {"b64": True, "crit": ["b64"]},
        "enc": {"enc": "A256GCM"},
        "zip": {"zip": "DEF"},
        "cty JWT": {"cty": "JWT"},
    }
    for name, changed in changes.items():
        yield name, token(header=changed)
    raw = encoded(as_json(CLAIMS))
    header = encoded(as_json({**HEADER, "b64": False, "crit": ["b64"]}))
    yield "b64 false", f"{header}.{raw}.{encoded(signature_of(f'{header}.{raw}', 'RS256', key_of('RS256')))}"
    kinds = ("id_token", "ID", "logout+jwt", "secevent+jwt", "dpop+jwt", "JWE", "JOSE", "", " at+jwt", "at+jwt;a=b")
    for kind in (*kinds, None, 1, ["at+jwt"]):
        yield f"typ {kind!r}", token(header={"typ": kind})
    yield "a token in a token", signed(as_json(HEADER), token().encode())
    yield "a header with alg twice", signed(b'{"alg":"none","alg":"RS256","kid":"RS256 1"}', as_json(CLAIMS))
    yield "a header in a list", signed(json.dumps([HEADER]).encode(), as_json(CLAIMS))
    yield "a header in UTF-16", signed(as_json(HEADER).decode().encode("utf-16"), as_json(CLAIMS))
    yield "a header with more after it", signed(as_json(HEADER) + b"{}", as_json(CLAIMS))
    yield "a header of half a megabyte", token(header={"filler": "x" * 500_000})
