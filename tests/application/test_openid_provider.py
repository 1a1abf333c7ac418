"""What may be trusted of an OpenID provider, and what is refused before anybody trusts it."""

from typing import Any

import pytest

from orderkeep.application.openid_provider import (
    ALGORITHM_FAMILIES,
    OpenIdProvider,
    algorithms_in,
    check_audience,
    check_issuer,
    check_url,
)

ISSUER, AUDIENCE = "https://login.example.com/shop", "https://orders.example.com"


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
def test_keys_come_over_tls_or_from_this_machine(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url", ["http://login.example.com", "http://10.0.0.1/keys", "http://localhost.example.com", "http://[2001:db8::1]/"]
)
def test_keys_do_not_come_over_http_from_elsewhere(url: str) -> None:
    with pytest.raises(ValueError, match="must begin with https://"):
        check_url(url)


def test_keys_come_over_http_from_this_machine_only_where_that_was_asked_for() -> None:
    with pytest.raises(ValueError, match="must begin with https://"):
        check_url("http://localhost/keys", plain_http_here=False)


@pytest.mark.parametrize(
    "url",
    [
        *("", "login.example.com", "ftp://login.example.com", "file:///etc/passwd", "https://", "https:///keys"),
        *("https://me:secret@login.example.com", "https://login.example.com/#keys", "https://login.example.com:0"),
        *("https://login.example.com:99999", "https://[::zz]/", "https://[1]/", "https://login.example.com/a b"),
        *("https://login.example.com/\n", " https://login.example.com", "HTTPS://login.example.com"),
    ],
)
def test_what_is_no_url_of_a_provider_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be a URL such as"):
        check_url(url)


def test_an_issuer_has_no_query() -> None:
    with pytest.raises(ValueError, match="no \\?"):
        check_issuer(ISSUER + "?a=b")
    assert check_issuer(ISSUER) == ISSUER


@pytest.mark.parametrize("name", ["", " ", "a\nb", " orders", "orders ", "a" * 256])
def test_an_audience_is_a_name_of_one_line(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 255 characters"):
        check_audience(name)


def test_every_algorithm_of_a_family_may_be_named_with_the_others_of_it() -> None:
    for family in ALGORITHM_FAMILIES:
        assert algorithms_in(", ".join(family)) == family
    assert algorithms_in("ES256 ES384") == ("ES256", "ES384")


@pytest.mark.parametrize(
    "text", ["", " ", "none", "HS256", "RS256 HS256", "RS256 PS256", "RS256 ES256", "rs256", "ES256K"]
)
def test_algorithms_are_of_one_family_whose_keys_the_provider_alone_has(text: str) -> None:
    with pytest.raises(ValueError, match="RS256, RS384, RS512; PS256"):
        algorithms_in(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://login.example.com"},
        {"issuer": ISSUER + "?a=b"},
        {"audience": ""},
        {"jwks_url": "http://login.example.com/keys"},
        {"algorithms": ("HS256",)},
        {"algorithms": ()},
    ],
    ids=str,
)
def test_no_provider_is_made_of_what_cannot_be_trusted(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": f"{ISSUER}/keys"}
    assert OpenIdProvider(**right)
    with pytest.raises(ValueError, match="must"):
        OpenIdProvider(**{**right, **wrong})


@pytest.mark.parametrize("issuer", [ISSUER, ISSUER + "/"])
def test_its_discovery_document_is_where_the_standard_says(issuer: str) -> None:
    found = OpenIdProvider(issuer, AUDIENCE).discovery_url
    assert found == "https://login.example.com/shop/.well-known/openid-configuration"
