"""The tables of the page on DynamoDB: its items, its indexes, and what the store must be allowed to do."""

from orderkeep.infrastructure.dynamo_repo.items import INDEXES

Rows = list[tuple[str, ...]]

OPERATIONS = {
    "GetItem": ("dynamodb:GetItem", "read an order, a change, an API key, the table's settings"),
    "BatchGetItem": ("dynamodb:BatchGetItem", "read the orders or API keys of a page, and the changes of the feed"),
    "Query": ("dynamodb:Query", "read lists, histories and the feed; on the indexes too"),
    "Put": ("dynamodb:PutItem", "write a new order, change or API key, within a transaction"),
    "Update": (
        "dynamodb:UpdateItem",
        "write an order's new state, or a feed position, within a transaction; revoke an API key, note its last use",
    ),
}
"""What the service asks for, and the action that allows it: a transaction is allowed by those of its items."""

SETUP_ACTIONS = {
    "CreateTable": "create the table",
    "DescribeTable": "see whether it is there, and as it should be",
    "GetItem": "read the settings",
    "PutItem": "write the settings, once",
    "DescribeContinuousBackups": "see whether it can be restored to any second",
    "UpdateContinuousBackups": "`--pitr`",
    "UpdateTable": "`--deletion-protection` and `--stream` on a table that is there",
}

USED_BY = {
    "by_time": "all orders",
    "by_status": "orders of a status",
    "by_user": "orders of a user",
    "by_user_status": "orders of a user in a status",
    "by_label": "orders with a tag, or with a number of your own",
    "by_user_label": "the same, of a user",
    "by_inbox": "changes that have no position in the feed yet",
}


def indexes() -> Rows:
    assert USED_BY.keys() == INDEXES.keys(), "each index needs its words here, and no other"
    rows = [(f"`{name}`", f"`{keys[0]}`, `{keys[1]}`", USED_BY[name]) for name, keys in INDEXES.items()]
    return [("index", "keys", "holds"), *rows]


def actions() -> Rows:
    return [("action", "to"), *((f"`{action}`", why) for action, why in OPERATIONS.values())]


def setup_actions() -> Rows:
    return [("action", "to"), *((f"`dynamodb:{name}`", why) for name, why in SETUP_ACTIONS.items())]
