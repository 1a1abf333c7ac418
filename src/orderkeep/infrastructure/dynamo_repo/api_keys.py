"""API keys, in items of the same table that no index of orders holds.

Each key has a partition of its own, so that whoever sends keys that never were makes none of them hot. All keys stand
once more, by time, in a partition that only lists read.
"""

from datetime import datetime

from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore
from orderkeep.application.ports import ListPosition
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.api_key_records import UNREADABLE_KEY, api_key_of, record_of
from orderkeep.infrastructure.dynamo_repo.errors import DynamoError, translated
from orderkeep.infrastructure.dynamo_repo.items import Item, key, texts
from orderkeep.infrastructure.dynamo_repo.keys import instant_key, moment_of, placed_key
from orderkeep.infrastructure.dynamo_repo.table import OrdersTable

LIST = "K"
KEY_SORT = "K"

_NEW = "attribute_not_exists(pk)"
_REVOKE = "SET revoked_at = if_not_exists(revoked_at, :at)"
_IS_THERE = "attribute_exists(pk)"
_NOTE_USE = "SET last_used_at = :at"
_IS_LATER = "attribute_exists(pk) AND (attribute_not_exists(last_used_at) OR last_used_at < :at)"


class DynamoApiKeys(ApiKeyStore):
    """The API keys of a table."""

    def __init__(self, table: OrdersTable) -> None:
        self._table = table

    async def add(self, key: ApiKey) -> bool:
        kept = {name: value for name, value in record_of(key, instant_key).items() if value is not None}
        listed = {"pk": {"S": LIST}, "sk": {"S": placed_key(key.created_at, key.id)}}
        try:
            await self._table.transact(
                [
                    ("Put", {"Item": item_key(key.id) | texts(kept), "ConditionExpression": _NEW}),
                    ("Put", {"Item": listed}),
                ]
            )
        except DynamoError as error:
            there = await self.get(key.id)  # it may be this one, whose answer was lost
            if there is None:
                raise translated(error) from error
            return there == key
        return True

    async def get(self, key_id: str) -> ApiKey | None:
        item = await self._table.get(item_key(key_id))
        return None if item is None else _key_of(item)

    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        where, values = "pk = :list", {"list": LIST}
        if after is not None:
            where += " AND sk < :after"
            values["after"] = placed_key(after.created_at, after.id)
        ids: list[str] = []
        async for page in self._table.query(where, values, largest_page=limit, ScanIndexForward=False):
            ids += [entry["sk"]["S"].partition("#")[2] for entry in page]
            if len(ids) >= limit:
                break
        found = await self._table.get_all(item_key(key_id) for key_id in ids[:limit])
        if len(found) < len(ids[:limit]):
            raise StoreUnusable(UNREADABLE_KEY)
        return [_key_of(found[_partition(key_id), KEY_SORT]) for key_id in ids[:limit]]

    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        item = await self._update(key_id, at, _REVOKE, _IS_THERE)
        return None if item is None else _key_of(item)

    async def note_use(self, key_id: str, at: datetime) -> None:
        await self._update(key_id, at, _NOTE_USE, _IS_LATER)

    async def _update(self, key_id: str, at: datetime, update: str, condition: str) -> Item | None:
        """Return the item as it is then; None where the condition does not hold. Sent twice, it does the same."""
        payload = {
            "Key": item_key(key_id),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": texts({":at": instant_key(at)}),
            "ReturnValues": "ALL_NEW",
        }
        try:
            answer = await self._table.ask("UpdateItem", payload)
        except DynamoError as error:
            if error.code != "ConditionalCheckFailedException":
                raise translated(error) from error
            return None
        item: Item = answer["Attributes"]
        return item


def item_key(key_id: str) -> Item:
    """Return the key of the item that keeps an API key."""
    return key(_partition(key_id), KEY_SORT)


def _partition(key_id: str) -> str:
    return f"K#{key_id}"


def _key_of(item: Item) -> ApiKey:
    return api_key_of({name: value.get("S") for name, value in item.items()}, moment_of)
