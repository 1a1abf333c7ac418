"""The settings of an OpenID provider: each that cannot be used is named, with its rule."""

import pytest

from orderkeep.config import Settings
from tests.entrypoints.cli_calls import Cli

RIGHT = {
    "ORDERKEEP_JWT_ISSUER": "https://login.example.com/shop",
    "ORDERKEEP_JWT_AUDIENCE": "https://orders.example.com",
    "ORDERKEEP_JWT_JWKS_URL": "http://localhost:8080/keys",
    "ORDERKEEP_JWT_ALGORITHMS": "ES256 ES384",
    "ORDERKEEP_JWT_USER_CLAIM": "customer",
    "ORDERKEEP_JWT_SCOPES_CLAIM": "realm_access.roles",
    "ORDERKEEP_JWT_SCOPES": "shop.read=orders:read shop.write=orders:write",
    "ORDERKEEP_JWT_MAX_LIFETIME_SECONDS": "600",
}


@pytest.fixture(autouse=True)
def right(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in RIGHT.items():
        monkeypatch.setenv(name, value)


def test_settings_of_an_openid_provider_come_from_the_environment() -> None:
    settings = Settings()
    found = {f"ORDERKEEP_{name}".upper(): str(value) for name, value in settings if name.startswith("jwt_")}
    assert found == RIGHT


def test_no_provider_is_set_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RIGHT:
        monkeypatch.delenv(name)
    assert (Settings().jwt_issuer, Settings().jwt_audience) == ("", "")


@pytest.mark.parametrize(
    "name, value, rule",
    [
        ("ISSUER", "http://login.example.com", "must begin with https://: over http, anybody on the way"),
        ("ISSUER", "https://login.example.com/?a=b", "must have no ? in it"),
        ("ISSUER", "login.example.com", "must be a URL such as https://login.example.com/shop"),
        ("AUDIENCE", "", "must be set where ORDERKEEP_JWT_ISSUER is: else tokens for any service would do here"),
        ("AUDIENCE", " shop", "must be what the provider calls this API"),
        ("JWKS_URL", "http://login.example.com/keys", "must begin with https://"),
        ("ALGORITHMS", "RS256 HS256", "must be one or more of one of these families: RS256, RS384, RS512; PS256"),
        ("ALGORITHMS", "", "string should have at least 1 character"),
        ("USER_CLAIM", "", "string should have at least 1 character"),
        ("SCOPES_CLAIM", "", "string should have at least 1 character"),
        ("SCOPES", "shop.read=orders:all", "must be pairs such as shop.read=orders:read, with one of orders:read, "),
        ("MAX_LIFETIME_SECONDS", "59", "input should be greater than or equal to 60"),
        ("MAX_LIFETIME_SECONDS", "604801", "input should be less than or equal to 604800"),
    ],
)
def test_invalid_setting_is_named_with_its_rule(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, rule: str
) -> None:
    monkeypatch.setenv(f"ORDERKEEP_JWT_{name}", value)
    answer = Cli()("config", code=2)
    assert f"ORDERKEEP_JWT_{name} cannot be used: {rule}" in answer.stderr
