"""The settings: environment variables that start with ORDERKEEP_, all of them optional."""

import os
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orderkeep.application.access.actor import Scope, scopes_in
from orderkeep.application.access.loopback import host_in, is_loopback
from orderkeep.application.webhooks.schedule import DEFAULT_SCHEDULE, RetrySchedule
from orderkeep.domain.limits import MAX_EXPIRY_HOURS

AUTHENTICATION = ("keys", "jwt", "authorizer")
"""The authentication methods."""

_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::([0-9]{1,5}))?")
_ROOT_PATH = re.compile(r"/?([A-Za-z0-9._~!$&'()*+,;=@%-]+(/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*/?)?")
_OWN_PARAMETERS = {
    *("response_type", "response_mode", "client_id", "client_secret", "redirect_uri", "scope", "state", "nonce"),
    *("code_challenge", "code_challenge_method", "request", "request_uri"),
}
_IMPLIED = {("https", "443"), ("http", "80")}

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
    if not found or (found[1] == "http" and not is_loopback(found[2].strip("[]"))):
        raise ValueError("must be origins such as https://shop.example; http is allowed for localhost only")
    return f"{found[1]}://{found[2]}" if (found[1], found[3]) in _IMPLIED else found[0]


def check_issuer(url: str) -> str:
    """Return the issuer, which has no query. Raises `ValueError`."""
    if "?" in check_url(url):
        raise ValueError("must not contain ?")
    return url


def check_audience(name: str) -> str:
    """Return the provider's name for this API. Raises `ValueError`."""
    if not 0 < len(name) <= 255 or not name.isprintable() or name != name.strip():
        raise ValueError(
            "must be the provider's name for this API: 1 to 255 characters, not starting or ending with a space"
        )
    return name


def check_url(url: str) -> str:
    """Return a URL to fetch keys from: https, or http on this machine. Raises `ValueError`."""
    host = host_in(url)
    if host is None:
        raise ValueError("must be a URL such as https://login.example.com/shop, without a password or fragment")
    if url.startswith("http:") and not is_loopback(host):
        raise ValueError("must begin with https://; http is allowed for localhost only")
    return url


def algorithms_in(text: str) -> tuple[str, ...]:
    """Return the algorithms in a text such as `ES256 ES384`. Raises `ValueError`."""
    names = tuple(text.replace(",", " ").split())
    if not names or not any(set(names) <= set(family) for family in ALGORITHM_FAMILIES):
        families = "; ".join(", ".join(family) for family in ALGORITHM_FAMILIES)
        raise ValueError(f"must be algorithms of one of these families: {families}")
    return names


def scope_mapping(text: str) -> dict[str, frozenset[Scope]]:
    """Return the mapping in a text such as `shop.read=orders:read shop.admin=admin`. Raises `ValueError`."""
    found: dict[str, frozenset[Scope]] = {}
    for pair in text.split():
        theirs, _, ours = pair.rpartition("=")
        if not theirs or ours not in list(Scope):
            known = ", ".join(Scope)
            raise ValueError(f"must be pairs such as shop.read=orders:read, with one of {known} after each =")
        found[theirs] = found.get(theirs, frozenset()) | {Scope(ours)}
    return found


def parameters_in(text: str) -> tuple[tuple[str, str], ...]:
    """Return the parameters in a text such as `audience=https://orders.example.com`. Raises `ValueError`."""
    found = dict[str, str]()
    for pair in text.split():
        name, _, value = pair.partition("=")
        if not value or not re.fullmatch("[A-Za-z0-9_.-]+", name) or name in found:
            raise ValueError("must be different parameters such as audience=https://orders.example.com, with spaces")
        if name in _OWN_PARAMETERS:
            raise ValueError(f"must not contain {name}, which the service sets")
        found[name] = value
    return tuple(found.items())


def check_client_id(text: str) -> str:
    """Return the client ID. Raises `ValueError`."""
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", text):
        raise ValueError("must be the provider's ID of the console: 1 to 255 characters of ASCII without spaces")
    return text


def secret_in(file: str) -> str:
    """Return the secret in a file. Raises `ValueError`."""
    try:
        secret = Path(file).read_text("utf-8").strip()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or type(error).__name__}") from None
    except ValueError:
        raise ValueError("must name a text file") from None
    if not secret.isprintable() or not secret:
        raise ValueError("must name a file that contains the client secret, and nothing else")
    return secret


def check_openid_scopes(text: str) -> str:
    """Return the scopes to request, which include `openid`. Raises `ValueError`."""
    if "openid" not in text.split():
        raise ValueError("must be scopes, separated by spaces, that include openid, such as openid shop.read")
    return " ".join(text.split())


def _one_origin(text: str) -> str:
    try:
        return _origin(text.removesuffix("/")) if text else text
    except ValueError:
        message = "must be one origin such as https://orders.example.com; http is allowed for localhost only"
        raise ValueError(message) from None


def _root_path(path: str) -> str:
    """Return the path with a slash at its start and none at its end."""
    if not _ROOT_PATH.fullmatch(path):
        raise ValueError("must be a path such as /shop, without a host, a query or empty segments")
    return f"/{path.strip('/')}".rstrip("/")


def _schedule(text: str) -> str:
    """Return the retry schedule as it was given."""
    RetrySchedule.of(text)
    return text


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


_RULES: dict[str | None, Callable[[str], object]] = {
    "iam_scopes": scopes_in,
    "jwt_issuer": check_issuer,
    "jwt_audience": check_audience,
    "jwt_jwks_url": check_url,
    "jwt_algorithms": algorithms_in,
    "jwt_scopes": scope_mapping,
    "oidc_client_id": check_client_id,
    "oidc_client_secret_file": secret_in,
    "oidc_parameters": parameters_in,
}


class Settings(BaseSettings):
    """All settings. `ORDERKEEP_STORE` sets `store`, and so on; arguments override the environment."""

    model_config = SettingsConfigDict(env_prefix="ORDERKEEP_", frozen=True, hide_input_in_errors=True)

    store: str = Field("sqlite:///orders.db", description="URL of the order store.")
    moved_to: str = Field(
        "",
        description="URL of the store to which the orders of `ORDERKEEP_STORE` are moved, or will be: the service "
        "uses the one that accepts writes.",
    )
    documents: str = Field("folder:///documents", description="URL of the document store, for receipts and exports.")
    seller: str = Field("", description="Seller's name and address on receipts; separate lines with `\\n`.")
    events: str = Field(
        "", description="URL of the event bus that the relay, or the DynamoDB stream handler, publishes to."
    )
    relay: bool = Field(
        True, description="Deliver webhooks, publish events and count statistics in the processes of `orderkeep serve`."
    )
    webhook_retry_schedule: Annotated[str, AfterValidator(_schedule)] = Field(
        DEFAULT_SCHEDULE,
        description="Delays before each retry of a webhook delivery, in seconds, separated by commas.",
    )
    auto_migrate: bool = Field(True, description="Create or upgrade the store's schema on start.")
    confirm_requires: Annotated[Literal["nothing", "authorized", "paid"], BeforeValidator(_lower)] = Field(
        "nothing", description="Payments that an order needs to be confirmed: `nothing`, `authorized` or `paid`."
    )
    ship_requires: Annotated[Literal["nothing", "paid"], BeforeValidator(_lower)] = Field(
        "nothing", description="Payments that an order needs to be shipped: `nothing` or `paid`."
    )
    auto_confirm: bool = Field(
        False, description="Confirm an order in the same commit as the payment that meets `ORDERKEEP_CONFIRM_REQUIRES`."
    )
    expire_after_hours: int = Field(
        0,
        ge=0,
        le=MAX_EXPIRY_HOURS,
        description="Hours after which `orderkeep expire` cancels an unpaid pending order; 0 disables it.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on. Use 0.0.0.0 for all IPv4 interfaces.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on, 0 to 65535; 0 selects a free port.")
    workers: int = Field(
        1, ge=1, description="Number of server processes; each has its own rate and concurrency limits."
    )
    root_path: Annotated[str, AfterValidator(_root_path)] = Field(
        "", description="Path prefix that a reverse proxy removes, such as /shop."
    )
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
    access_log: bool = Field(False, description="Log every request. If not set, `serve` logs them on a terminal only.")
    log_format: Annotated[Literal["auto", "json", "text"], BeforeValidator(_lower)] = Field(
        "auto", description="Log format: `json`, `text`, or `auto` (text on a terminal, otherwise JSON)."
    )
    log_level: Annotated[Literal["critical", "error", "warning", "info", "debug"], BeforeValidator(_lower)] = Field(
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
    console: bool = Field(True, description="Serve the console, pages for staff, at `/`. `serve` only.")
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
        description="Scopes of callers that IAM authenticated on Lambda, separated by spaces or commas, such as "
        "orders:read orders:ship.",
    )
    jwt_issuer: str = Field("", description="Issuer of accepted tokens: the exact value of their `iss` claim.")
    jwt_audience: str = Field("", description="Required audience: a value of the token's `aud` claim.")
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
    oidc_client_id: str = Field("", description="Client ID of the console at the OpenID provider; enables sign-in.")
    oidc_client_secret_file: str = Field(
        "", description="File that contains the client secret. Without it, the console is a public client."
    )
    oidc_scopes: Annotated[str, AfterValidator(check_openid_scopes)] = Field(
        "openid", description="Scopes that sign-in requests, separated by spaces, such as openid shop.read."
    )
    oidc_parameters: str = Field(
        "",
        description="Further parameters of the authorization request, such as audience=https://orders.example.com.",
    )
    console_origin: Annotated[str, AfterValidator(_one_origin)] = Field(
        "", description="Origin of the console in browsers, such as https://orders.example.com, for the redirect URI."
    )

    @property
    def authentication(self) -> frozenset[str]:
        """The enabled authentication methods. Without any, every caller on localhost has full access."""
        return frozenset(self.auth.replace(",", " ").split())

    @field_validator("*", mode="before")
    @classmethod
    def _check_not_empty(cls, value: Any, about: ValidationInfo) -> Any:
        if value == "" and about.field_name and cls.model_fields[about.field_name].default != "":
            raise ValueError("is set but empty: set it to a value, or unset it")
        return value

    @field_validator("auth")
    @classmethod
    def _check_methods(cls, value: str) -> str:
        if set(value.replace(",", " ").split()) - set(AUTHENTICATION):
            raise ValueError(f"must be one or more of {', '.join(AUTHENTICATION)}, separated by commas")
        return value

    @property
    def openid_redirect_uri(self) -> str:
        """The URL of the console that the OpenID provider sends browsers back to."""
        return f"{self.console_origin}{self.root_path}/console/sign-in/callback"

    @field_validator(*filter(None, _RULES), "console_origin")
    @classmethod
    def _check_format(cls, value: str, about: ValidationInfo) -> str:
        if value:
            _RULES.get(about.field_name, str)(value)
        elif about.field_name == "jwt_issuer" and "jwt" in about.data.get("auth", ""):
            raise ValueError("is required if ORDERKEEP_AUTH includes jwt")
        elif about.field_name == "jwt_audience" and about.data.get("jwt_issuer"):
            raise ValueError("is required with ORDERKEEP_JWT_ISSUER: tokens for other services must be rejected")
        elif about.field_name == "console_origin" and about.data.get("oidc_client_id"):
            raise ValueError("is required with ORDERKEEP_OIDC_CLIENT_ID: the provider sends browsers back to it")
        return value


def unknown_variables() -> Iterator[str]:
    """Yield a warning for each variable that begins with ORDERKEEP_ and is no setting. ORDERKEEP_TEST_ is for tests."""
    of_commands = ("STORE_FILE", "REMOTE", "API_KEY", "API_KEY_FILE", "DEBUG", "ACTOR")
    known = {*map(str.upper, Settings.model_fields), *of_commands}
    for variable in sorted(os.environ):
        prefix, _, name = variable.upper().partition("_")
        if prefix == "ORDERKEEP" and name not in known and not name.startswith("TEST_"):
            nearest = get_close_matches(name, known, n=1, cutoff=0.7)
            hint = f"did you mean ORDERKEEP_{nearest[0]}?" if nearest else "`orderkeep config` lists them"
            yield f"{variable} is not a setting: {hint}"


HIDDEN = "***"

_PASSWORD = re.compile(
    "(://[^:/?#@]*:).*@"
)  # up to the last @: the password may contain characters that must be encoded
_SECRET_PARAMETER = re.compile(r"([?&][^=&#]*(?:password|secret|token|key)[^=&#]*=)[^&#]+", re.IGNORECASE)
_PASSWORD_OF_ENDPOINT = re.compile(
    r"([?&][^=&#]*=[a-z]+(?::|%3A)(?://|%2F%2F)[^/?&#@]*?(?::|%3A))[^/?&#@]+(?:@|%40)", re.IGNORECASE
)


def masked(value: object) -> object:
    """Return a setting's value without the passwords and keys in a URL."""
    if not isinstance(value, str) or "://" not in value:
        return value
    value = _PASSWORD.sub(rf"\1{HIDDEN}@", value)
    value = _PASSWORD_OF_ENDPOINT.sub(rf"\1{HIDDEN}@", value)
    return _SECRET_PARAMETER.sub(rf"\1{HIDDEN}", value)
