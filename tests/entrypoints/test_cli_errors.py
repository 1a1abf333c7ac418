"""Messages of failed commands: they name the user's own option, file or command, and say what to do."""

from pathlib import Path

import pytest

from tests.entrypoints.cli_calls import Cli, run
from tests.receipts import use_cases_with_receipts
from tests.test_documents import ForgetfulDocumentStore


@pytest.fixture
def cli() -> Cli:
    return Cli()


def test_unusable_order_store_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "orders.db").write_text("name,quantity\n" * 500)
    message = run("list", cwd=tmp_path).stderr.decode()
    assert f"orderkeep: {tmp_path.resolve()}/orders.db is not an SQLite database: " in message
    assert message.endswith("; fix this, or select another store with --store or ORDERKEEP_STORE\n")


def test_unusable_document_store_is_named_with_its_setting(tmp_path: Path) -> None:
    cli = Cli(use_cases_with_receipts(ForgetfulDocumentStore(None)))
    message = cli("receipt", cli.place(), "-o", str(tmp_path / "receipt.html"), code=7).stderr
    assert message.endswith("; fix this, or select another document store with ORDERKEEP_DOCUMENTS\n")
