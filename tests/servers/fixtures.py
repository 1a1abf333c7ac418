"""The stores with a server, as fixtures: each server is started once per run, whichever worker needs it first."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ASKED, left_out, shared_folder
from tests.servers import dynamodb, moto, postgres, running, s3
from tests.servers.schemas import a_schema_of_its_own


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a PostgreSQL server: the one that ORDERKEEP_TEST_POSTGRES names, or one of the run's own."""
    if "postgres" not in ASKED:
        pytest.skip(left_out("postgres"))
    if url := os.environ.get("ORDERKEEP_TEST_POSTGRES"):
        return url
    root = shared_folder(pytestconfig, tmp_path_factory)
    try:
        return running.shared(root, "postgres", lambda: postgres.start_shared(root)).url
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        pytest.fail(f"PostgreSQL cannot be had: {error}; leave it out with ORDERKEEP_TEST_STORES", pytrace=False)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a PostgreSQL store that is empty: a schema of the test's own."""
    with a_schema_of_its_own(postgres_server) as url:
        yield url


@pytest.fixture(scope="session", name="dynamodb")
def dynamodb_server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> dynamodb.Server:
    """Amazon's DynamoDB Local, or the endpoint that ORDERKEEP_TEST_DYNAMODB names."""
    if "dynamodb" not in ASKED:
        pytest.skip(left_out("dynamodb"))
    if endpoint := os.environ.get("ORDERKEEP_TEST_DYNAMODB"):
        return dynamodb.Server(endpoint)
    root = shared_folder(pytestconfig, tmp_path_factory)
    try:
        return dynamodb.Server(running.shared(root, "dynamodb", lambda: dynamodb.start_shared(root)).url)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        pytest.fail(f"DynamoDB cannot be had: {error}; leave it out with ORDERKEEP_TEST_STORES", pytrace=False)


@pytest.fixture(params=["memory", "sqlite", "postgres", "dynamodb"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, each of the four in turn."""
    if request.param == "memory":
        return "memory://"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/orders.db"
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    server: dynamodb.Server = request.getfixturevalue("dynamodb")
    return asyncio.run(server.new_url())


@pytest.fixture(scope="session")
def aws(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The endpoint of moto's server, which stands for AWS's other services."""
    root = shared_folder(pytestconfig, tmp_path_factory)
    try:
        return running.shared(root, "moto", lambda: moto.start_shared(root)).url
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        pytest.fail(f"moto's server cannot be had: {error}", pytrace=False)


@pytest.fixture(scope="session")
def s3_server(request: pytest.FixtureRequest) -> s3.Server:
    """S3 as moto plays it, or the endpoint that ORDERKEEP_TEST_S3 names."""
    if "s3" not in ASKED:
        pytest.skip(left_out("s3"))
    return s3.Server(os.environ.get("ORDERKEEP_TEST_S3") or request.getfixturevalue("aws"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the servers that this run started; the last process to end is the one that started the others."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None and not hasattr(session.config, "workerinput"):
        running.stop_all(factory.getbasetemp())
