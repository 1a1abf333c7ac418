"""The tables of the DynamoDB reference: indexes and permissions."""

from orderkeep.infrastructure.dynamo_repo.items import INDEXES

Rows = list[tuple[str, ...]]

OPERATIONS = {
    "GetItem": ("dynamodb:GetItem", "read an order, a change, an API key, records, the table's settings"),
    "BatchGetItem": ("dynamodb:BatchGetItem", "read the orders or API keys of a page, and the changes of the feed"),
    "Query": ("dynamodb:Query", "read lists, histories and the feed; also on the indexes"),
    "Put": (
        "dynamodb:PutItem",
        "write a new order, change, API key or record, within a transaction; a checkpoint; test whether it may write",
    ),
    "Delete": ("dynamodb:DeleteItem", "delete a record, within a transaction"),
    "Update": (
        "dynamodb:UpdateItem",
        "write an order's new state or a feed position, revoke an API key, record its last use, within a transaction",
    ),
    "ConditionCheck": (
        "dynamodb:ConditionCheckItem",
        "check that the orders were not moved to another store, in each transaction but those of the feed",
    ),
}
"""The operations of the service, and the action that permits each: a transaction needs those of its items."""

SETUP_ACTIONS = {
    "CreateTable": "create the table",
    "DescribeTable": "check that it exists, with the right keys and indexes",
    "GetItem": "read the settings",
    "PutItem": "write the settings, once",
    "DescribeContinuousBackups": "check whether point-in-time recovery is on",
    "UpdateContinuousBackups": "`--pitr`",
    "UpdateTable": "`--deletion-protection` and `--stream` on an existing table",
}

USED_BY = {
    "by_time": "all orders",
    "by_status": "orders of a status",
    "by_user": "orders of a user",
    "by_user_status": "orders of a user in a status",
    "by_label": "orders with a tag, or with an `external_ref`",
    "by_user_label": "orders of a user with a tag, or with an `external_ref`",
    "by_inbox": "changes without a position in the feed",
}


def indexes() -> Rows:
    assert USED_BY.keys() == INDEXES.keys(), "describe each index in USED_BY, and no other"
    rows = [(f"`{name}`", f"`{keys[0]}`, `{keys[1]}`", USED_BY[name]) for name, keys in INDEXES.items()]
    return [("index", "keys", "contains"), *rows]


def actions() -> Rows:
    return [("action", "used to"), *((f"`{action}`", why) for action, why in OPERATIONS.values())]


def setup_actions() -> Rows:
    return [("action", "used to"), *((f"`dynamodb:{name}`", why) for name, why in SETUP_ACTIONS.items())]
