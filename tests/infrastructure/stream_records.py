"""Records of the table's stream as Lambda passes them, and a reader of DynamoDB Local's stream."""

import json
from typing import Any

import aiohttp

from orderkeep.domain.entities import Order
from orderkeep.infrastructure.dynamo_repo.saves import actions_of
from orderkeep.infrastructure.serialization import commit_of
from tests.servers.dynamodb import REGION

Json = dict[str, Any]

ARN = f"arn:aws:dynamodb:{REGION}:111122223333:table/orders/stream/2026-11-22T10:00:00.000"


def record(item: Json, number: int, name: str = "INSERT") -> Json:
    """Return a record as it is in the event of an invocation; `number` makes its sequence number."""
    keys = {"pk": item["pk"], "sk": item["sk"]}
    data = {"Keys": keys, "NewImage": item, "SequenceNumber": sequence_number(number), "StreamViewType": "NEW_IMAGE"}
    if name == "REMOVE":
        del data["NewImage"]
    return {
        "eventID": f"{number:032x}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": data | {"ApproximateCreationDateTime": 1795341600.0, "SizeBytes": 1_733 + number},
        "eventSourceARN": ARN,
    }


def sequence_number(number: int) -> str:
    return f"8{number:020}"


def items_of_save(order: Order) -> list[Json]:
    """Return the items that saving a new order writes: its head, its tags, its change."""
    actions = actions_of(commit_of(order), "token-1", "000000000000000017", 2)
    return [action["Item"] for _, action in actions]


class StreamReader:
    """Reads a table's stream from its beginning, as the Lambda service does, in events of at most so many records."""

    def __init__(self, endpoint: str, session: aiohttp.ClientSession, arn: str) -> None:
        self._endpoint, self._session, self._arn = endpoint, session, arn

    async def events(self, records_each: int) -> list[Json]:
        records: list[Json] = []
        said = await self._ask("DescribeStream", {"StreamArn": self._arn})
        for shard in said["StreamDescription"]["Shards"]:
            records += await self._records_of(shard["ShardId"])
        batches = [records[start : start + records_each] for start in range(0, len(records), records_each)]
        return [{"Records": [each | {"eventSourceARN": self._arn} for each in batch]} for batch in batches]

    async def _records_of(self, shard: str) -> list[Json]:
        asked = {"StreamArn": self._arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = (await self._ask("GetShardIterator", asked))["ShardIterator"]
        found: list[Json] = []
        while iterator:
            said = await self._ask("GetRecords", {"ShardIterator": iterator})
            if not said["Records"]:
                break
            found += said["Records"]
            iterator = said.get("NextShardIterator")
        return found

    async def _ask(self, operation: str, payload: Json) -> Json:
        credential = f"local/20261122/{REGION}/dynamodb/aws4_request"
        headers = {
            "X-Amz-Target": f"DynamoDBStreams_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
        }
        async with self._session.post(self._endpoint, data=json.dumps(payload), headers=headers) as response:
            body = json.loads(await response.read())
            assert response.status == 200, body
            found: Json = body
            return found
