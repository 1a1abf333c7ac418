"""Imports on Lambda leave out what a cold start need not wait for, and nothing else. Each test has a new process."""

import json
import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
CALLS = (
    "from tests.entrypoints.lambda_calls import Request, http_api; "
    "from tests.entrypoints.lambda_containers import Context; "
)
IMPORTED = "import json, sys; from orderkeep.entrypoints import lambda_handler; "


def printed_by(code: str, **environment: str) -> Any:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ORDERKEEP_")}
    environment = clean | {"ORDERKEEP_STORE": "memory://", "ORDERKEEP_AUTH": "authorizer"} | environment
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_collects_garbage_after_the_start_but_not_in_modules() -> None:
    code = (
        IMPORTED + "import gc; print(json.dumps([gc.isenabled(), gc.get_freeze_count() > 10 * len(gc.get_objects())]))"
    )
    assert printed_by(code) == [True, True]


def test_collects_garbage_again_after_a_failed_start() -> None:
    code = (
        "import gc, json\n"
        "try:\n from orderkeep.entrypoints import lambda_handler\n"
        "except Exception as error: print(json.dumps([type(error).__name__, gc.isenabled()]))"
    )
    assert printed_by(code, ORDERKEEP_STORE="") == ["CannotStart", True]


def test_the_openapi_document_is_the_servers() -> None:
    asked = "http_api(Request(target='/openapi.json'))"
    documented = printed_by(IMPORTED + CALLS + f"print(lambda_handler.handler({asked}, Context())['body'])")
    plain = "import json; from orderkeep.config import Settings; from orderkeep.entrypoints.api.app import create_app; "
    there = printed_by(plain + "print(json.dumps(create_app(Settings()).openapi()))")
    assert documented == there | {"servers": documented["servers"]}  # which names the gateway's stage


def test_models_are_built_with_their_first_use() -> None:
    code = IMPORTED + (
        "from fastapi.openapi.models import OpenAPI; from pydantic import BaseModel; "
        "from orderkeep.entrypoints.schemas import PlaceOrderBody; "
        "print(json.dumps([OpenAPI.__pydantic_complete__, PlaceOrderBody.__pydantic_complete__, "
        "BaseModel.model_config]))"
    )
    assert printed_by(code) == [False, False, {}]


def test_routes_are_compiled_with_their_first_request() -> None:
    code = IMPORTED + (
        CALLS + "from orderkeep.entrypoints.api.app import ROUTES; "
        "compiled = lambda: [route.name for route in ROUTES if 'dependant' in vars(route)]; "
        "before = compiled(); lambda_handler.handler(http_api(Request(target='/lifecycle')), Context()); "
        "print(json.dumps([before, compiled()]))"
    )
    assert printed_by(code) == [[], ["get_lifecycle"]]


def test_a_server_compiles_all_routes_at_start_up() -> None:
    code = (
        "import asyncio, json\n"
        "from orderkeep.config import Settings\n"
        "from orderkeep.entrypoints.api.app import ROUTES, create_app\n"
        "async def start(app):\n"
        "    async with app.router.lifespan_context(app):\n"
        "        return ['dependant' in vars(route) for route in ROUTES]\n"
        "print(json.dumps(list(set(asyncio.run(start(create_app(Settings())))))))"
    )
    assert printed_by(code) == [True]


def test_a_cold_start_imports_only_these_packages() -> None:
    code = IMPORTED + "print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    store = {"ORDERKEEP_STORE": "dynamodb://orders?endpoint=http://127.0.0.1:1", "AWS_LAMBDA_FUNCTION_NAME": "orders"}
    found = packages_distributions().keys() & printed_by(code, **store)
    assert found - {"_distutils_hack"} == {  # which setuptools adds to every interpreter
        *("aiodynamo", "annotated_doc", "annotated_types", "anyio", "dotenv", "fastapi", "mangum", "msgspec"),
        *("opentelemetry", "pydantic", "pydantic_core", "pydantic_settings", "starlette"),
        *("typing_extensions", "typing_inspection", "urllib3"),
    }
