"""The status of each exception; internal errors are reported without details."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.exceptions import HTTPException

from orderkeep.application.errors import AuthenticationUnavailable, Contention, IdempotencyKeyReused, InvalidQuery
from orderkeep.bootstrap import bootstrap
from orderkeep.domain.exceptions import (
    ConcurrentUpdate,
    InvalidOrder,
    OrderkeepError,
    OrderNotFound,
    RecordedDifferently,
    StoreUnavailable,
    VersionMismatch,
)
from orderkeep.entrypoints.api.problems import PROBLEMS, problem_document, problem_of, status_of
from tests.domain.exception_classes import exception_classes
from tests.entrypoints.http_calls import http_client
from tests.entrypoints.log_reading import Logged

SECRET = "hunter2"

EXAMPLES: list[tuple[OrderkeepError, int]] = [
    (InvalidOrder("must not be", "tags/0"), 422),
    (InvalidQuery("must not be", "limit"), 422),
    (OrderNotFound("1"), 404),
    (VersionMismatch(3, 4), 412),
    (IdempotencyKeyReused(), 422),
    (Contention(12), 409),
    (ConcurrentUpdate("1"), 409),
    (StoreUnavailable("the disk of /var/lib is full"), 503),
]


async def answer_of_a_failing_store(error: Exception, path: str = "/orders/1/confirm") -> httpx.Response:
    async def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    class Failing:
        execute = staticmethod(fail)

    failing: Any = Failing()
    use_cases = replace(bootstrap("memory://"), confirm_order=failing, check_store=fail)
    async with http_client(use_cases) as client:
        return await client.request("GET" if path == "/readyz" else "POST", path)


@pytest.mark.parametrize("error, status", EXAMPLES, ids=lambda each: type(each).__name__)
async def test_each_error_has_its_status(error: OrderkeepError, status: int) -> None:
    assert status_of(type(error)) == status
    if not isinstance(error, InvalidQuery | ConcurrentUpdate | InvalidOrder):  # a command raises none of these
        assert (await answer_of_a_failing_store(error)).status_code == status


def test_only_outages_and_bugs_have_a_status_of_500_or_above() -> None:
    assert {kind.__name__: status_of(kind) for kind in exception_classes() if status_of(kind) >= 500} == {
        "OrderkeepError": 500,
        "ServiceUnavailable": 503,
        "AuthenticationUnavailable": 503,
        "Overloaded": 503,
        "RequestTimedOut": 503,
        "StoreMoved": 503,
        "StoreUnavailable": 503,
        "StoreUnusable": 503,
    }


def test_each_code_has_one_title() -> None:
    titles = {kind.code: kind.title for kind in exception_classes()}
    shared = {code: (titles[code], title) for code, (_, title, _) in PROBLEMS.items() if code in titles}
    assert {"invalid_query"} <= shared.keys()
    assert {code: pair for code, pair in shared.items() if pair[0] != pair[1]} == {}
    for status in (404, 405):
        problem = problem_of(HTTPException(status))
        assert problem.title == PROBLEMS[problem.code][1]


@pytest.mark.parametrize(
    "status, detail, code, title",
    [
        (400, "two values", "bad_request", "Bad request"),
        (404, "no such note", "not_found", "Not found"),
        (409, "changed", "conflict", "Conflict"),
        (451, "not here", "unavailable_for_legal_reasons", "Unavailable for legal reasons"),
        (599, "made up", "http_599", "Error"),
    ],
)
def test_framework_error_keeps_its_status_and_text(status: int, detail: str, code: str, title: str) -> None:
    problem = problem_of(HTTPException(status, detail, {"X-Note": "kept"}))
    assert (problem.status, problem.code, problem.title, problem.detail) == (status, code, title, detail)
    assert problem.headers == {"X-Note": "kept"}


async def test_unavailable_store_is_reported_as_503() -> None:
    changed = "and the change may or may not have been made: retry with the same Idempotency-Key"
    for path, detail in (("/orders/1/confirm", f"unavailable {changed}"), ("/readyz", "unavailable: retry")):
        answer = await answer_of_a_failing_store(StoreUnavailable(f"the disk of /{SECRET} is full"), path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["detail"] == f"the service is {detail}"
        assert SECRET not in answer.text


async def test_outage_of_the_identity_provider_is_not_reported_as_one_of_the_store() -> None:
    answer = await answer_of_a_failing_store(AuthenticationUnavailable(f"cannot fetch https://{SECRET}"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "credentials cannot be verified" in answer.json()["detail"]
    assert SECRET not in answer.text


async def test_contention_is_reported_as_409() -> None:
    answer = await answer_of_a_failing_store(Contention(12))
    assert (answer.status_code, answer.json()["code"]) == (409, "contention")


async def test_bug_is_logged_and_reported_without_details(logged: Logged) -> None:
    answer = await answer_of_a_failing_store(ZeroDivisionError(SECRET))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert SECRET not in answer.text
    line = logged.one("request failed")
    assert (line["request_id"], line["exceptions"][0]["type"]) == (answer.headers["x-request-id"], "ZeroDivisionError")
    assert SECRET not in logged.text


def test_problem_has_the_amounts_of_its_message_as_numbers() -> None:
    document = problem_document(problem_of(RecordedDifferently("payment", 9_900, 9_901, "EUR")), "request-1")
    amounts = {"record": "payment", "recorded": 9_900, "given": 9_901, "currency": "EUR"}
    assert document | amounts == document
