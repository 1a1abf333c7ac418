"""The service is what its document says, for everything that Schemathesis can ask: over every store, with all checks.

A part of it runs each time; `make conformance` asks as often as it was promised, which takes about half an hour.
"""

import os
from pathlib import Path

import pytest

from tests.conformance.asking import ask, serving
from tests.conftest import TOLD
from tests.planting import Bug, planted
from tests.servers import dynamodb

WHOLE = os.environ.get("ORDERKEEP_TEST_CONFORMANCE") == "whole"
SEED = int(os.environ.get("ORDERKEEP_TEST_SEED", "1"))
EXAMPLES = {"memory": 1_400, "others": 150} if WHOLE else {"memory": 8, "others": 2}
CASES = {"memory": 20_000, "others": 3_000} if WHOLE else {"memory": 800, "others": 600}
"""What is asked of each operation, and so of the service: fewer is a failure."""

OPERATIONS, ORDERS = "entrypoints/api/operations.py", "entrypoints/api/orders.py"
LIFECYCLE = "entrypoints/api/lifecycle.py"
BUGS = {
    ("GET /lifecycle", "Undocumented status code"): Bug(
        LIFECYCLE, "EncodedResponse(_LIFECYCLE)", "EncodedResponse(_LIFECYCLE, 202)"
    ),
    ("GET /livez", "Response violates schema"): Bug(
        OPERATIONS, """(b'{"status":"alive"}')""", """(b'{"state":"alive"}')"""
    ),
    ("GET /readyz", "Undocumented Content-Type"): Bug(
        OPERATIONS, """EncodedResponse(b'{"status":"ready"}')""", 'Response(b"ready", media_type="text/html")'
    ),
    ("GET /metrics", "Server error"): Bug(OPERATIONS, "metrics.exposition()", "metrics.exhibition()"),
    ("GET /orders", "Schema-violating request accepted"): Bug(
        ORDERS, "whole_number(1, LARGEST_PAGE)", "BeforeValidator(lambda _: 1)"
    ),
    ("GET /orders/{order_id}", "Custom check failed: `what_fits_the_document_is_not_refused_for_its_form`"): Bug(
        ORDERS, "whole_number(1, 10**18 - 1)", "whole_number(9, 10**18 - 1)"
    ),
}
"""Where it is planted, what Schemathesis calls it, and what it is."""


def check_against_openapi(store: str, url: str, folder: Path, request: pytest.FixtureRequest) -> None:
    size = "memory" if store == "memory" else "others"
    with serving(url, folder, asks_for_a_key=store != "memory") as service:
        report = ask(service, folder, EXAMPLES[size], seed=SEED)
    said = f"conformance: {report.cases:,} requests over {store} in {report.seconds:.0f} s, seed {SEED}"
    request.node.user_properties.append((TOLD, said))
    print(report.output)
    assert report.found == {}
    assert report.complete
    assert report.cases >= CASES[size]


def test_over_memory(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    check_against_openapi("memory", "memory://", tmp_path, request)


def test_over_sqlite(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    check_against_openapi("sqlite", f"sqlite:///{tmp_path}/orders.db", tmp_path, request)


def test_over_postgres(tmp_path: Path, request: pytest.FixtureRequest, postgres_url: str) -> None:
    check_against_openapi("postgres", postgres_url, tmp_path, request)


async def test_over_dynamodb(tmp_path: Path, request: pytest.FixtureRequest, dynamodb: dynamodb.Server) -> None:
    check_against_openapi("dynamodb", await dynamodb.new_url(), tmp_path, request)


def test_planted_bugs_are_found(tmp_path: Path) -> None:
    names = "list_orders|get_order|get_lifecycle|get_liveness|get_readiness|get_metrics"
    options = ["--include-operation-id-regex", f"^({names})$", "--phases", "examples,coverage,fuzzing"]
    with serving("memory://", tmp_path, planted(tmp_path, *BUGS.values())) as service:
        report = ask(service, tmp_path, 5, options)
    print(report.output)
    found = {(operation, title) for title, operations in report.found.items() for operation in operations}
    assert BUGS.keys() - found == set()


def test_finds_an_operation_without_authentication(tmp_path: Path) -> None:
    check = "actor = await self._use_cases().authenticate.execute(token_of(scope))"
    bug = Bug("entrypoints/api/authentication.py", check, "actor = LOCAL_ACTOR")
    options = ["--include-operation-id", "list_orders", "--phases", "examples,coverage,fuzzing"]
    with serving(f"sqlite:///{tmp_path}/orders.db", tmp_path, planted(tmp_path, bug), asks_for_a_key=True) as service:
        report = ask(service, tmp_path, 5, options)
    print(report.output)
    assert report.found.get("API accepts requests without authentication") == ["GET /orders"]
