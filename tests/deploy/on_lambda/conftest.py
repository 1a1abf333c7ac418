"""A package for Lambda as it is built, and a container that runs it."""

import json
import platform
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, Scope
from orderkeep.bootstrap import bootstrap
from tests.conftest import not_here, shared_folder
from tests.deploy.on_lambda import template as lambda_template
from tests.deploy.on_lambda.container import Build, Invoke
from tests.servers import dynamodb as servers
from tests.servers import running
from tools.lambda_package import CannotBuild, Target, build, version_of

CONTAINER = Path(__file__).with_name("container.py")
HERE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
"""The architecture of this machine: the package of the other one can be looked at, and not be run."""


@pytest.fixture(scope="session")
def python_version() -> str:
    try:
        return version_of(sys.executable)
    except CannotBuild as error:
        not_here(str(error))


@pytest.fixture(scope="session")
def built(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, python_version: str) -> Build:
    """A package, built once for all processes of this test run."""
    root = shared_folder(pytestconfig, tmp_path_factory) / "lambda"
    root.mkdir(exist_ok=True)

    def the_one(architecture: str) -> Path:
        with running.alone(root / f"{architecture}.lock"):
            archive = root / f"orderkeep-lambda-{architecture}.zip"
            if not archive.with_suffix(".yaml").exists():
                build(Target(architecture, python_version), sys.executable, root)
            return archive

    return the_one


@pytest.fixture(scope="session")
def unpacked(built: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(built(HERE)) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
async def table(dynamodb: servers.Server) -> str:
    """The stack's table."""
    return await dynamodb.new_table()


@pytest.fixture
async def key(dynamodb: servers.Server, table: str) -> str:
    """An API key that is kept in the stack's table, of staff who may do all that a shop does."""
    use_cases = bootstrap(dynamodb.url_of(table))
    try:
        made = await use_cases.create_api_key.execute("tests", scopes=EVERY_SCOPE - {Scope.ADMIN})
    finally:
        await use_cases.close()
    return made.key


@pytest.fixture
def invoke(unpacked: Path, built: Build, dynamodb: servers.Server, table: str) -> Invoke:
    """Start a container with the environment that the template gives a function, and invoke it. A parameter may be
    another than where nobody says otherwise: `invoke("HttpFunction", events, HttpAuthorization="NONE")`.
    """
    template = lambda_template.read(built(HERE).with_suffix(".yaml").read_text(encoding="utf-8"))
    parts = {"AWS::Region": servers.REGION, "Orders": table, "Documents": "papers", "Events": "bus"}

    def started(function: str, events: list[Any], **said: str) -> dict[str, Any]:
        parameters = {name: value for name, value in said.items() if name in template["Parameters"]}
        environment = {name: value for name, value in said.items() if name not in parameters}
        names = lambda_template.defaults_of(template) | parts | parameters
        theirs = {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": servers.REGION,
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint,
        }
        handler = template["Resources"][function]["Properties"]["Handler"]
        ran = subprocess.run(
            [sys.executable, "-I", "-S", CONTAINER, unpacked, handler],
            env=theirs
            | {"AWS_LAMBDA_FUNCTION_NAME": function}
            | lambda_template.environment_of(template, function, names)
            | environment,
            input=json.dumps(events),
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(ran.stdout) if ran.returncode == 0 else {"died": ran.stderr}

    return started
