"""The settings of an OpenID provider: an invalid one is named, with its rule."""

import os
from pathlib import Path

import pytest

from orderkeep.application.access.actor import Scope
from orderkeep.config import (
    ALGORITHM_FAMILIES,
    Settings,
    algorithms_in,
    check_audience,
    check_issuer,
    check_url,
    parameters_in,
    scope_mapping,
    secret_in,
)
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
    "ORDERKEEP_OIDC_CLIENT_ID": "console-7",
    "ORDERKEEP_OIDC_CLIENT_SECRET_FILE": "secret",
    "ORDERKEEP_OIDC_SCOPES": "openid shop.read",
    "ORDERKEEP_OIDC_PARAMETERS": "audience=https://orders.example.com",
    "ORDERKEEP_CONSOLE_ORIGIN": "https://orders.example.com:8443",
}


@pytest.fixture(autouse=True)
def right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("secret").write_text("s3cret\n", "utf-8")
    for name, value in RIGHT.items():
        monkeypatch.setenv(name, value)


def test_settings_of_an_openid_provider_come_from_the_environment() -> None:
    settings = Settings()
    found = {f"ORDERKEEP_{name}".upper(): str(value) for name, value in settings}
    assert {name: found[name] for name in RIGHT} == RIGHT
    assert settings.openid_redirect_uri == "https://orders.example.com:8443/console/sign-in/callback"


def test_secret_is_not_a_setting() -> None:
    assert "s3cret" not in Cli()("config").stdout
    assert secret_in("secret") == "s3cret"


def test_no_provider_is_configured_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RIGHT:
        monkeypatch.delenv(name)
    assert (Settings().jwt_issuer, Settings().jwt_audience) == ("", "")


@pytest.mark.parametrize(
    "name, value, rule",
    [
        ("ISSUER", "http://login.example.com", "must begin with https://; http is allowed for localhost only"),
        ("ISSUER", "https://login.example.com/?a=b", "must not contain ?"),
        ("ISSUER", "login.example.com", "must be a URL such as https://login.example.com/shop"),
        ("AUDIENCE", "", "is required with ORDERKEEP_JWT_ISSUER"),
        ("AUDIENCE", " shop", "must be the provider's name for this API"),
        ("JWKS_URL", "http://login.example.com/keys", "must begin with https://"),
        ("ALGORITHMS", "RS256 HS256", "must be algorithms of one of these families: RS256, RS384, RS512; PS256"),
        ("ALGORITHMS", "", "is set but empty: set it to a value, or unset it"),
        ("USER_CLAIM", "", "is set but empty: set it to a value, or unset it"),
        ("SCOPES_CLAIM", "", "is set but empty: set it to a value, or unset it"),
        ("SCOPES", "shop.read=orders:all", "must be pairs such as shop.read=orders:read, with one of orders:read, "),
        ("MAX_LIFETIME_SECONDS", "59", "must be a whole number from 60 to 604800."),
        ("MAX_LIFETIME_SECONDS", "604801", "must be a whole number from 60 to 604800."),
        ("ORDERKEEP_OIDC_CLIENT_ID", "a b", "must be the provider's ID of the console: 1 to 255 characters"),
        ("ORDERKEEP_OIDC_CLIENT_SECRET_FILE", "none", "cannot be read: No such file or directory"),
        ("ORDERKEEP_OIDC_CLIENT_SECRET_FILE", ".", "cannot be read: Is a directory"),
        ("ORDERKEEP_OIDC_CLIENT_SECRET_FILE", os.devnull, "must name a file that contains the client secret"),
        ("ORDERKEEP_OIDC_SCOPES", "shop.read", "must be scopes, separated by spaces, that include openid"),
        ("ORDERKEEP_OIDC_SCOPES", "", "is set but empty: set it to a value, or unset it"),
        ("ORDERKEEP_OIDC_PARAMETERS", "audience", "must be different parameters such as audience=https://orders"),
        ("ORDERKEEP_OIDC_PARAMETERS", "a=1 a=2", "must be different parameters such as"),
        ("ORDERKEEP_OIDC_PARAMETERS", "a&b=1", "must be different parameters such as"),
        ("ORDERKEEP_OIDC_PARAMETERS", "state=1", "must not contain state, which the service sets"),
        ("ORDERKEEP_CONSOLE_ORIGIN", "", "is required with ORDERKEEP_OIDC_CLIENT_ID"),
        ("ORDERKEEP_CONSOLE_ORIGIN", "http://orders.example.com", "must be one origin such as https://orders"),
        ("ORDERKEEP_CONSOLE_ORIGIN", "https://a.example https://b.example", "must be one origin such as"),
        ("ORDERKEEP_CONSOLE_ORIGIN", "https://a.example/console", "must be one origin such as"),
    ],
)
def test_invalid_setting_is_named_with_its_rule(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, rule: str
) -> None:
    variable = name if name.startswith("ORDERKEEP_") else f"ORDERKEEP_JWT_{name}"
    monkeypatch.setenv(variable, value)
    answer = Cli()("config", code=2)
    assert f"{variable} {rule}" in answer.stderr


@pytest.mark.parametrize(
    "url",
    [
        "https://login.example.com",
        "https://login.example.com/",
        "https://login.example.com:8443/realms/shop?version=1",
        "https://[2001:db8::1]/keys",
        "http://localhost:8080/realms/shop",
        "http://127.0.0.1:8080/keys",
        "http://[::1]/keys",
    ],
)
def test_url_may_be_https_or_on_this_machine(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url", ["http://login.example.com", "http://10.0.0.1/keys", "http://localhost.example.com", "http://[2001:db8::1]/"]
)
def test_url_without_tls_is_rejected(url: str) -> None:
    with pytest.raises(ValueError, match="must begin with https://"):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "login.example.com", "ftp://login.example.com", "file:///etc/passwd", "https://", "https:///keys"),
        *("https://me:secret@login.example.com", "https://login.example.com/#keys", "https://login.example.com:0"),
        *("https://login.example.com:99999", "https://[::zz]/", "https://[1]/", "https://login.example.com/a b"),
        *("https://login.example.com/\n", " https://login.example.com", "HTTPS://login.example.com"),
    ],
)
def test_malformed_url_is_rejected(url: str) -> None:
    with pytest.raises(ValueError, match="must be a URL such as"):
        check_url(url)


def test_issuer_has_no_query() -> None:
    with pytest.raises(ValueError, match="must not contain \\?"):
        check_issuer("https://login.example.com/shop?a=b")


@pytest.mark.parametrize("name", ["", " ", "a\nb", " orders", "orders ", "a" * 256])
def test_audience_is_one_line(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 255 characters"):
        check_audience(name)


def test_algorithms_of_one_family_may_be_combined() -> None:
    for family in ALGORITHM_FAMILIES:
        assert algorithms_in(", ".join(family)) == family
    assert algorithms_in("ES256 ES384") == ("ES256", "ES384")


@pytest.mark.parametrize(
    "text", ["", " ", "none", "HS256", "RS256 HS256", "RS256 PS256", "RS256 ES256", "rs256", "ES256K"]
)
def test_algorithms_are_asymmetric_and_of_one_family(text: str) -> None:
    with pytest.raises(ValueError, match="RS256, RS384, RS512; PS256"):
        algorithms_in(text)


@pytest.mark.parametrize(
    "text", ["shop.read", "=orders:read", "shop.read=", "shop.read=orders:all", "a=b=c", "a = admin"]
)
def test_scope_mapping_names_the_known_scopes_in_its_error(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"such as shop\.read=orders:read, with one of orders:read, .*, admin after each ="
    ):
        scope_mapping(text)


def test_mapped_term_may_be_a_url_with_an_equals_sign() -> None:
    term = "https://shop.example/?may=read"
    assert scope_mapping(f"{term}=orders:read") == {term: frozenset({Scope.READ})}
    assert scope_mapping("") == {}


def test_parameters_may_contain_any_text_without_spaces() -> None:
    assert parameters_in("audience=https://a.example/?b=c  prompt=login") == (
        ("audience", "https://a.example/?b=c"),
        ("prompt", "login"),
    )
    assert parameters_in("") == ()


def test_redirect_uri_has_the_root_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERKEEP_ROOT_PATH", "shop")
    monkeypatch.setenv("ORDERKEEP_CONSOLE_ORIGIN", "https://Orders.example/")
    assert Settings().openid_redirect_uri == "https://orders.example/shop/console/sign-in/callback"


@pytest.mark.parametrize("secret", [b"", b" \n", b"one\ntwo", b"\xff"])
def test_file_with_anything_but_a_secret_is_rejected(secret: bytes) -> None:
    Path("secret").write_bytes(secret)
    with pytest.raises(ValueError, match="must name a"):
        secret_in("secret")
