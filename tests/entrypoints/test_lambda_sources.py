"""Events that are not HTTP: told apart before anything is done, and sent where they belong."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from orderkeep.entrypoints.lambda_sources import WrongHandler
from tests.entrypoints.lambda_containers import Context, container, see_scopes


@pytest.fixture
def lambda_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with container(monkeypatch, ORDERKEEP_STORE="memory://") as module:
        yield module


NOT_HTTP: dict[str, tuple[Any, str]] = {
    "stream": (
        {"Records": [{"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": {}}]},
        "it is for orderkeep.entrypoints.lambda_stream.handler",
    ),
    "direct": ({"use_case": "get_order", "input": {}}, "it is for orderkeep.entrypoints.lambda_direct.handler"),
    "schedule": (
        {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
        'the input {"use_case": ...}, and the handler orderkeep.entrypoints.lambda_direct.handler',
    ),
    "queue": ({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, "from aws:sqs"),
    "topic": ({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}, "from aws:sns"),
    "edge": ({"Records": [{"cf": {"request": {"uri": "/", "method": "GET"}}}]}, "from nobody that is known here"),
    "web-socket": ({"requestContext": {"connectionId": "a=", "eventType": "CONNECT"}}, "from nobody that is known"),
    "empty": ({}, "from nobody that is known here"),
    "nothing": (None, "from nobody that is known here"),
    "list": ([{"Records": []}], "from nobody that is known here"),
    "odd-records": ({"Records": "many"}, "from nobody that is known here"),
    "odd-context": ({"requestContext": "none", "httpMethod": "GET", "path": "/"}, "from nobody that is known here"),
}


@pytest.mark.parametrize("event, said", NOT_HTTP.values(), ids=NOT_HTTP.keys())
def test_what_is_not_http_is_told_apart_before_anything_is_done(
    lambda_handler: ModuleType, event: Any, said: str
) -> None:
    seen = see_scopes(lambda_handler)
    with pytest.raises(WrongHandler, match="is not for orderkeep") as raised:
        lambda_handler.handler(event, Context())
    assert said in str(raised.value)
    assert seen == []
