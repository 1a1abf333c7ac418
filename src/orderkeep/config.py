"""How the service is set: by environment variables whose names begin with ORDERKEEP_, all of them optional."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    max_body_bytes: int = Field(262_144, ge=1, description="The largest body of a request; 500 lines fit 256 KiB.")
    access_log: bool = Field(False, description="Whether each request is logged; metrics count them anyway.")
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
