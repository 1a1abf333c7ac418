"""How an API key is kept, by all stores alike: its fields by their names, as plain values."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from orderkeep.application.access.actor import ActorKind, Scope
from orderkeep.application.access.api_keys import ApiKey
from orderkeep.domain.exceptions import StoreUnusable

COLUMNS = tuple(field.name for field in fields(ApiKey))
UNREADABLE_KEY = "what is kept of an API key cannot be read: somebody altered it; restore a backup, or make new keys"

_TIMES = ("created_at", "expires_at", "revoked_at", "last_used_at")
_KNOWN_SCOPES = frozenset(Scope)


def record_of(key: ApiKey, kept: Callable[[datetime], Any]) -> dict[str, Any]:
    """Return the key's fields; `kept` makes of an instant what the store keeps of it."""
    record = {name: getattr(key, name) for name in COLUMNS}
    record["kind"] = key.kind.value
    record["scopes"] = " ".join(sorted(key.scopes))
    return record | {name: kept(record[name]) for name in _TIMES if record[name] is not None}


def api_key_of(record: Mapping[str, Any], instant: Callable[[Any], datetime]) -> ApiKey:
    """Return the key that was kept; `instant` makes an instant of what is kept of it. A scope that this version does
    not know gives no right in it. Raises `StoreUnusable` where that is no key.
    """
    try:
        values: dict[str, Any] = {name: record.get(name) for name in COLUMNS}
        values["kind"] = ActorKind(record["kind"])
        values["scopes"] = _KNOWN_SCOPES.intersection(record["scopes"].split())
        values |= {name: instant(values[name]) for name in _TIMES if values[name] is not None}
        holder = ActorKind.STAFF if values["user_id"] is None else ActorKind.CUSTOMER
        if values["kind"] is not holder or not isinstance(values["digest"], str):
            raise ValueError(holder)
        return ApiKey(**values)
    except (LookupError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise StoreUnusable(UNREADABLE_KEY) from error
