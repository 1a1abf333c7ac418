"""The settings: environment variables that start with ORDERKEEP_, all of them optional."""

import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

AUTHENTICATION = ("keys", "jwt", "authorizer")
"""The authentication methods."""

_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::([0-9]{1,5}))?")
_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|\[::1\]")
_IMPLIED = {("https", "443"), ("http", "80")}


def _origins(text: str) -> str:
    """Return the origins as browsers write them, separated by spaces."""
    return " ".join(dict.fromkeys(_origin(each) for each in text.replace(",", " ").split()))


def _origin(text: str) -> str:
    found = _ORIGIN.fullmatch(text.lower())
    if not found or (found[1] == "http" and not _LOOPBACK.fullmatch(found[2])):
        raise ValueError("must be origins such as https://shop.example, each in full, http on this machine only")
    return f"{found[1]}://{found[2]}" if (found[1], found[3]) in _IMPLIED else found[0]


class Settings(BaseSettings):
    """All settings. `ORDERKEEP_STORE` sets `store`, and so on; arguments override the environment."""

    model_config = SettingsConfigDict(env_prefix="ORDERKEEP_", frozen=True, hide_input_in_errors=True)

    store: str = Field("sqlite:///orders.db", description="URL of the order store.")
    documents: str = Field("folder:///documents", description="URL of the document store, for receipts and exports.")
    seller: str = Field("", description="Seller's name and address on receipts; separate lines with `\\n`.")
    events: str = Field("", description="URL of the event bus that the DynamoDB stream handler publishes to.")
    auto_migrate: bool = Field(True, description="Create or upgrade the store's schema on start.")
    host: str = Field("127.0.0.1", description="Address to listen on. Use 0.0.0.0 for all IPv4 interfaces.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on, 0 to 65535; 0 selects a free port.")
    root_path: str = Field("", description="Path prefix that a reverse proxy removes, such as /shop.")
    max_body_bytes: int = Field(65_536, ge=1, description="Maximum size of a request body, in bytes.")
    cors_origins: Annotated[str, AfterValidator(_origins)] = Field(
        "",
        description="Origins allowed to call the API from a browser (CORS), separated by spaces, such as "
        "https://shop.example.",
    )
    hsts_seconds: int = Field(
        0,
        ge=0,
        description="`max-age` of `Strict-Transport-Security`, in seconds; 0 omits the header. Set it only if the "
        "service is always reached over HTTPS.",
    )
    access_log: bool = Field(False, description="Log every request. Metrics do not depend on it.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="Log format: `json`, `text`, or `auto` (text on a terminal, otherwise JSON)."
    )
    log_level: Literal["critical", "error", "warning", "info", "debug"] = Field(
        "info", description="Minimum log level: `critical`, `error`, `warning`, `info` or `debug`."
    )
    max_concurrency: int = Field(
        128, ge=1, description="Maximum number of concurrent requests; excess requests get 503 immediately."
    )
    max_connections: int = Field(
        500, ge=1, description="Maximum number of open connections; beyond it, the longest-idle connection is closed."
    )
    drain_seconds: int = Field(
        2, ge=0, description="Seconds to keep serving after SIGTERM while `/readyz` returns 503."
    )
    shutdown_seconds: int = Field(7, ge=0, description="Seconds to wait for requests in progress after draining.")
    auth: str = Field(
        "",
        description="Authentication methods, separated by commas: `keys`, `jwt`, `authorizer` (Lambda only). Empty "
        "disables authentication and serves localhost only.",
    )
    rate_limit: int = Field(
        200, ge=0, description="Requests per second for each authenticated actor; 0 disables the limit."
    )
    rate_limit_per_address: int = Field(
        500, ge=0, description="Requests per second from one client address; 0 disables the limit."
    )
    iam_scopes: str = Field(
        "",
        description="Scopes of callers that IAM authenticated on Lambda, separated by spaces, such as orders:read "
        "orders:ship.",
    )
    jwt_issuer: str = Field(
        "", description="Issuer of accepted tokens: the exact value of their `iss` claim.", validate_default=True
    )
    jwt_audience: str = Field(
        "", description="Required audience: a value of the token's `aud` claim.", validate_default=True
    )
    jwt_jwks_url: str = Field("", description="URL of the provider's JWKS. Default: from its discovery document.")
    jwt_algorithms: str = Field(
        "RS256", description="Accepted signature algorithms, all of one family, such as ES256 ES384.", min_length=1
    )
    jwt_user_claim: str = Field("sub", description="Claim that contains a customer's `user_id`.", min_length=1)
    jwt_scopes_claim: str = Field("scope", description="Claim that contains the scopes of staff.", min_length=1)
    jwt_scopes: str = Field("", description="Mapping of the provider's scopes to ours, such as shop.read=orders:read.")
    jwt_max_lifetime_seconds: int = Field(
        86_400,
        ge=60,
        le=604_800,
        description="Maximum token lifetime, 60 to 604800 seconds; longer-lived tokens are rejected.",
    )

    @property
    def authentication(self) -> frozenset[str]:
        """The enabled authentication methods. Without any, every caller on localhost has full access."""
        return frozenset(self.auth.replace(",", " ").split())

    @field_validator("auth")
    @classmethod
    def _names_ways_that_there_are(cls, value: str) -> str:
        if set(value.replace(",", " ").split()) - set(AUTHENTICATION):
            raise ValueError(f"must be one or more of {', '.join(AUTHENTICATION)}, with commas between them")
        return value

    @field_validator("iam_scopes", "jwt_issuer", "jwt_audience", "jwt_jwks_url", "jwt_algorithms", "jwt_scopes")
    @classmethod
    def _follows_its_rule(cls, value: str, about: ValidationInfo) -> str:
        if value:
            _check(about.field_name or "", value)
        elif about.field_name == "jwt_issuer" and "jwt" in about.data.get("auth", ""):
            raise ValueError("must be set where ORDERKEEP_AUTH names jwt: it says whose tokens count")
        elif about.field_name == "jwt_audience" and about.data.get("jwt_issuer"):
            raise ValueError("must be set where ORDERKEEP_JWT_ISSUER is: else tokens for any service would do here")
        return value


def _check(name: str, value: str) -> None:
    """Raise `ValueError` where a setting that is not empty cannot be used."""
    from orderkeep.application import claims, openid_provider  # here, as few set any of these
    from orderkeep.application.access import actor  # here, as few set any of these

    rules: dict[str, Callable[[str], object]] = {
        "iam_scopes": actor.scopes_in,
        "jwt_issuer": openid_provider.check_issuer,
        "jwt_audience": openid_provider.check_audience,
        "jwt_jwks_url": openid_provider.check_url,
        "jwt_algorithms": openid_provider.algorithms_in,
        "jwt_scopes": claims.scope_mapping,
    }
    rules[name](value)
