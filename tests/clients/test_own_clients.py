"""Our own clients use the service, repeat requests only if that is safe, verify webhooks, and match the document."""

import base64
import copy
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.clients.building import built_clients, command_of, install_typescript
from tests.conformance.asking import Service, serving
from tests.conftest import CHECKOUT
from tests.docs.test_reference import ERRORS
from tests.servers.tcp_proxy import tcp_proxy
from tools import clients

PROGRAMS = {language: Path(__file__).with_name("programs") / name for language, name in (
    ("python", "own_python.py"), ("typescript", "own_typescript.ts"),
)}  # fmt: skip
EXAMPLES = CHECKOUT / "docs" / "examples"
both_languages = pytest.mark.parametrize("language", PROGRAMS)

EXPECTED = {
    "placed": ["pending", 9900, "web", True, 1],
    "listed": [5, 5, [2, 2, 1]],
    "cancelled": ["cancelled", 3],
    "stale": [412, "version_mismatch", None],
    "conflict": [409, "recorded_differently", "/amount"],
    "again": [422, "cannot_cancel_order", None],
    "group": [422, "cannot_cancel_order", None],
    "invalid": [422, "invalid_fields", "/currency"],
    "not_modified": [],
    "events": ["OrderPlaced", "PaymentRecorded", "OrderCancelled", "ObligationsChanged", "DocumentAttached"],
    "followed": True,
    "receipt": "<!DOCTYPE html>",
    "listed_by_asyncio": 5,
}
"""What the programs print after `use`."""

REPEATED = {
    "0-lost": (True, True, False),
    "408-request_too_slow": (True, True, True),
    "409-contention": (True, True, True),
    "409-recorded_differently": (False, False, False),
    "429-too_many_requests": (True, True, True),
    "429-http_429": (True, True, True),
    "500-internal_error": (False, False, False),
    "502-http_502": (True, True, False),
    "503-draining": (True, True, True),
    "503-overloaded": (True, True, True),
    "503-overloaded-86400": (False, False, False),
    "503-store_moved": (True, True, True),
    "503-store_unavailable": (True, True, False),
    "503-store_unusable": (False, False, False),
    "unreachable": (True, True, True),
}
"""Whether a read, a write with an idempotency key and a write without are repeated after this response, a lost one, or
no connection. The third part of a name is `Retry-After`: a day is longer than a request waits.
"""


@pytest.fixture(scope="module")
def built(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_clients(pytestconfig, tmp_path_factory)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with serving(f"sqlite:///{folder}/orders.db", folder, asks_for_a_key=True) as service:
        yield service


def run(command: list[str], *arguments: str, given: str = "") -> Any:
    ran = subprocess.run([*command, *arguments], input=given, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


@both_languages
def test_client_uses_the_service(language: str, built: Path, service: Service, tmp_path: Path) -> None:
    command = command_of(language, built, tmp_path, PROGRAMS[language])
    assert run(command, "use", service.url, service.key) == EXPECTED


@both_languages
def test_lost_response_places_no_second_order(language: str, built: Path, service: Service, tmp_path: Path) -> None:
    command = command_of(language, built, tmp_path, PROGRAMS[language])
    reference = f"lost-{language}"
    with tcp_proxy(service.url) as proxy:
        proxy.cut = 1
        placed = run(command, "place", proxy.url, service.key, reference)
        assert (proxy.cut, proxy.opened) == (0, 2)
    headers = {"Authorization": f"Bearer {service.key}"}
    found = httpx.get(f"{service.url}/orders", params={"external_ref": reference}, headers=headers, timeout=60).json()
    assert [order["id"] for order in found["data"]] == [placed]


@both_languages
def test_request_is_repeated_only_if_that_is_safe(language: str, built: Path, tmp_path: Path) -> None:
    command = command_of(language, built, tmp_path, PROGRAMS[language])
    with Failing() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            found = run(command, "repeat", f"http://127.0.0.1:{server.server_address[1]}", *REPEATED)
        finally:
            server.shutdown()
            thread.join()
    assert {case: tuple(succeeded) for case, succeeded in found.items()} == REPEATED
    for (path, method), keys in server.keys.items():
        assert len({*keys}) == 1, path  # the same key each time
        assert (keys[0] is None) != path.endswith("/orders"), method


class Failing(ThreadingHTTPServer):
    """Responds to the first request for each path as the path says, and to the next one with success."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FailingHandler)
        self.keys = dict[tuple[str, str], list[str | None]]()
        self.results = {
            "lifecycle": example_of("get", "/lifecycle", "200"),
            "orders": example_of("post", "/orders", "201"),
            "erasures": example_of("post", "/erasures", "200"),
        }


def example_of(method: str, path: str, status: str) -> object:
    response = clients.document()["paths"][path][method]["responses"][status]
    [example] = response["content"]["application/json"]["examples"].values()
    return example["value"]


class FailingHandler(BaseHTTPRequestHandler):
    server: Failing

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        keys = self.server.keys.setdefault((path, self.command), [])
        keys.append(self.headers["Idempotency-Key"])
        _, case, path = path.split("/")
        status, _, code = case.partition("-")
        if len(keys) > 1 or case == "unreachable":
            self._respond(200, "application/json", self.server.results[path])
        elif status != "0":
            code, _, retry_after = code.partition("-")
            problem = {
                "type": "urn:x",
                "title": "",
                "status": int(status),
                "detail": "",
                "code": code,
                "request_id": "",
            }
            media_type = "text/html" if code.startswith("http_") else "application/problem+json"
            self._respond(int(status), media_type, problem, retry_after or "0")

    def do_POST(self) -> None:
        self.do_GET()

    def _respond(self, status: int, media_type: str, body: object, retry_after: str = "0") -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": media_type,
            "Content-Length": len(content),
            "Retry-After": retry_after,
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@both_languages
def test_webhook_is_verified_as_the_library_signs_it(language: str, built: Path, tmp_path: Path) -> None:
    command = command_of(language, built, tmp_path, PROGRAMS[language])
    secret, old = (f"whsec_{base64.b64encode(os.urandom(32)).decode()}" for _ in range(2))
    now, body = datetime.now(UTC), json.dumps({"id": "order-1.1.1", "subject": "ü"}, ensure_ascii=False)

    def headers(minutes: float = 0, *secrets: str) -> dict[str, str]:
        at = now + timedelta(minutes=minutes)
        signatures = [Webhook(each).sign("order-1.1.1", at, body) for each in secrets or (secret,)]
        return {
            "Webhook-Id": "order-1.1.1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    cases = {
        "signed": (headers(), body),
        "signed four minutes ago": (headers(-4), body),
        "signed with two secrets": (headers(0, old, secret), body),
        "signed long ago": (headers(-6), body),
        "signed in the future": (headers(6), body),
        "signed with another secret": (headers(0, old), body),
        "with another body": (headers(), body.replace("ü", "u")),
        "with another ID": ({**headers(), "Webhook-Id": "order-1.2.1"}, body),
        "with another time": ({**headers(), "webhook-timestamp": str(int(now.timestamp()) + 1)}, body),
        "without signature": ({**headers(), "webhook-signature": ""}, body),
        "without headers": ({}, body),
    }
    given = [{"secret": secret, "headers": sent, "body": content} for sent, content in cases.values()]
    found = dict(zip(cases, run(command, "verify", given=json.dumps(given)), strict=True))
    valid = {"signed", "signed four minutes ago", "signed with two secrets"}
    assert found == {case: "order-1.1.1" if case in valid else None for case in cases}


@both_languages
def test_programs_are_typed(language: str, built: Path, tmp_path: Path) -> None:
    for program in (PROGRAMS[language], EXAMPLES / f"{language}_client{PROGRAMS[language].suffix}"):
        checked = type_check(language, built, tmp_path, program)
        assert checked.returncode == 0, checked.stdout
    if language == "python":
        package = [str(built / "python" / "src" / "orderkeep_client")]
        checked = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", *package], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout


@both_languages
def test_finds_a_renamed_field(language: str, tmp_path: Path) -> None:
    planted = copy.deepcopy(clients.document())
    order = planted["components"]["schemas"]["Order"]
    order["properties"]["state"] = order["properties"].pop("status")
    order["required"][order["required"].index("status")] = "state"
    if language == "python":
        clients.python_client(planted, tmp_path)
    else:
        clients.typescript_client(planted, tmp_path)
    checked = type_check(language, tmp_path, tmp_path, PROGRAMS[language])
    expected = {"python": '"Order" has no attribute "status"', "typescript": "Property 'status' does not exist"}
    assert expected[language] in checked.stdout


def type_check(language: str, built: Path, folder: Path, program: Path) -> subprocess.CompletedProcess[str]:
    if language == "python":
        command = [
            "env",
            f"MYPYPATH={built / 'python' / 'src'}",
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            str(program),
        ]
        command += ["--config-file", os.devnull, "--cache-dir", str(folder / ".mypy_cache")]
    else:
        install_typescript(built, folder)
        copy = folder / program.name
        copy.write_bytes(program.read_bytes())
        options = "--noEmit --skipLibCheck --strict --noUncheckedIndexedAccess --erasableSyntaxOnly --module nodenext"
        libraries = ["--target", "es2022", "--lib", "es2022,dom,dom.iterable", "--types", "node"]
        command = clients.npm("tsc", *options.split(), *libraries, str(copy))
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_every_error_code_has_a_class() -> None:
    codes = {each.code: each for each in clients.error_codes()}
    documented = [line.split("|") for line in ERRORS.splitlines() if line.startswith("| [`")]
    assert len(documented) > 90
    for _, link, status, _, title, _ in documented:
        code = link.partition("`")[2].partition("`")[0]
        if status.strip():
            assert (codes[code].status, codes[code].title) == (int(status), title.strip())


def test_groups_of_errors_precede_their_members() -> None:
    seen = set[str | None]({None})
    for each in clients.error_codes():
        assert each.group in seen
        seen.add(each.code)
    assert "command_rejected" in {each.group for each in clients.error_codes()}


def test_packages_contain_client_and_licence(built: Path, tmp_path: Path) -> None:
    found = {path.name: names for path, names in clients.pack(built, tmp_path).items()}
    [(wheel, in_wheel), (archive, in_archive)] = sorted(found.items(), key=lambda item: not item[0].endswith(".whl"))
    version = clients.document()["info"]["version"]
    assert (wheel, archive) == (f"orderkeep_client-{version}-py3-none-any.whl", f"orderkeep-client-{version}.tgz")
    for name in ("py.typed", "generated/api/__init__.py", "generated/problems.py"):
        assert f"orderkeep_client/{name}" in in_wheel
    assert [name for name in in_wheel if name.endswith("licenses/LICENSE")]
    for name in ("LICENSE", "README.md", "dist/index.js", "dist/index.d.ts", "dist/generated/sdk.gen.js"):
        assert f"package/{name}" in in_archive
    assert [name for name in in_archive if "/src/" in name] == []
