"""`orderkeep verify`: its counts, and the documents that it reads."""

import asyncio

from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.documents import open_documents
from orderkeep.bootstrap.stores import open_store
from tests.entrypoints.cli_calls import Cli
from tests.receipts import PlainReceipts


def test_verify_prints_counts() -> None:
    cli = Cli()
    order_id = cli.place()
    cli("confirm", order_id)
    assert cli("verify").stdout == "orders\t1\nchanges\t2\nproblems\t0\n"
    assert cli.json("verify") == {"orders": 1, "changes": 2, "documents": 0, "documents_read": 0, "problems": []}


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
