"""How the service is set: by environment variables whose names begin with ORDERKEEP_, all of them optional."""

import re
from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orderkeep.application.access.actor import Scope, scopes_in
from orderkeep.application.access.loopback import is_loopback

AUTHENTICATION = ("keys", "jwt", "authorizer")
"""The ways to show who asks."""

_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::([0-9]{1,5}))?")
_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|\[::1\]")
_IMPLIED = {("https", "443"), ("http", "80")}
_URL = re.compile(
    r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!$-;=@-Z_a-z~]*)?(\?[!$-;=?-Z_a-z~]*)?"
)

ALGORITHM_FAMILIES = (
    ("RS256", "RS384", "RS512"),
    ("PS256", "PS384", "PS512"),
    ("ES256", "ES384", "ES512"),
    ("EdDSA", "Ed25519"),
)
"""The signature algorithms of tokens; a deployment uses those of one line. All are asymmetric: with HS256, every
service that can verify a token could also sign one.
"""


def _origins(text: str) -> str:
    """Return the origins as browsers write them, separated by spaces."""
    return " ".join(dict.fromkeys(_origin(each) for each in text.replace(",", " ").split()))


def _origin(text: str) -> str:
    found = _ORIGIN.fullmatch(text.lower())
    if not found or (found[1] == "http" and not _LOOPBACK.fullmatch(found[2])):
        raise ValueError("must be origins such as https://shop.example, each in full, http on this machine only")
    return f"{found[1]}://{found[2]}" if (found[1], found[3]) in _IMPLIED else found[0]


def check_issuer(url: str) -> str:
    """Return the issuer, which has no query. Raises `ValueError`."""
    if "?" in check_url(url):
        raise ValueError("must have no ? in it")
    return url


def check_audience(name: str) -> str:
    """Return the provider's name for this API. Raises `ValueError`."""
    if not 0 < len(name) <= 255 or not name.isprintable() or name != name.strip():
        raise ValueError(
            "must be what the provider calls this API: 1 to 255 characters, none of them at the ends a space"
        )
    return name


def check_url(url: str) -> str:
    """Return a URL to fetch keys from: https, or http on this machine. Raises `ValueError`."""
    host = _host_in(url)
    if host is None:
        raise ValueError("must be a URL such as https://login.example.com/shop, without a password and without a #")
    if url.startswith("http:") and not is_loopback(host):
        raise ValueError("must begin with https://: over http, anybody on the way could put in keys of their own")
    return url


def _host_in(url: str) -> str | None:
    if not _URL.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts.hostname
    except ValueError:
        return None


def algorithms_in(text: str) -> tuple[str, ...]:
    """Return the algorithms in a text such as `ES256 ES384`. Raises `ValueError`."""
    names = tuple(text.replace(",", " ").split())
    if not names or not any(set(names) <= set(family) for family in ALGORITHM_FAMILIES):
        families = "; ".join(", ".join(family) for family in ALGORITHM_FAMILIES)
        raise ValueError(f"must be one or more of one of these families: {families}")
    return names


def scope_mapping(text: str) -> dict[str, frozenset[Scope]]:
    """Return the mapping in a text such as `shop.read=orders:read shop.admin=admin`; a term may occur several times.
    Raises `ValueError`.
    """
    found: dict[str, frozenset[Scope]] = {}
    for pair in text.split():
        theirs, _, ours = pair.rpartition("=")
        if not theirs or ours not in list(Scope):
            known = ", ".join(Scope)
            raise ValueError(f"must be pairs such as shop.read=orders:read, with one of {known} after each =")
        found[theirs] = found.get(theirs, frozenset()) | {Scope(ours)}
    return found


_RULES: dict[str | None, Callable[[str], object]] = {
    "iam_scopes": scopes_in,
    "jwt_issuer": check_issuer,
    "jwt_audience": check_audience,
    "jwt_jwks_url": check_url,
    "jwt_algorithms": algorithms_in,
    "jwt_scopes": scope_mapping,
}


class Settings(BaseSettings):
    """What can be set. `ORDERKEEP_STORE` sets `store`, and so on; arguments win over the environment."""

    model_config = SettingsConfigDict(env_prefix="ORDERKEEP_", frozen=True, hide_input_in_errors=True)

    store: str = Field("sqlite:///orders.db", description="The URL of the store that keeps the orders.")
    documents: str = Field("folder:///documents", description="The URL of the store that keeps receipts and exports.")
    seller: str = Field("", description="Who sells, as receipts say it; a line each, with \\n between them.")
    events: str = Field("", description="The URL of what the handler of the table's stream publishes events to.")
    auto_migrate: bool = Field(True, description="Whether the store's tables are made and brought up to date at start.")
    host: str = Field("127.0.0.1", description="The address that HTTP is served on; 0.0.0.0 is all there are.")
    port: int = Field(8000, ge=0, le=65_535, description="The port that HTTP is served on; 0 takes a free one.")
    workers: int = Field(1, ge=1, description="The number of processes that serve the port; each has its own limits.")
    root_path: str = Field("", description="The path that a proxy in front serves us under, such as /shop.")
    max_body_bytes: int = Field(
        65_536, ge=1, description="The largest body of a request; 64 KiB are 500 lines of 130 bytes."
    )
    cors_origins: Annotated[str, AfterValidator(_origins)] = Field(
        "", description="The origins whose pages may ask from a browser, such as https://shop.example, with spaces."
    )
    hsts_seconds: int = Field(
        0, ge=0, description="How long browsers are to ask by https alone; for a service that is reached only so."
    )
    access_log: bool = Field(False, description="Whether each request is logged; metrics count them anyway.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="How lines are logged: `json` or `text`; `auto` is text on a terminal and JSON elsewhere."
    )
    log_level: Literal["critical", "error", "warning", "info", "debug"] = Field(
        "info", description="How much is logged."
    )
    max_concurrency: int = Field(
        128, ge=1, description="How many requests are worked on at once; further ones are answered 503 at once."
    )
    max_connections: int = Field(
        500, ge=1, description="How many connections may be open at once; beyond, the one longest idle is cut."
    )
    drain_seconds: int = Field(
        2, ge=0, description="How long all goes on at SIGTERM, while /readyz already answers 503."
    )
    shutdown_seconds: int = Field(7, ge=0, description="How long requests under way may take to finish after that.")
    auth: str = Field(
        "",
        description="How those who ask show who they are: `keys`, `jwt`, `authorizer` (on Lambda), or several, with "
        "commas. Where it is empty nobody does, and only this machine may ask.",
    )
    rate_limit: int = Field(
        200, ge=0, description="How many requests a second each one may make who has shown who they are; 0 is no limit."
    )
    rate_limit_per_address: int = Field(
        500, ge=0, description="How many may come from one address, whoever asks; 0 is no limit."
    )
    iam_scopes: str = Field("", description="What callers may do whom IAM let in on Lambda: orders:read orders:ship.")
    jwt_issuer: str = Field(
        "", description="The OpenID provider whose tokens count, as `iss` in them says it.", validate_default=True
    )
    jwt_audience: str = Field(
        "", description="What that provider calls this service: `aud` of its tokens.", validate_default=True
    )
    jwt_jwks_url: str = Field("", description="Where its keys are; where empty, as its discovery document says.")
    jwt_algorithms: str = Field(
        "RS256", description="The signatures that count, of one family: ES256 ES384.", min_length=1
    )
    jwt_user_claim: str = Field("sub", description="The claim that is a customer's `user_id`.", min_length=1)
    jwt_scopes_claim: str = Field("scope", description="The claim that says what staff may do.", min_length=1)
    jwt_scopes: str = Field("", description="What its words are worth here, such as shop.read=orders:read.")
    jwt_max_lifetime_seconds: int = Field(
        86_400, ge=60, le=604_800, description="The longest that a token may live; one that lives longer is refused."
    )

    @property
    def authentication(self) -> frozenset[str]:
        """The ways to show who asks that count here; none: whoever reaches the service is believed to be staff."""
        return frozenset(self.auth.replace(",", " ").split())

    @field_validator("auth")
    @classmethod
    def _names_ways_that_there_are(cls, value: str) -> str:
        if set(value.replace(",", " ").split()) - set(AUTHENTICATION):
            raise ValueError(f"must be one or more of {', '.join(AUTHENTICATION)}, with commas between them")
        return value

    @field_validator("iam_scopes", "jwt_issuer", "jwt_audience", "jwt_jwks_url", "jwt_algorithms", "jwt_scopes")
    @classmethod
    def _check_format(cls, value: str, about: ValidationInfo) -> str:
        if value:
            _RULES[about.field_name](value)
        elif about.field_name == "jwt_issuer" and "jwt" in about.data.get("auth", ""):
            raise ValueError("must be set where ORDERKEEP_AUTH names jwt: it says whose tokens count")
        elif about.field_name == "jwt_audience" and about.data.get("jwt_issuer"):
            raise ValueError("must be set where ORDERKEEP_JWT_ISSUER is: else tokens for any service would do here")
        return value
