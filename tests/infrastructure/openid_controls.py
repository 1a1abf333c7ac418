"""Valid tokens, so that a test with forged ones cannot pass by rejecting everything."""

from orderkeep.config import ALGORITHM_FAMILIES
from tests.infrastructure.openid_samples import AUDIENCE, ISSUER, LEFT_OUT, NOW, signed, token

SUPPORTED = [algorithm for family in ALGORITHM_FAMILIES for algorithm in family]

CONTROLS = {
    "as the provider gives it": token(),
    "typ JWT": token(header={"typ": "JWT"}),
    "typ in other letters": token(header={"typ": "AT+JWT"}),
    "typ as a media type": token(header={"typ": "application/at+jwt"}),
    "no typ": token(header={"typ": LEFT_OUT}),
    "the digest of a certificate": token(header={"x5t": "bm90IGxvb2tlZCBhdA"}),
    "an unknown header": token(header={"tenant": "shop"}),
    "spaces in the JSON": signed(
        b' { "alg" : "RS256", "kid" : "RS256 1" } ',
        f'{{ "iss" : "{ISSUER}", "sub": "u", "aud": "{AUDIENCE}", "exp": {NOW + 9} }}\n'.encode(),
    ),
    "one audience in a list": token({"aud": [AUDIENCE]}),
    "an audience among others": token({"aud": ["https://other.example.com", AUDIENCE]}),
    "fractions of seconds": token({"exp": NOW + 9.5, "iat": NOW - 9.5, "nbf": NOW - 9.5}),
    "an exp with an exponent": signed(
        b'{"alg": "RS256", "kid": "RS256 1"}',
        f'{{"iss": "{ISSUER}", "sub": "u", "aud": "{AUDIENCE}", "exp": 1.8000006e9}}'.encode(),
    ),
    "neither iat nor nbf": token({"iat": LEFT_OUT, "nbf": LEFT_OUT}),
    "ended within the leeway": token({"exp": NOW - 29}),
    "made ahead of our clock, within the leeway": token({"iat": NOW + 30, "nbf": NOW + 30}),
    "lives as long as it may": token({"iat": NOW, "exp": NOW + 86_400}),
    "scopes in a list": token({"scope": ["shop.read", "shop.write"]}),
    "no scopes": token({"scope": LEFT_OUT}),
    "an empty scope": token({"scope": ""}),
    "a subject with letters of its own": token({"sub": "benutzer-ä字"}),
    "a subject with the digits of a number": token({"sub": "0042"}),
    "unknown claims": token({"name": "Ada", "address": {"country": "NL"}, "score": 1.5, "big": 10**17}),
    "an access token of Cognito's": token({"token_use": "access", "client_id": "app"}),
    "an access token of Keycloak's": token({"typ": "Bearer", "azp": "shop", "realm_access": {"roles": ["a"]}}),
    "nearly as long as a token may be": token({"filler": "x" * 5_200}),
}
"""By name. All are signed with RS256; the test makes one for each other algorithm."""
