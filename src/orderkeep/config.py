"""How the service is set: by environment variables whose names begin with ORDERKEEP_, all of them optional."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

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
    """What can be set. `ORDERKEEP_STORE` sets `store`, and so on; arguments win over the environment."""

    model_config = SettingsConfigDict(env_prefix="ORDERKEEP_", frozen=True, hide_input_in_errors=True)

    store: str = Field("sqlite:///orders.db", description="The URL of the store that keeps the orders.")
    documents: str = Field("folder:///documents", description="The URL of the store that keeps receipts and exports.")
    seller: str = Field("", description="Who sells, as receipts say it; a line each, with \\n between them.")
    events: str = Field("", description="The URL of what the handler of the table's stream publishes events to.")
    auto_migrate: bool = Field(True, description="Whether the store's tables are made and brought up to date at start.")
    host: str = Field("127.0.0.1", description="The address that HTTP is served on; 0.0.0.0 is all there are.")
    port: int = Field(8000, ge=0, le=65_535, description="The port that HTTP is served on; 0 takes a free one.")
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
    shutdown_seconds: int = Field(20, ge=0, description="How long requests under way may take to finish at the end.")
