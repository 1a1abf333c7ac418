"""A leak that is planted in any of the channels is found: what looks for canaries can find one."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import pytest
from starlette.responses import Response

from orderkeep.bootstrap import bootstrap, build_use_cases
from orderkeep.bootstrap.stores import open_store
from orderkeep.entrypoints import field_errors, logs
from orderkeep.entrypoints.api import app, problems, responses, shell
from tests.entrypoints.lambda_calls import Request
from tests.leaks.canaries import VALUE
from tests.leaks.listening import Leak, hold, listening
from tests.leaks.test_canaries_over_http import BREAKS, ask_all, asking, breaking

log = logging.getLogger("orderkeep.http")


def in_the_route(patch: pytest.MonkeyPatch) -> None:
    fields = shell.log_fields
    patch.setitem(logs.FIELDS, "route", logs.Field(r".*", ""))
    patch.setattr(shell, "log_fields", lambda scope, method: {**fields(scope, method), "route": scope["path"]})


def in_the_labels_of_metrics(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(shell, "_route_of", lambda scope: scope["path"])


def in_headers(patch: pytest.MonkeyPatch) -> None:
    respond = shell.RequestShell.respond

    async def leak(self: Any, scope: Any, receive: Any, send: Any) -> None:
        given = dict(scope["headers"]).get(b"authorization", b"")
        send._headers.append((b"x-user", given))
        await respond(self, scope, receive, send)

    patch.setattr(shell.RequestShell, "respond", leak)


def in_a_request_id(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(shell, "_REQUEST_ID", re.compile(rb".*"))


def in_a_problem_document(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        field_errors.InvalidFields,
        "of",
        classmethod(lambda cls, error, model: cls((field_errors.FieldError("invalid_value", str(error), ""),))),
    )


def in_the_detail_of_a_problem(patch: pytest.MonkeyPatch) -> None:
    async def leak(request: Any, error: Any) -> Response:
        problem = problems.HttpProblem("not_found", f"nothing at {request.url}")
        return problems.problem_response(problem, request.scope["orderkeep.request_id"])

    patch.setattr(app, "_respond_with_problem", leak)


def in_print(patch: pytest.MonkeyPatch) -> None:
    made = responses.EncodedResponse.__init__

    def leak(self: Any, body: bytes, *args: Any, **options: Any) -> None:
        print(body, file=sys.stderr)
        made(self, body, *args, **options)

    patch.setattr(responses.EncodedResponse, "__init__", leak)


CHANNELS = {
    in_the_route: "the log",
    in_the_labels_of_metrics: "the metrics",
    in_headers: "header x-user",
    in_a_request_id: "header x-request-id",
    in_a_problem_document: "the problem document",
    in_the_detail_of_a_problem: "the problem document",
    in_print: "what was printed",
}


async def ask_everything(capfd: pytest.CaptureFixture[str]) -> None:
    with listening():
        async with asking(bootstrap("memory://")) as ask:
            await ask_all(ask)
        hold("what was printed", "".join(capfd.readouterr()))


@pytest.mark.parametrize("plant, where", CHANNELS.items(), ids=[plant.__name__ for plant in CHANNELS])
async def test_a_leak_is_found(
    plant: Any, where: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch)
    with pytest.raises(Leak, match=where):
        await ask_everything(capfd)


async def test_what_an_exception_says_is_found_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "described", lambda error: [{"type": str(error), "frames": []}])
    async with asking(build_use_cases(breaking(open_store("memory://"), BREAKS["a key error"]))) as ask:
        with pytest.raises(Leak, match="the log"), listening():
            await ask(Request("GET", "/orders/o-1"))


@pytest.mark.parametrize("text", [VALUE, VALUE.upper(), f"%22{VALUE}%22"])
def test_a_canary_in_a_reason_is_found(text: str) -> None:
    with pytest.raises(Leak, match="the log"), listening():
        log.error("it happened", extra={"reason": text})


def test_a_control_character_in_the_log_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "visible", lambda text: text)
    with pytest.raises(Leak, match="control characters"), listening():
        log.error("it happened", extra={"reason": "\x1b[31m"})


def test_what_is_listed_is_no_leak() -> None:
    with listening():
        log.error("of %s", VALUE, extra={"reason": "the disk is full", "user_id": VALUE})
