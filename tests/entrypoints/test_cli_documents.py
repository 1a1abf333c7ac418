"""The commands that issue receipts, list documents, and export to the document store."""

import asyncio
import json
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.stores import open_store
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from tests.entrypoints.cli_calls import Cli, on_a_terminal, run
from tests.receipts import BrokenDocumentStore, use_cases_with_receipts
from tests.test_documents import ForgetfulDocumentStore, LinkingDocumentStore

PLACE = ("place", "--user", "user-42", "--total", "99.00", "--currency", "EUR")


@pytest.fixture
def files() -> InMemoryDocumentStore:
    return InMemoryDocumentStore()


@pytest.fixture
def cli(files: InMemoryDocumentStore) -> Cli:
    return Cli(use_cases_with_receipts(files, "html", "pdf"))


@pytest.fixture
def order_id(cli: Cli) -> str:
    return cli.place()


@pytest.fixture(autouse=True)
def _seller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERKEEP_SELLER", "Lamps & Shades Ltd.")


def pending(order_id: str, version: int = 1, media_type: str = "text/html") -> str:
    return f"{media_type}: order {order_id}, version {version}, pending"


def test_receipt_is_written_to_a_file(cli: Cli, order_id: str, tmp_path: Path) -> None:
    file = tmp_path / "receipt.html"
    result = cli("receipt", order_id, "-o", str(file))
    assert file.read_text() == pending(order_id)
    assert (result.stdout, result.stderr) == ("", f"orderkeep: wrote the receipt for version 1 to {file}\n")
    again = cli("receipt", order_id, "--output", str(file)).stderr
    assert again == f"orderkeep: wrote the receipt for version 1 (issued before) to {file}\n"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "name, option, media_type",
    [
        ("r.pdf", (), "application/pdf"),
        ("r.PDF", ("--format", "pdf"), "application/pdf"),
        ("r.html", (), "text/html"),
        ("r", ("--format", "pdf"), "application/pdf"),
        ("-", ("--format", "pdf"), "application/pdf"),
    ],
)
def test_receipt_has_the_format_of_its_extension(
    cli: Cli, order_id: str, tmp_path: Path, name: str, option: tuple[str, ...], media_type: str
) -> None:
    file = name if name == "-" else str(tmp_path / name)
    shown = cli("receipt", order_id, "-o", file, *option).stdout
    assert (shown if name == "-" else Path(file).read_text()) == pending(order_id, media_type=media_type)


@pytest.mark.parametrize("args", [(), ("-o", "-")])
def test_receipt_is_written_to_stdout_without_a_terminal(cli: Cli, order_id: str, args: tuple[str, ...]) -> None:
    result = cli("receipt", order_id, *args)
    assert (result.stdout, result.stderr) == (pending(order_id), "")


def test_receipt_json_writes_a_file_only_with_o(
    cli: Cli, order_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    document = cli.json("receipt", order_id)
    assert document["id"] == sha256(pending(order_id).encode()).hexdigest()
    assert list(tmp_path.iterdir()) == []
    assert cli.json("receipt", order_id, "-o", "receipt.html") == document
    assert (tmp_path / "receipt.html").read_text() == pending(order_id)
    assert cli.json("get", order_id)["documents"] == [document]


def test_each_version_and_format_has_its_receipt(cli: Cli, order_id: str) -> None:
    cli("confirm", order_id)
    assert cli("receipt", order_id).stdout == f"text/html: order {order_id}, version 2, processing"
    assert cli("receipt", order_id, "--version", "1").stdout == pending(order_id)
    pdf = cli("receipt", order_id, "--version", "1", "--format", "pdf").stdout
    assert pdf == pending(order_id, media_type="application/pdf")
    assert [row.split("\t")[:3] for row in cli("documents", order_id).stdout.splitlines()] == [
        ["receipt", "2", "text/html"],
        ["receipt", "1", "text/html"],
        ["receipt", "1", "application/pdf"],
    ]


def test_receipt_dry_run_issues_nothing(cli: Cli, order_id: str) -> None:
    result = cli("receipt", order_id, "--dry-run")
    assert "dry run: nothing was changed" in result.stderr
    assert cli("documents", order_id).stdout == ""
    issued = cli.json("receipt", order_id)
    assert json.loads(result.stdout) | {"created_at": ""} == issued | {"created_at": ""}
    again = cli("receipt", order_id, "--dry-run", "--json")
    assert (json.loads(again.stdout), again.stderr) == (
        issued,
        "orderkeep: dry run: nothing was changed. This is what the command would return\n",
    )


def test_receipt_with_the_same_key_is_replayed(cli: Cli, order_id: str) -> None:
    first = cli("receipt", order_id, "--key", "k-1").stdout
    cli("confirm", order_id)
    assert cli("receipt", order_id, "--key", "k-1").stdout == first == pending(order_id)
    assert cli.error("receipt", order_id, "--version", "1", "--key", "k-1", code=4)["code"] == "idempotency_key_reused"
    assert cli.error("receipt", order_id, "--expected-version", "2", code=4)["code"] == "version_mismatch"


@pytest.mark.parametrize(
    "args, code, word",
    [
        (("--dry-run", "-o", "receipt.html"), 2, "-o"),
        (("--json", "-o", "-"), 2, "-o"),
        (("-o", "no-such-folder/receipt.html"), 2, "No such file or directory"),
        (("--format", "docx"), 2, "--format"),
        (("--version", "0"), 2, "--version"),
        (("--version", "7"), 3, "the order has no version 7"),
        (("--version", "9" * 30), 3, "the order has no version 9"),
    ],
)
def test_invalid_receipt_request_issues_nothing(
    cli: Cli,
    order_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    code: int,
    word: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert word in cli("receipt", order_id, *args, code=code).stderr
    assert cli("documents", order_id).stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_missing_format_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    cli = Cli(build_use_cases(open_store("memory://")))
    error = cli("receipt", cli.place(), "--format", "pdf", code=5).stderr
    assert "pip install 'orderkeep[pdf]'" in error
    assert "nothing was changed" in error


@pytest.mark.parametrize("command", ["receipt", "documents"])
def test_unknown_order_has_no_documents(cli: Cli, command: str) -> None:
    assert cli.error(command, "no-such-order", code=3)["code"] == "order_not_found"


@pytest.mark.parametrize("files", [BrokenDocumentStore(), ForgetfulDocumentStore(None), ForgetfulDocumentStore(b"<b>")])
def test_file_is_unchanged_if_the_document_cannot_be_read(files: InMemoryDocumentStore, tmp_path: Path) -> None:
    cli, file = Cli(use_cases_with_receipts(files)), tmp_path / "receipt.html"
    file.write_text("old")
    cli("receipt", cli.place(), "-o", str(file), code=7)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_documents_json_is_the_http_response(cli: Cli, order_id: str) -> None:
    assert cli("documents", order_id, "--json").stdout == '{"data":[],"has_more":false,"next_cursor":null}\n'
    issued = cli.json("receipt", order_id)
    assert cli.json("documents", order_id) == {"data": [issued], "has_more": False, "next_cursor": None}
    values = [str(issued[name]) for name in ("kind", "order_version", "media_type", "size", "created_at", "id")]
    assert cli("documents", order_id).stdout == "\t".join(values) + "\n"


def test_receipt_on_a_terminal_is_written_to_a_file_named_after_the_order(tmp_path: Path) -> None:
    order_id = json.loads(run(*PLACE, cwd=tmp_path).stdout)["id"]
    file = tmp_path / f"receipt-{order_id}-v1.html"
    seen, beside = on_a_terminal("receipt", order_id, cwd=tmp_path, stream="stdout", ORDERKEEP_SELLER="Lamps Ltd.")
    assert (seen, beside.decode()) == ("", f"orderkeep: wrote the receipt for version 1 to {file.name}\n")
    content = file.read_bytes()
    assert content == run("receipt", order_id, cwd=tmp_path).stdout
    on_a_terminal("receipt", order_id, cwd=tmp_path, stream="stdout")
    file.write_bytes(b"mine")
    _, beside = on_a_terminal("receipt", order_id, cwd=tmp_path, stream="stdout", code=2)
    assert b"exists and is not this receipt" in beside
    assert file.read_bytes() == b"mine"
    _, beside = on_a_terminal("receipt", order_id, "-o", "-", cwd=tmp_path, stream="stdout", code=2)
    assert b"requires redirected output" in beside
    seen, _ = on_a_terminal("get", order_id, cwd=tmp_path, stream="stdout", NO_COLOR="1")
    assert sha256(content).hexdigest() in seen


def test_settings_select_seller_and_document_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERKEEP_SELLER", "Lamps & Sons")
    monkeypatch.setenv("ORDERKEEP_DOCUMENTS", "folder:///papers")
    order_id = json.loads(run(*PLACE, cwd=tmp_path).stdout)["id"]
    assert b"Lamps &amp; Sons" in run("receipt", order_id, cwd=tmp_path).stdout
    assert [path.suffix for path in (tmp_path / "papers").rglob("*.*")] == [".html"]
    monkeypatch.setenv("ORDERKEEP_DOCUMENTS", "ftp://papers")
    error = run("receipt", order_id, "--json", cwd=tmp_path)
    assert (error.returncode, json.loads(error.stderr)["code"]) == (2, "invalid_documents_url")


@pytest.mark.parametrize("name, media_type", [("jsonl", "application/jsonl"), ("csv", "text/csv")])
def test_export_writes_to_the_document_store(
    cli: Cli, files: InMemoryDocumentStore, name: str, media_type: str
) -> None:
    cli.place("--tag", "gift")
    cli.place()
    exported = cli.json("export", "--to-documents", "--format", name, "--tag", "gift")
    content = asyncio.run(files.get(exported["key"]))
    assert content is not None
    assert content == cli("export", "-", "--format", name, "--tag", "gift").stdout_bytes
    assert exported == {
        "id": sha256(content).hexdigest(),
        "key": f"exports/{exported['id']}.{name}",
        "media_type": media_type,
        "size": len(content),
        "orders": 1,
        "link": None,
    }
    shown = cli("export", "--to-documents", "--format", name, "--tag", "gift").stdout
    assert shown == f"key\t{exported['key']}\nsize\t{exported['size']}\norders\t1\n"


def test_export_prints_a_link_if_the_store_has_links() -> None:
    cli = Cli(use_cases_with_receipts(LinkingDocumentStore()))
    *_, (name, link) = [line.split("\t") for line in cli("export", "--to-documents").stdout.splitlines()]
    assert name == "link"
    assert link.startswith("https://files.example/exports/")


def test_export_rejects_file_with_to_documents(cli: Cli) -> None:
    assert "--to-documents" in cli("export", "orders.csv", "--to-documents", code=2).stderr
    assert "--external-ref" in cli("export", "--to-documents", "--tag", "a", "--external-ref", "b", code=2).stderr
    broken = Cli(use_cases_with_receipts(BrokenDocumentStore()))
    assert broken.error("export", "--to-documents", code=7)["code"] == "store_unavailable"


def test_receipt_without_a_seller_is_reported(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORDERKEEP_SELLER")
    order_id = cli.place()
    assert "the receipt has no seller: set ORDERKEEP_SELLER\n" in cli("receipt", order_id, "--dry-run").stderr
    message = "the receipt has no seller: set ORDERKEEP_SELLER, then issue another one with --version 2\n"
    assert cli("receipt", order_id).stderr == f"orderkeep: {message}"
    assert cli("receipt", order_id).stderr == ""  # issued before
    monkeypatch.setenv("ORDERKEEP_SELLER", "Lamps & Sons")
    assert cli("receipt", order_id, "--version", "2").stderr == ""
