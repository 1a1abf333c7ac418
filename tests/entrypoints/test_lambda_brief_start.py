"""A start on Lambda leaves out what nobody waits for, and nothing else: seen in processes that did nothing before."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
CALLS = (
    "from tests.entrypoints.lambda_calls import Request, http_api; "
    "from tests.entrypoints.lambda_containers import Context; "
)
IMPORTED = "import json, os, sys; from orderkeep.entrypoints import lambda_handler; "


def said_by(code: str, **environment: str) -> Any:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ORDERKEEP_")}
    environment = clean | {"ORDERKEEP_STORE": "memory://", "ORDERKEEP_AUTH": "authorizer"} | environment
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_collects_garbage_again_once_it_has_started_and_looks_at_no_module() -> None:
    code = (
        IMPORTED + "import gc; print(json.dumps([gc.isenabled(), gc.get_freeze_count() > 10 * len(gc.get_objects())]))"
    )
    assert said_by(code) == [True, True]


def test_collects_garbage_again_where_it_cannot_start() -> None:
    code = (
        "import gc, json; from orderkeep.entrypoints.lambda_start import brief\n"
        "try:\n with brief(): was = gc.isenabled(); raise LookupError\n"
        "except LookupError: print(json.dumps([was, gc.isenabled()]))"
    )
    assert said_by(code) == [False, True]


def test_looks_for_no_plugins_of_pydantic_unless_it_is_told_to() -> None:
    code = IMPORTED + "print(json.dumps(os.environ['PYDANTIC_DISABLE_PLUGINS']))"
    assert said_by(code) == "__all__"
    assert said_by(code, PYDANTIC_DISABLE_PLUGINS="slow-plugin") == "slow-plugin"


def test_documents_what_the_server_documents_though_no_model_was_built() -> None:
    asked = "http_api(Request(target='/openapi.json'))"
    documented = said_by(IMPORTED + CALLS + f"print(lambda_handler.handler({asked}, Context())['body'])")
    plain = "import json; from orderkeep.config import Settings; from orderkeep.entrypoints.api.app import create_app; "
    there = said_by(plain + "print(json.dumps(create_app(Settings()).openapi()))")
    assert documented == there | {"servers": documented["servers"]}  # which names the gateway's stage


def test_builds_no_model_before_one_is_used_and_builds_all_as_ever_afterwards() -> None:
    code = IMPORTED + (
        "from fastapi.openapi.models import OpenAPI; from pydantic import BaseModel, create_model; "
        "made = create_model('Made', number=(int, 7)); "
        "print(json.dumps([OpenAPI.__pydantic_complete__, made.__pydantic_complete__, BaseModel.model_config]))"
    )
    assert said_by(code) == [False, True, {}]
