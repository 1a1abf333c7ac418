"""The functions that cold_start.py starts: each a folder of its own code, a stack beside it, a table of its own."""

import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from benchmarks.load.served import interpreter_of

CHECKOUT = Path(__file__).parents[2]
STACKS = CHECKOUT / ".venv" / "stacks"
REGION = "eu-central-1"
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
OURS, THEIRS, AGAINST = "orderkeep", "article", "against"
SPLIT_HANDLER = "lambda_split.handler"


@dataclass(frozen=True)
class Function:
    """What Lambda would be given."""

    name: str
    handler: str
    task: Path
    environment: dict[str, str]

    @contextmanager
    def started(self, api: str, log: Path, split: Path | None = None) -> "Iterator[subprocess.Popen[bytes]]":
        """Run it until the block ends, its output going to `log`. With `split` it notes there what its imports took.

        As on Lambda: its own code is where it starts, the interpreter has no packages but what lies on the path.
        """
        environment = self.environment | {"AWS_LAMBDA_RUNTIME_API": api}
        handler = self.handler
        if split is not None:
            environment |= {"HANDLER": self.handler, "SPLIT": str(split)}
            handler = SPLIT_HANDLER
        interpreter = getattr(sys, "_base_executable", sys.executable)
        command = [interpreter, "-S", "-m", "awslambdaric", handler]
        with (
            log.open("wb") as output,
            subprocess.Popen(
                command, cwd=self.task, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()


PACK = """
import platform, sys
from pathlib import Path
from tools import lambda_package
architecture = {machine: name for name, machine in lambda_package.PLATFORMS.items()}[platform.machine()]
target = lambda_package.Target(architecture, lambda_package.version_of(sys.executable))
print(lambda_package.build(target, sys.executable, Path(sys.argv[1])))
"""
"""Run in a checkout: pack its function as `make lambda` does, and print the path of the archive."""


def unpacked(checkout: Path, python: str, task: Path) -> Path:
    """Return the folder with a checkout's function as it is deployed."""
    task.mkdir()
    packed = task.with_name(f"{task.name}-archive")
    command = [python, "-c", PACK, str(packed)]
    done = subprocess.run(command, cwd=checkout, stdout=subprocess.PIPE, text=True, check=True)
    with ZipFile(done.stdout.splitlines()[-1]) as package:
        package.extractall(task)
    return task


def functions(folder: Path, endpoint: str, authorities: Path, against: Path | None) -> list[Function]:
    """Return this checkout's function as it is deployed, the article's, compiled, and that of another checkout, which
    uses the table of the first.
    """
    theirs = folder / THEIRS
    ours = [unpacked(CHECKOUT, sys.executable, folder / OURS)]
    if against is not None:
        ours.append(unpacked(against.resolve(), interpreter_of(against), folder / AGAINST))
    shutil.copytree(STACKS / THEIRS, theirs)
    shutil.copy(CHECKOUT / "benchmarks" / "peers" / "article_lambda.py", theirs)
    compileall.compile_file(theirs / "article_lambda.py", quiet=1)
    for task in (*ours, theirs):
        shutil.copy(Path(__file__).with_name("lambda_split.py"), task)
        compileall.compile_file(task / "lambda_split.py", quiet=1)
    where = {
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_CA_BUNDLE": str(authorities),
        "SSL_CERT_FILE": str(authorities),
    }
    # As in deploy/lambda/template.yaml; no document is requested.
    settings = {
        "ORDERKEEP_AUTH": "authorizer",
        "ORDERKEEP_IAM_SCOPES": "orders:read orders:write orders:cancel orders:ship",
        "ORDERKEEP_STORE": f"dynamodb://{OURS}",
        "ORDERKEEP_DOCUMENTS": "s3://documents?region=" + REGION,
    }
    return [
        *(_function(task, "orderkeep.entrypoints.lambda_handler.handler", where | settings) for task in ours),
        _function(theirs, "article_lambda.handler", where | {"ORDERS_TABLE": THEIRS}),
    ]


def _function(task: Path, handler: str, own: dict[str, str]) -> Function:
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": str(STACKS / "runtime-client"),
        "LAMBDA_TASK_ROOT": str(task),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
    return Function(task.name, handler, task, environment | KEYS | own)


def event(method: str, path: str) -> dict[str, Any]:
    """Return a request as API Gateway's HTTP API sends it (payload format 2.0), of a caller whom IAM let in."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "content-length": "0",
            "host": "r3pmxmplak.execute-api.eu-central-1.amazonaws.com",
            "user-agent": "curl/8.5.0",
            "x-amzn-trace-id": "Root=1-692234a0-4f1f1f0b2c3d4e5f60718293",
            "x-forwarded-for": "205.255.255.176",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "r3pmxmplak",
            "authorizer": {"iam": {"accountId": "123456789012", "userArn": "arn:aws:iam::123456789012:role/shop"}},
            "domainName": "r3pmxmplak.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "r3pmxmplak",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "205.255.255.176",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:10:00:00 +0000",
            "timeEpoch": 1_795_341_600_000,
        },
        "isBase64Encoded": False,
    }
