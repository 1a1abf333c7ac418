"""Bytes are sent to a server as it is run; each table of `raw_requests` says what must come back."""

import re
from collections.abc import Iterator

import httpx
import pytest

from orderkeep.entrypoints.api.http1.request_head import UNKNOWN_ERROR
from orderkeep.entrypoints.api.shell import SECURITY_HEADERS
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.entrypoints.credentials import guarded_client, staff, use_cases_with_keys
from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.raw_requests import CASES, FORGED, MALFORMED, Case, get
from tests.entrypoints.served import Answer, connected, next_answer, serving

PARSERS_WORDS = re.compile("Expected|Invalid|Unexpected|Missing|Duplicate|Empty|overflow|can't|Pause|RTSP")
ANOTHER = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(store="memory://", console="off") as (client, process):
        yield client
        assert client.get("/livez").status_code == 200
        process.terminate()
        said = process.communicate(timeout=30)[1]
    assert "Traceback" not in said
    assert FORGED.decode() not in said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_raw_request_gets_the_documented_response(client: httpx.Client, case: Case) -> None:
    with connected(client) as connection, connection.makefile("rb") as stream:
        connection.sendall(case.sent)
        answers = [next_answer(stream) for _ in case.statuses]
        assert tuple(answer and answer.status for answer in answers) == case.statuses
        last = answers[-1]
        assert last
        hold_to_the_form(last, case)
        if case.goes_on:
            connection.sendall(ANOTHER)
            another = next_answer(stream)
            assert another
            assert another.status == 200
        else:
            assert next_answer(stream) is None


def hold_to_the_form(answer: Answer, case: Case) -> None:
    """Fail where an answer does not say what it is, or says what it was told of us."""
    said = repr(answer).encode()
    assert FORGED not in said
    assert "date" in answer.headers
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name.lower()] == value
    assert answer.headers.get("connection") == (None if case.goes_on else "close")
    if case.code is None:
        return
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert (problem["code"], problem["status"]) == (case.code, answer.status)
    assert problem["type"] == f"urn:orderkeep:problem:{case.code}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]
    assert not PARSERS_WORDS.search(problem["detail"])
    assert not problem["detail"].endswith(UNKNOWN_ERROR)


@pytest.mark.parametrize(
    "target, hint",
    [
        ("/orders?q=Müller", "percent-encode all other characters, such as with curl -G --data-urlencode"),
        ("/orders/Müller", "percent-encode all other characters, such as with curl -G --data-urlencode"),
        ("/orders/a b", "a space in the target is %20"),
        ("/orders?q=a b", "a space in the target is %20"),
    ],
)
def test_target_that_is_not_encoded_is_rejected_with_what_to_do(client: httpx.Client, target: str, hint: str) -> None:
    case = get("", target.encode(), 400, MALFORMED)
    detail = ask(client, case).json["detail"]
    assert detail.startswith("this is not valid HTTP/1.1: the ")
    assert detail.endswith(hint)


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


LIMITS = {"target_too_long": "8192 bytes", "head_too_large": "100 headers, of 16384 bytes"}


@pytest.mark.parametrize("code", LIMITS)
def test_a_rejection_says_the_limit(client: httpx.Client, code: str) -> None:
    assert LIMITS[code] in ask(client, next(case for case in CASES if case.code == code)).json["detail"]


def test_says_what_there_is_where_connect_is_not(client: httpx.Client) -> None:
    answer = ask(client, next(case for case in CASES if case.name == "CONNECT"))
    assert answer.headers["allow"] == "GET, POST, DELETE, HEAD"


def ask(client: httpx.Client, case: Case) -> Answer:
    with connected(client) as connection, connection.makefile("rb") as stream:
        connection.sendall(case.sent)
        answer = next_answer(stream)
    assert answer
    return answer


async def test_links_in_responses_do_not_come_from_the_request() -> None:
    """The service is reachable by others: one in local mode responds 421 to a forged name."""
    name = FORGED.decode()
    forged = {"Host": name, "X-Forwarded-Host": name, "Forwarded": f"host={name}"}
    use_cases = use_cases_with_keys(InMemoryOrderRepository())
    async with guarded_client(use_cases) as client:
        client.headers = httpx.Headers(await staff(use_cases, "admin") | forged)
        placed = await client.post("/orders", json=PLAIN)
        await client.post("/orders", json=PLAIN)
        receipt = await client.post(f"{placed.headers['location']}/documents/receipt")
        page = await client.get("/orders?limit=1")
        assert "link" in page.headers
        for answer in (placed, receipt, page, await client.get("/openapi.json"), await client.get("/docs")):
            assert answer.is_success
            assert FORGED not in answer.content
            assert name not in str(answer.headers)
