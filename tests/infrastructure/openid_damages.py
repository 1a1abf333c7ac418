"""Invalid tokens whose encoding, JSON, claims or times are wrong."""

import json
from typing import Any

from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64decode

from tests.infrastructure.openid_forgeries import HEADER, Named, joined, parts
from tests.infrastructure.openid_samples import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    LEFT_OUT,
    NOW,
    as_json,
    encoded,
    key_of,
    signature_of,
    signed,
    token,
)

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def of_forms() -> Named:
    header, payload, signature = parts()
    for name, part in {"header": header, "payload": payload, "signature": signature}.items():
        yield f"an empty {name}", joined(**{name: ""})
        yield f"a {name} that is padded", joined(**{name: part + "="})
        yield f"a {name} that is padded twice", joined(**{name: part + "=="})
        yield f"a line break in the {name}", joined(**{name: f"{part[:9]}\n{part[9:]}"})
        yield f"a space after the {name}", joined(**{name: part + " "})
        yield f"a letter less in the {name}", joined(**{name: part[:-1]})
        yield f"a letter more in the {name}", joined(**{name: part + "A"})
        yield f"another letter in the {name}", joined(**{name: part[:20] + _next(part[20]) + part[21:]})
        yield f"a letter that is no ASCII in the {name}", joined(**{name: part[:9] + "\uff41" + part[10:]})
    yield "bits left over in the signature", joined(signature=signature[:-1] + _next(signature[-1]))
    claims = as_json({**CLAIMS, "filler": ""})
    claims = as_json({**CLAIMS, "filler": "x" * ((1 - len(claims)) % 3)})  # so that two bits are left over
    yield "bits left over in the payload", _with_bits_left_over(as_json(HEADER), claims, "payload")
    spaces = b" " * ((1 - len(as_json(HEADER))) % 3)
    yield "bits left over in the header", _with_bits_left_over(as_json(HEADER) + spaces, claims, "header")
    yield "the alphabet of base64", _in_the_alphabet_of_base64()
    yield "two parts", f"{header}.{payload}"
    yield "four parts", f"{token()}.{signature}"
    yield "five parts, as what is encrypted has", f"{header}.{payload}.{signature}.{payload}.{signature}"
    yield "a dot before", f".{token()}"
    yield "a dot after", f"{token()}."
    yield "dots alone", "...."
    yield "the scheme before it", f"Bearer {token()}"
    yield "in quotes", f'"{token()}"'
    yield "two with a comma", f"{token()},{token()}"
    flat = {"protected": header, "payload": payload, "signature": signature}
    yield "the JSON serialization", json.dumps(flat | {"header": {"about": "1.0"}})
    general = {"payload": payload, "signatures": [{"protected": header, "signature": signature}]}
    yield "the general JSON serialization", json.dumps(general)
    yield "the payload of another token", joined(payload=parts(token({"sub": "user-1"}))[1])
    yield "the header of another token", joined(header=parts(token(header={"typ": "JWT"}))[0])
    yield "a signature of zeros", joined(signature=encoded(bytes(256)))
    yield "a signature of ones", joined(signature=encoded(bytes(255) + b"\x01"))
    yield "longer than a token may be", token({"filler": "x" * 6_000})
    yield "a megabyte", token({"filler": "x" * 750_000})


def of_json() -> Named:
    said = as_json(CLAIMS).decode()
    for name, payload in {
        "exp twice": said[:-1] + f', "exp": {NOW + 9}}}',
        "a key twice in an object in the payload": said[:-1] + ', "act": {"sub": "a", "sub": "b"}}',
        "NaN in the payload": said[:-1] + ', "score": NaN}',
        "Infinity in the payload": said[:-1] + ', "score": -Infinity}',
        "a number without end": said[:-1] + f', "score": {"9" * 3000}}}',
        "claims in a list": f"[{said}]",
        "claims in a text": json.dumps(said),
        "a number in place of claims": "1",
        "null in place of claims": "null",
        "no claims": "{}",
        "more after the claims": said + said,
        "a comment after the claims": said + "// fine",
        "quotes of another kind": said.replace('"', "'"),
        "a comma too many": said[:-1] + ",}",
        "nested without end": said[:-1] + ', "a": ' + "[" * 2_400 + "]" * 2_400 + "}",
        "a mark of the byte order": "\ufeff" + said,
    }.items():
        yield name, signed(as_json(HEADER), payload.encode())
    for encoding in ("utf-16", "utf-32"):
        yield f"claims in {encoding}", signed(as_json(HEADER), said.encode(encoding))
    yield "claims that are no UTF-8", signed(as_json(HEADER), said.encode().replace(b"user-42", b"user-\xff"))


def of_claims() -> Named:
    wrong: dict[str, list[Any]] = {
        "iss": [None, 1, [ISSUER], ISSUER + "/", ISSUER.upper(), ISSUER[:-1], "https://other.example.com", ""],
        "aud": [None, 1, {}, [], "https://other.example.com", ["https://other.example.com"], AUDIENCE[:-1], "", "*"],
        "sub": [None, 1, True, ["user-42"], {"a": 1}, "", "  ", "user\n42", "user\x0042", "\ud800", "u" * 256],
        "exp": [
            None,
            True,
            1e300,
            NOW - 30.5,
            str(NOW + 9),
            [NOW + 9],
            -1,
            0,
            NOW - 30,
            NOW - 31,
            NOW + 90_000,
            NOW * 1000,
        ],
        "iat": [None, True, -1e300, NOW + 31.5, str(NOW), -1, NOW + 31, NOW + 601, NOW * 1000, NOW - 86_400],
        "nbf": [None, True, -0.5, NOW + 31.5, str(NOW), -1, NOW + 31, NOW * 1000],
        "scope": [1, True, {"shop.read": True}, ["shop.read", 1], [["shop.read"]]],
        "events": [{"http://schemas.openid.net/event/backchannel-logout": {}}, {}],
        "at_hash": ["77QmUPtjPfzWtF2AnpK9RQ"],
        "c_hash": ["LDktKdoQak3Pk0cnXxCltA"],
        "cnf": [{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}],
        "token_use": ["id", "refresh", None],
        "typ": ["ID", "Refresh", "Logout", ["Bearer"], None],
    }
    for name in ("iss", "aud", "sub", "exp"):
        yield f"no {name}", token({name: LEFT_OUT})
    for name, values in wrong.items():
        for value in values:
            yield f"{name} {_short(value)}", token({name: value})
    yield "an audience in a list with what is none", token({"aud": [AUDIENCE, 1]})
    yield "ends before it was made", token({"exp": NOW - 10, "iat": NOW + 10, "nbf": LEFT_OUT})
    yield "huge exp", token({"exp": 10**30})
    yield "for ever", token({"exp": NOW + 3_155_760_000})
    yield "lives too long, and has nearly ended", token({"iat": NOW - 86_400, "exp": NOW + 1})
    yield "for ever, made never", token({"exp": NOW + 3_155_760_000, "iat": LEFT_OUT, "nbf": LEFT_OUT})


def of_curves() -> Named:
    """Tokens for a provider that signs with ES256."""
    header, payload, signature = parts(token(algorithm="ES256"))
    whole = urlsafe_b64decode(signature.encode())
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551.to_bytes(32, "big")
    for name, forged in {
        "r and s of zero": bytes(64),
        "r and s of the group's order": order * 2,
        "s of zero": whole[:32] + bytes(32),
        "a signature in DER": b"\x30\x44\x02\x20" + whole[:32] + b"\x02\x20" + whole[32:],
        "half a signature": whole[:32],
        "a byte more": whole + b"\x00",
        "r and s exchanged": whole[32:] + whole[:32],
    }.items():
        yield f"ES256: {name}", f"{header}.{payload}.{encoded(forged)}"
    stranger = ECKey.generate_key("P-256")
    yield "ES256: signed by a stranger", token(algorithm="ES256", key=stranger)
    yield "ES256: by a key of another curve", token(header={"alg": "ES256"}, algorithm="ES384")
    yield "ES256: RS256 by a key from the JWKS", token()


def of_edwards_curves() -> Named:
    """Tokens for a provider that signs with EdDSA."""
    header, payload, signature = parts(token(algorithm="EdDSA"))
    yield "EdDSA: a signature of zeros", f"{header}.{payload}.{encoded(bytes(64))}"
    yield "EdDSA: of the neutral point", f"{header}.{payload}.{encoded(bytes([1] + [0] * 63))}"
    yield "EdDSA: half a signature", f"{header}.{payload}.{signature[:43]}"
    yield "EdDSA: signed by a stranger", token(algorithm="EdDSA", key=key_of("EdDSA", 2))
    ed448 = key_of("Ed448")
    yield "EdDSA: on another curve", token(header={"alg": "EdDSA", "kid": "Ed448 1"}, algorithm="Ed448", key=ed448)
    yield "EdDSA: ES256 by a key from the JWKS", token(algorithm="ES256")


def _next(letter: str) -> str:
    return LETTERS[(LETTERS.index(letter) + 1) % 64]


def _with_bits_left_over(header: bytes, payload: bytes, where: str) -> str:
    """The same bytes in base64url with another last letter, and a valid signature of that text."""
    texts = {"header": encoded(header), "payload": encoded(payload)}
    texts[where] = texts[where][:-1] + _next(texts[where][-1])
    text = ".".join(texts.values())
    return f"{text}.{encoded(signature_of(text, 'RS256', key_of('RS256')))}"


def _in_the_alphabet_of_base64() -> str:
    """A valid signature of a payload with + in place of -."""
    payload = encoded(as_json({**CLAIMS, "name": ">>>>>>"}).replace(b">>>>>>", b"\xef\xbf\xbe>>>???"))
    assert "-" in payload or "_" in payload
    text = f"{parts()[0]}.{payload.replace('-', '+').replace('_', '/')}"
    return f"{text}.{encoded(signature_of(text, 'RS256', key_of('RS256')))}"


def _short(value: object) -> str:
    text = ascii(value).replace("/", "_")
    return text if len(text) <= 40 else f"{text[:30]}… {len(text)}"
