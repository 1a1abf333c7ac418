"""`orderkeep verify`: its counts, and the documents that it reads."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.documents import open_documents
from orderkeep.bootstrap.stores import open_store
from tests.conftest import not_here
from tests.entrypoints.cli_calls import Cli
from tests.receipts import PlainReceipts


def test_verify_prints_counts() -> None:
    cli = Cli()
    order_id = cli.place()
    cli("confirm", order_id)
    assert cli("verify").stdout == "orders\t1\nchanges\t2\nproblems\t0\n"
    counts = {"orders": 1, "changes": 2, "documents": 0, "documents_read": 0, "checkpoints": 0}
    assert cli.json("verify") == counts | {"problems": []}


def test_verify_documents_reads_every_document() -> None:
    orders = open_store("memory://")
    cli = Cli(build_use_cases(orders, open_documents("memory://"), {"html": PlainReceipts()}))
    order_id = cli.place()
    with asyncio.Runner() as runner:
        document = runner.run(cli.use_cases.issue_receipt.execute(order_id)).document
    assert cli("verify").stdout == "orders\t1\nchanges\t2\ndocuments\t1\ndocuments read\t0\nproblems\t0\n"
    assert cli.json("verify", "--documents")["documents_read"] == 1

    without_it = Cli(build_use_cases(orders, open_documents("memory://")))
    assert cli.json("verify")["problems"] == []
    (problem,) = without_it.json("verify", "--documents", code=5)["problems"]
    assert problem == {"order_id": order_id, "version": 2, "message": f"the receipt {document.id} is missing"}


def test_checkpoint_file_is_written_and_verified(tmp_path: Path) -> None:
    cli, file = Cli(), tmp_path / "checkpoint.json"
    cli.place()
    made = cli.json("checkpoint", "--file", str(file))
    assert json.loads(file.read_text(encoding="utf-8")) == made
    assert (made["orders"], made["changes"], made["position"]) == (1, 1, "1")
    assert cli("verify", "--checkpoint", str(file)).stdout == "orders\t1\nchanges\t1\ncheckpoints\t2\nproblems\t0\n"
    (problem,) = Cli().json("verify", "--checkpoint", str(file), code=5)["problems"]
    assert "the feed contains 0 changes, and contained 1 at the checkpoint of" in problem["message"]


def test_checkpoint_in_the_document_store_is_verified_by_its_key(tmp_path: Path) -> None:
    documents = open_documents(f"folder:///{tmp_path}")
    cli = Cli(build_use_cases(open_store("memory://"), documents))
    cli.place()
    key = cli.json("checkpoint", "--to-documents")["key"]
    assert json.loads((tmp_path / key).read_text(encoding="utf-8"))["orders"] == 1
    assert cli("verify", "--checkpoint-document", key).stdout.endswith("\ncheckpoints\t2\nproblems\t0\n")
    emptied = Cli(build_use_cases(open_store("memory://"), documents))
    (problem,) = emptied.json("verify", "--checkpoint-document", key, code=5)["problems"]
    assert "the feed contains 0 changes, and contained 1 at the checkpoint of" in problem["message"]
    assert f"\nkey\t{key[:12]}" in cli("checkpoint", "--to-documents").stdout


def test_checkpoint_prints_the_file_alone_on_stdout() -> None:
    cli = Cli()
    cli.place()
    assert cli("checkpoint", "--file", "-").stdout.count("\n") == 1
    assert cli("checkpoint").stdout.splitlines()[1:4] == ["orders\t1", "changes\t1", "position\t1"]


def test_checkpoint_is_signed_with_a_key_of_openssl(tmp_path: Path) -> None:
    openssl = shutil.which("openssl") or not_here("openssl is not installed")
    cli = Cli()
    private, public, file = (str(tmp_path / name) for name in ("checkpoint.key", "checkpoint.pub", "checkpoint.json"))
    create, publish = ["genpkey", "-algorithm", "ed25519", "-out", private], ["pkey", "-in", private, "-pubout"]
    for arguments in (create, [*publish, "-out", public]):
        subprocess.run([openssl, *arguments], check=True, capture_output=True)
    cli("checkpoint", "--file", file, "--sign", private)
    cli("verify", "--checkpoint", file, "--public-key", public)
    key = cli.json("checkpoint", "--to-documents", "--sign", private)["key"]
    cli("verify", "--checkpoint-document", key, "--public-key", public)
    said = cli("verify", "--checkpoint", file, code=5).stderr
    assert said == "orderkeep: the checkpoint is signed: verify it with its public key (--public-key FILE)\n"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["verify", "--public-key", __file__], "--public-key needs --checkpoint or --checkpoint-document."),
        (["checkpoint", "--sign", __file__], "--sign needs --file or --to-documents: only a file is signed."),
        (
            ["checkpoint", "--file", "-", "--to-documents"],
            "--file - cannot be combined with --to-documents: both write",
        ),
    ],
)
def test_options_without_effect_are_rejected(arguments: list[str], said: str) -> None:
    assert said in Cli()(*arguments, code=2).stderr
