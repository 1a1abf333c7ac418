"""The command line on a server: the output of the store, the API key, network failures, and what is rejected."""

from __future__ import annotations

import asyncio
import inspect
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
import trustme
from click.testing import CliRunner, Result

from orderkeep.application.change_order import SYSTEM_CONTEXT
from orderkeep.application.documents import digest_of
from orderkeep.bootstrap import bootstrap
from orderkeep.config import Settings
from orderkeep.domain.exceptions import OrderkeepError, ServiceUnavailable
from orderkeep.domain.shipments import Tracking
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.cli import server_connection
from orderkeep.entrypoints.cli.commands import COMMANDS, Command, order_command
from orderkeep.entrypoints.cli.commands.orders import change_command
from orderkeep.entrypoints.cli.failures import OUTCOMES
from orderkeep.entrypoints.cli.main import cli
from orderkeep.entrypoints.cli.options import SESSION_OPTIONS
from orderkeep.entrypoints.cli.remote import open_remote
from orderkeep.entrypoints.cli.session import Session
from tests.entrypoints.cli_calls import on_a_terminal, run
from tests.entrypoints.served import serving
from tests.servers.tcp_proxy import tcp_proxy

UNUSED_PORT_URL = "http://127.0.0.1:1"


def call(*args: str, **variables: str | None) -> Result:
    """Run `orderkeep` in this process."""
    return CliRunner(env=variables).invoke(cli, args, obj=Session(), prog_name="orderkeep")


@dataclass
class Shop:
    """A server with authentication, and access to its store."""

    url: str
    store: str
    documents: str
    key: str
    order_id: str = ""

    def on_server(self, *args: str, **variables: str | None) -> Result:
        return call("--remote", self.url, *args, **{"ORDERKEEP_API_KEY": self.key, **variables})

    def on_store(self, *args: str) -> Result:
        return call("--store", self.store, *args, ORDERKEEP_DOCUMENTS=self.documents)

    def new_key(self, *scopes: str) -> str:
        return new_key(self.store, *scopes)

    def place(self, *args: str) -> str:
        placed = self.on_server("place", "--user", "user-42", "--total", "99.00", "--currency", "EUR", *args)
        return str(json.loads(placed.stdout)["id"])


def new_key(store: str, *scopes: str) -> str:
    async def create() -> str:
        use_cases = bootstrap(store)
        try:
            return (await use_cases.create_api_key.execute("tests", scopes=scopes)).key
        finally:
            await use_cases.close()

    return asyncio.run(create())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    store, documents = f"sqlite:///{folder}/orders.db", f"folder:///{folder}/documents"
    limits = {"rate_limit": 0, "rate_limit_per_address": 0}
    with serving(store=store, documents=documents, auth="keys", **limits) as (client, _):
        found = Shop(str(client.base_url).rstrip("/"), store, documents, new_key(store, "admin"))
        found.order_id = found.place("--external-ref", "web/7781", "--tag", "gift")
        found.on_server("confirm", found.order_id)
        found.on_server("receipt", found.order_id, "-o", str(folder / "receipt.html"))
        found.on_server("place", "--user", "user-7", "--total", "7", "--currency", "JPY", "--external-ref", "twice")
        found.on_server("place", "--user", "user-8", "--total", "8", "--currency", "KWD", "--external-ref", "twice")
        yield found


NEW = ("place", "--user", "user-9", "--currency", "EUR")
LINE = ("--line", "A1,Lamp,2,47.50")

CALLS: list[tuple[str, ...]] = [
    ("get", "{id}"),
    ("get", "web/7781"),
    ("get", "twice"),
    ("get", "{id}", "--version", "1"),
    ("get", "{id}", "--version", "99"),
    ("get", "{id}", "--at", "2001-02-03"),
    ("list",),
    ("list", "--status", "processing", "--status", "pending", "--json"),
    ("list", "--limit", "1"),
    ("list", "--limit", "1", "--all", "--json"),
    ("list", "--limit", "0"),
    ("list", "--limit", "201", "--json"),
    ("list", "--cursor", "nonsense"),
    ("list", "--tag", "gift", "--status", "pending"),
    ("list", "--from", "2026-12-01", "--to", "2026-11-01"),
    ("list", "--from", "2001-02-03T04:05:06.789+01:00", "--user", "user-42", "--external-ref", "web/7781"),
    ("list", "--search", " web/7781 "),
    ("list", "--search", "{id:.8}", "--json"),
    ("list", "--search", "twice", "--limit", "1"),
    ("list", "--search", "twice", "--limit", "1", "--all", "--json"),
    ("list", "--search", "twice", "--limit", "0"),
    ("list", "--search", "twice", "--cursor", "nonsense"),
    ("list", "--search", "twice", "--tag", "gift"),
    ("list", "--search", "anna@example.com"),
    ("list", "--search", "x" * 255),
    ("history", "{id}"),
    ("history", "web/7781", "--json"),
    ("history", "{id}", "--limit", "0"),
    ("documents", "{id}"),
    ("documents", "{id}", "--json"),
    ("receipt", "{id}", "-o", "-"),
    ("receipt", "{id}", "--json"),
    ("receipt", "{id}", "--dry-run"),
    ("receipt", "{id}", "--version", "99"),
    ("confirm", "{id}"),
    ("edit", "{id}", "--tag", "gift", "--untag", "fragile", "--unset-metadata", "colour"),
    ("edit", "{id}", "--external-ref", "web/7782", "--json"),
    ("edit", "{id}", "--tag", "t" * 51),
    ("edit", "{id}", "--tag", "fragile", "--expected-version", "99"),
    ("edit", "{id}", "--set-metadata", "a/b=\x01"),
    ("confirm", "{id}", "--json"),
    ("ship", "{id}", "--expected-version", "9", "--json"),
    ("cancel", "{id}", "--reason", "r" * 101),
    ("cancel", "{id}", "--note", "a\x07b", "--json"),
    (*NEW, *LINE, "--total", "12.34"),
    (*NEW, *LINE, "--total", "12.34", "--json"),
    (*NEW, *LINE, "--discount", "99.99"),
    (*NEW, "--total", "1", "--user", "u" * 300),
    (*NEW, "--total", "1", "--tag", "gift", "--tag", "gift"),
    (*NEW, "--total", "1", "--metadata", "a/b=\x01"),
    (*NEW, "--total", "9999999999999.99", "--shipping", "10000000000000"),
]


@pytest.mark.parametrize("args", CALLS, ids=" ".join)
def test_output_and_exit_code_are_those_of_the_store(shop: Shop, args: tuple[str, ...]) -> None:
    given = [arg.format(id=shop.order_id) for arg in args]
    on_server, on_store = shop.on_server(*given), shop.on_store(*given)
    assert (on_server.exit_code, on_server.stdout) == (on_store.exit_code, on_store.stdout)
    assert on_server.stderr == on_store.stderr


@pytest.mark.parametrize("text", ["no-such-order", "no", "../lifecycle", "..", "a/history", "{id:.8}"])
def test_order_is_not_found_by_anything_but_its_whole_id_or_reference(shop: Shop, text: str) -> None:
    result = shop.on_server("get", text.format(id=shop.order_id))
    assert (result.exit_code, result.stdout) == (3, "")
    assert "Order not found" in result.stderr
    assert "enter its number or its ID in full" in result.stderr


def test_operations_have_the_parameters_of_the_use_cases() -> None:
    local, remote = bootstrap("memory://"), open_remote("https://orders.example.com", None)
    for name in vars(remote).keys() - {"close", "send_command"}:
        expected = inspect.signature(getattr(local, name).execute).parameters
        found = inspect.signature(getattr(remote, name).execute).parameters
        for parameter in expected.values():
            same = found[parameter.name]
            assert (same.kind, same.default) == (parameter.kind, parameter.default), (name, parameter)


SHARED = {"order_id", "key", "expected_version", "dry_run", *(option.name for option in SESSION_OPTIONS)}


@pytest.mark.parametrize("name", [name for name, row in COMMANDS.items() if row.use_case])
def test_declared_command_fits_its_use_case_and_its_operation(name: str) -> None:
    row = COMMANDS[name]
    options = {each for each in change_command(name).params if each.name not in SHARED}
    names = {option.name for option in options} - {"everything"}  # instead of `lines`, which is then empty
    use_case = getattr(bootstrap("memory://"), row.use_case)
    parameters = inspect.signature(use_case.execute).parameters.keys() - {"order_id", "context"}
    changes = {field.name for field in fields(Tracking)} if "changes" in parameters else set()  # by name
    assert names | dict(row.fixed).keys() == parameters - {"changes"} | changes

    method, path = row.request.split()
    document = create_app(Settings()).openapi()
    operation = document["paths"][path][method.lower()]
    body = operation.get("requestBody", {})
    schemas = [content["schema"]["$ref"].rpartition("/")[2] for content in body.get("content", {}).values()]
    in_body = {field for each in schemas for field in document["components"]["schemas"][each]["properties"]}
    in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
    assert names == in_body | in_path - {"order_id"}
    assert not body.get("required") or any(option.required for option in options)


@pytest.mark.parametrize("name", ["void", "parcels void"])
def test_declaration_is_all_that_a_command_needs(name: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    note = click.option("--note", required=True)
    row = order_command("Void an order.", "cancel_order", "POST /orders/{order_id}/cancel", note)
    monkeypatch.setitem(COMMANDS, name, row)
    group = name.partition(" ")[0]
    monkeypatch.setitem(cli.rows, group, row if name == group else Command("Manage parcels."))
    for run_on in (shop.on_store, shop.on_server):
        result = run_on(*name.split(), shop.place(), "--note", "Called.", "--expected-version", "1", "--json")
        order = json.loads(result.stdout)
        assert (order["status"], order["version"], order["cancellation"]["note"]) == ("cancelled", 2, "Called.")


def test_edit_on_a_server_changes_what_is_given(shop: Shop) -> None:
    order_id = shop.place("--tag", "gift", "--metadata", "colour=green")
    given = ("--tag", "fragile", "--untag", "gift", "--set-metadata", "size=XL", "--unset-metadata", "colour")
    for key, replayed in (("edit-1", False), ("edit-1", True), ("edit-2", False)):
        result = shop.on_server("edit", order_id, *given, "--external-ref", order_id, "--key", key)
        order = json.loads(result.stdout)
        assert (order["tags"], order["metadata"], order["external_ref"]) == (["fragile"], {"size": "XL"}, order_id)
        assert (order["version"], "nothing was changed" in result.stderr) == (2, replayed or key == "edit-2")


def test_each_code_has_the_exit_code_of_its_exceptions() -> None:
    kinds = [*server_connection._kinds(OrderkeepError)]
    by_code = {kind.code: kind for kind in kinds}

    def exit_code(kind: type[OrderkeepError]) -> int | None:
        return next((code for parent, code, _ in OUTCOMES if issubclass(kind, parent)), None)

    assert len(by_code) > 40
    assert {kind for kind in kinds if exit_code(by_code[kind.code]) != exit_code(kind)} == set()


def test_actor_is_the_key(shop: Shop) -> None:
    history = shop.on_server("history", shop.order_id).stdout.splitlines()
    assert {line.split("\t")[2] for line in history} == {f"staff:key:{shop.key.split('_')[1]}"}


def test_history_on_a_terminal_has_the_names_of_api_keys(shop: Shop, tmp_path: Path) -> None:
    key = shop.new_key("orders:read")
    seen, beside = on_a_terminal(
        *("history", shop.order_id), cwd=tmp_path, stream="stdout", ORDERKEEP_REMOTE=shop.url, ORDERKEEP_API_KEY=key
    )
    assert "tests (key)  order confirmed" in seen
    assert beside == b""


def test_repeated_command_says_what_was_recorded_before_as_on_the_store(shop: Shop) -> None:
    order_id = shop.place()
    paid = ("payments", "record", order_id, "--reference", "pay-1", "--kind", "captured", "--amount", "4")
    assert shop.on_server(*paid).stderr == ""
    message = "orderkeep: payment pay-1 (captured) was recorded before: nothing was changed\n"
    assert [run_on(*paid).stderr for run_on in (shop.on_server, shop.on_store)] == [message, message]
    more = (*paid[:-1], "5")
    errors = [run_on(*more) for run_on in (shop.on_server, shop.on_store)]
    assert {(each.exit_code, each.stderr) for each in errors} == {(4, errors[0].stderr)}
    assert "recorded with 4.00 EUR, not 5.00 EUR" in errors[0].stderr


def test_key_that_is_used_again_returns_the_original_result(shop: Shop) -> None:
    key = 'a "quoted" key \\ 1'
    first, second = (shop.on_server(*NEW, "--total", "5", "--key", key) for _ in range(2))
    assert first.stdout == second.stdout
    assert (first.stderr, second.exit_code) == ("", 0)
    assert "this --key was used before: nothing was changed" in second.stderr


@pytest.mark.parametrize("key", ["é", '"quoted"', "k" * 256, "a\nb"])
def test_key_that_no_header_can_contain_is_rejected(shop: Shop, key: str) -> None:
    result = shop.on_server(*NEW, "--total", "5", "--key", key)
    assert result.exit_code == 2
    assert "--key must be" in result.stderr


@pytest.mark.parametrize(
    "key,exit_code,expected",
    [
        (None, 4, "requires an API key; set ORDERKEEP_API_KEY"),
        ("", 2, "ORDERKEEP_API_KEY is set but empty"),
        ("ok_0123456789_" + "x" * 49, 4, "the credentials are not valid"),
        ("a\nb", 2, "ORDERKEEP_API_KEY is not an API key"),
    ],
)
def test_key_that_is_missing_or_wrong_is_reported_with_its_variable(
    shop: Shop, key: str | None, exit_code: int, expected: str
) -> None:
    result = shop.on_server("list", ORDERKEEP_API_KEY=key)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert expected in result.stderr
    assert "ORDERKEEP_API_KEY" in result.stderr
    assert not key or key not in result.stderr


def test_missing_scope_is_reported(shop: Shop) -> None:
    result = shop.on_server("ship", shop.order_id, ORDERKEEP_API_KEY=shop.new_key("orders:read"))
    assert result.exit_code == 4
    assert "this operation requires the scope orders:ship" in result.stderr
    assert "ORDERKEEP_API_KEY" in result.stderr


def test_key_can_be_in_a_file(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{shop.key}\n")
    listed = call("list", ORDERKEEP_REMOTE=shop.url, ORDERKEEP_API_KEY_FILE=str(file))
    assert (listed.exit_code, listed.stdout.count("\n") > 0) == (0, True)
    both = shop.on_server("list", ORDERKEEP_API_KEY_FILE=str(file))
    assert both.exit_code == 2
    assert "ORDERKEEP_API_KEY and ORDERKEEP_API_KEY_FILE are both set" in both.stderr


def test_store_option_overrides_the_server_of_the_environment(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/orders.db"
    placed = call(*NEW, "--total", "5", "--store", store, "--as", "anna", ORDERKEEP_REMOTE=UNUSED_PORT_URL)
    assert placed.exit_code == 0


@pytest.mark.parametrize(
    "args,variables,expected",
    [
        (("--remote", "https://a.example", "--store", "memory://"), {}, "--remote and --store cannot be used together"),
        ((), {"ORDERKEEP_REMOTE": "https://a.example", "ORDERKEEP_STORE": "memory://"}, "are both set"),
        ((), {"ORDERKEEP_REMOTE": "https://a.example", "ORDERKEEP_STORE_FILE": "/x"}, "are both set"),
        (("--remote", "https://a.example", "--as", "anna"), {}, "--as cannot be used with a server"),
        (("--remote", "http://a.example"), {}, "must begin with https://"),
        (("--remote", "a.example"), {}, "must be a URL"),
        (("--remote", "https://anna:secret@a.example"), {}, "must be a URL"),
        (("--remote", "https://a.example/?x=1"), {}, "must be a URL"),
        (("--remote", "https://a.example"), {"HTTPS_PROXY": "socks5://127.0.0.1:1"}, "must be an http:// or https://"),
    ],
)
def test_options_that_cannot_be_used_are_rejected(args: tuple[str, ...], variables: Any, expected: str) -> None:
    result = call("list", *args, **variables)
    assert (result.exit_code, result.stdout) == (2, "")
    assert expected in result.stderr
    assert "secret" not in result.stderr


REQUIRED = {
    "backup": ["backup.db"],
    "import": ["orders.jsonl"],
    "copy": ["--to", "sqlite:///copy.db"],
    "compare": ["--to", "sqlite:///copy.db"],
    "move": ["--to", "sqlite:///copy.db"],
    "export-person": ["--user", "user-42"],
    "keys create": ["--name", "till"],
    "keys revoke": ["Key0000001"],
}


@pytest.mark.parametrize("name", sorted(name for name, row in COMMANDS.items() if row.needs_store and row.module))
def test_command_that_needs_the_store_is_rejected(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.jsonl").touch()
    result = call(*name.split(), *REQUIRED.get(name, []), ORDERKEEP_REMOTE=UNUSED_PORT_URL)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{name} needs the store" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["orders.jsonl"]


@pytest.mark.parametrize("args", [("openapi",), ("config",), ("completion", "bash")])
def test_command_that_needs_no_orders_works_without_the_server(args: tuple[str, ...]) -> None:
    assert call(*args, ORDERKEEP_REMOTE=UNUSED_PORT_URL).exit_code == 0


@pytest.mark.parametrize("responses_lost", [1, 2])
def test_lost_response_is_requested_again_without_a_second_effect(shop: Shop, responses_lost: int) -> None:
    with tcp_proxy(shop.url) as proxy:
        reference = f"lost-{responses_lost}"
        proxy.cut = responses_lost
        args = (*NEW, "--total", "5", "--external-ref", reference, "--json")
        result = call("--remote", proxy.url, *args, ORDERKEEP_API_KEY=shop.key)
        listed = shop.on_server("list", "--external-ref", reference).stdout.splitlines()
        assert len(listed) == 1
        if responses_lost == 1:
            assert (result.exit_code, result.stderr) == (0, "")
        else:
            said = json.loads(result.stderr)
            assert (result.exit_code, said["code"]) == (7, "store_unavailable")
            key = said["hint"].removeprefix("run the command again with --key ").split(",")[0]
            again = call("--remote", proxy.url, *args, "--key", key, ORDERKEEP_API_KEY=shop.key)
            assert (again.exit_code, json.loads(again.stdout)["id"]) == (0, listed[0].split("\t")[0])
            proxy.cut = 2
            as_text = call("--remote", proxy.url, *args[:-1], "--key", "a key", ORDERKEEP_API_KEY=shop.key)
            assert "; run the command again with --key 'a key', so that it takes effect only once" in as_text.stderr


def test_server_that_is_not_reached_is_unavailable(tmp_path: Path) -> None:
    result = run("--remote", UNUSED_PORT_URL, "list", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (7, b"")
    expected = f"orderkeep: {UNUSED_PORT_URL} is not available: Connection refused; check the URL and the network"
    assert result.stderr.decode() == f"{expected}, then run the command again\n"  # and no line for each retry


@contextmanager
def silent_server() -> Iterator[str]:
    """Yield the URL of a server that accepts connections, and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_server_that_does_not_respond_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    times = server_connection.ServerConnection("https://orders.example.com", None).pool.connection_pool_kw["timeout"]
    assert (times.connect_timeout, times.read_timeout) == (10, 30)
    monkeypatch.setattr(server_connection, "READ_SECONDS", 0.05)
    with silent_server() as url:
        result = call("--remote", url, "list")
    assert result.exit_code == 7
    assert "it sent no response within" in result.stderr


def test_interrupt_ends_a_request_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "orderkeep", "--remote", url, "list"]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=server_connection.READ_SECONDS / 2)
    assert process.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said


Responded = tuple[int, dict[str, str], bytes]


@dataclass
class Scripted:
    """A server with given responses, by path without query, and the requests that it received."""

    responses: dict[str, Responded]
    received: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    url: str = ""


@contextmanager
def scripted(responses: dict[str, Responded], context: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    found = Scripted(responses)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.received.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            status, headers, body = found.responses.get(self.path.partition("?")[0], (404, {}, b"not here"))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            found.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.do_GET()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        found.url = f"{'https' if context else 'http'}://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


PAGE = b'{"data":[],"has_more":false,"next_cursor":null}'


@pytest.mark.parametrize(
    "response,exit_code,expected",
    [
        ((200, {}, b"<html>welcome</html>"), 2, "did not respond as orderkeep does"),
        ((200, {}, b'{"message":"welcome"}'), 2, "did not respond as orderkeep does"),
        (
            (404, {}, b"<html>not found</html>"),
            2,
            "responded with 404 Not Found: is this the URL of an orderkeep server?",
        ),
        ((404, {}, b'{"message":"Not Found"}'), 2, "responded with 404 Not Found: is this"),
        ((401, {}, b'{"message":"Unauthorized"}'), 4, "responded with 401 Unauthorized; check ORDERKEEP_API_KEY"),
        ((403, {}, b""), 4, "responded with 403 Forbidden; check ORDERKEEP_API_KEY"),
        ((502, {}, b"<html>bad gateway</html>"), 7, "responded with 502 Bad Gateway; run the command again"),
        (
            (500, {}, b'{"code":"internal_error","detail":"see the log for this request_id","request_id":"r-1"}'),
            7,
            "see the log for request_id r-1; report this to the operator of the server",
        ),
        (
            (503, {}, b'{"code":"store_unusable","detail":"see the log for this request_id","request_id":"r-2"}'),
            7,
            "see the log for request_id r-2; report this to the operator of the server",
        ),
        ((429, {}, b'{"code":"too_many_requests","detail":"retry after 3 s"}'), 7, "retry after 3 s"),
        ((421, {}, b'{"code":"host_not_allowed","detail":"set ORDERKEEP_AUTH"}'), 2, "set ORDERKEEP_AUTH."),
    ],
)
def test_response_of_another_kind_is_reported(response: Responded, exit_code: int, expected: str) -> None:
    with scripted({"/orders": response}) as server:
        result = call("--remote", server.url, "list")
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert expected in result.stderr
    assert len(server.received) == 1


def test_order_is_sent_without_fields_that_an_older_server_may_not_know() -> None:
    with scripted({"/orders": (503, {}, b"")}) as server:
        call("--remote", server.url, *NEW, "--total", "0", "--tag", "gift")
    assert server.bodies == [{"user_id": "user-9", "total": 0, "currency": "EUR", "tags": ["gift"]}]
    assert server.received[0][1]["idempotency-key"]


def test_command_has_its_values_in_the_path_and_the_body() -> None:
    with scripted({"/orders/o-1/notes/a%2Fb": (503, {}, b"")}) as server:
        orders: Any = open_remote(server.url, None)
        values = {"order_id": "o-1", "note_id": "a/b", "text": "Called.", "at": datetime(2026, 11, 22, tzinfo=UTC)}
        with pytest.raises(ServiceUnavailable, match="503"):
            asyncio.run(orders.send_command("POST /orders/{order_id}/notes/{note_id}", SYSTEM_CONTEXT, **values))
    assert server.bodies == [{"text": "Called.", "at": "2026-11-22T00:00:00Z"}]


def test_url_of_the_documentation_is_that_of_the_server() -> None:
    with scripted({"/orders": (200, {}, PAGE)}) as server:
        assert call("--remote", f"{server.url}/docs", "list").exit_code == 0
    assert [path for path, _ in server.received] == ["/orders?limit=50"]


def test_rejected_key_is_explained() -> None:
    with scripted({"/orders": (401, {}, b"")}) as server:
        assert "check ORDERKEEP_API_KEY or ORDERKEEP_API_KEY_FILE" in call("--remote", server.url, "list").stderr


def test_redirect_is_not_followed() -> None:
    with scripted({"/orders": (308, {"Location": "/moved"}, b""), "/moved": (200, {}, PAGE)}) as server:
        result = call("--remote", server.url, "list", ORDERKEEP_API_KEY="key-1")
    assert result.exit_code == 2
    assert "redirects to /moved" in result.stderr
    assert [path for path, _ in server.received] == ["/orders?limit=50"]
    assert server.received[0][1]["authorization"] == "Bearer key-1"


@contextmanager
def linked_document(
    content: bytes, link: Callable[[str], str], context: ssl.SSLContext | None = None
) -> Iterator[tuple[Scripted, Scripted]]:
    """Yield a server with an order that has a receipt, and the server that its link leads to."""
    receipt = {"id": digest_of(b"a receipt"), "kind": "receipt", "media_type": "text/html", "size": 9}
    receipt |= {"order_version": 1, "since_version": 2, "created_at": "2026-11-22T10:00:00Z"}
    order = {"id": "o-1", "user_id": "user-42", "total": 1, "currency": "EUR", "status": "pending"}
    order |= {"created_at": "2026-11-21T10:00:00Z", "updated_at": "2026-11-22T10:00:00Z", "version": 2}
    documents = "/orders/o-1/documents"
    with scripted({"/file": (200, {}, content)}) as storage:
        responses = {
            "/orders/o-1": (200, {}, json.dumps(order).encode()),
            documents: (200, {}, json.dumps({"data": [receipt], "has_more": False, "next_cursor": None}).encode()),
            f"{documents}/{receipt['id']}": (307, {"Location": link(storage.url)}, b""),
        }
        with scripted(responses, context) as server:
            yield server, storage


def download(server: Scripted) -> bytes:
    async def get() -> bytes:
        use_cases = open_remote(server.url, "key-1")
        found = await use_cases.get_document.execute("o-1", digest_of(b"a receipt"))
        await use_cases.close()
        return found.content

    return asyncio.run(get())


def test_link_to_a_document_is_followed_without_the_key() -> None:
    with linked_document(b"a receipt", lambda url: f"{url}/file?signature=1") as (server, storage):
        assert download(server) == b"a receipt"
    assert {headers["authorization"] for _, headers in server.received} == {"Bearer key-1"}
    [(path, headers)] = storage.received
    assert path == "/file?signature=1"
    assert "authorization" not in headers


@pytest.mark.parametrize("content", [b"another receipt", b""])
def test_document_with_other_content_is_rejected(content: bytes) -> None:
    with (
        linked_document(content, lambda url: f"{url}/file") as (server, _),
        pytest.raises(OrderkeepError, match="is not this document"),
    ):
        download(server)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    """The TLS context of a server on localhost, and the file of its authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return context, str(tmp_path / "ca.pem")


def test_link_without_tls_is_not_followed(
    certificate: tuple[ssl.SSLContext, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, authority = certificate
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    with linked_document(b"a receipt", lambda url: f"{url}/file", context) as (server, storage):
        with pytest.raises(OrderkeepError, match="redirects to a link without TLS"):
            download(server)
        assert storage.received == []


def test_certificate_is_verified(certificate: tuple[ssl.SSLContext, str]) -> None:
    context, authority = certificate
    with scripted({"/orders": (200, {}, PAGE)}, context) as server:
        unknown = call("--remote", server.url, "list", ORDERKEEP_API_KEY="key-1")
        assert server.received == []
        known = call("--remote", server.url, "list", SSL_CERT_FILE=authority)
    assert unknown.exit_code == 7
    assert "its TLS certificate or connection is not valid: unable to get local issuer certificate" in unknown.stderr
    assert known.exit_code == 0


def test_proxy_of_the_environment_is_used_except_for_localhost(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heads: list[bytes] = []

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                heads.append(connection.recv(65_536))
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        proxy = f"http://anna:secret@127.0.0.1:{listener.getsockname()[1]}"
        result = call("--remote", "https://orders.example.com", "list", HTTPS_PROXY=proxy, NO_PROXY="", no_proxy="")
        assert result.exit_code == 7
        assert "the proxy that the environment sets does not work" in result.stderr
        assert "secret" not in result.stderr
        thread.join(10)
        assert heads[0].startswith(b"CONNECT orders.example.com:443 ")
        assert b"authorization: Basic YW5uYTpzZWNyZXQ=" in heads[0].replace(b"Authorization", b"authorization")
        listed = shop.on_server("list", HTTP_PROXY=UNUSED_PORT_URL, http_proxy=UNUSED_PORT_URL)
        assert listed.exit_code == 0
