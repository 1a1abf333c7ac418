"""A process is killed (SIGKILL) between the upload of a receipt and the save, and between the save and the response: no
order ever refers to a missing document, and a retry gets the one receipt.
"""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from orderkeep.application.dtos import PlaceOrder
from orderkeep.application.use_cases.verify_orders import VerifyReport
from orderkeep.bootstrap import UseCases, bootstrap
from tests.faults.stopping_process import killed_where_it_stops
from tests.servers.dynamodb import Server as DynamoServer
from tests.servers.s3 import Server as S3Server

SECONDS = 60.0
PLACED = PlaceOrder(user_id="user-7", total=9961, currency="EUR", external_ref="web-7781")


@dataclass(frozen=True)
class Stores:
    """An order in one store, documents in another, and a look at what is there, past them both."""

    orders: str
    documents: str
    order_id: str
    kept: Callable[[], list[str]]

    def open(self) -> UseCases:
        return bootstrap(self.orders, documents_url=self.documents)

    async def issue(self, where: str) -> str:
        """Run the process; kill it where it stops. Return what it said."""
        arguments = (self.orders, self.documents, self.order_id, where)
        return await killed_where_it_stops("tests.faults.receipt_process", *arguments)

    async def look(self) -> tuple[VerifyReport, list[str]]:
        """Return what is found when all is verified, and the ids of the documents that the order refers to."""
        do = self.open()
        try:
            report = await do.verify_orders.execute(read_documents=True)
            return report, [document.id for document in await do.list_documents.execute(self.order_id)]
        finally:
            await do.close()


async def placed(orders: str, documents: str, kept: Callable[[], list[str]]) -> Stores:
    do = bootstrap(orders, documents_url=documents)
    try:
        order_id = (await do.place_order.execute(PLACED)).order.id
    finally:
        await do.close()
    return Stores(orders, documents, order_id, kept)


@pytest.fixture(params=["sqlite and a folder", "dynamodb and s3"], ids=["sqlite-folder", "dynamodb-s3"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    if request.param == "sqlite and a folder":
        folder = tmp_path / "documents"
        urls = f"sqlite:///{tmp_path / 'orders.db'}", f"folder:///{folder}"
        yield await placed(*urls, lambda: [path.name for path in folder.rglob("*") if path.is_file()])
        return
    dynamodb: DynamoServer = request.getfixturevalue("dynamodb")
    s3: S3Server = request.getfixturevalue("s3_server")
    bucket = await s3.new_bucket()

    def keys() -> list[str]:
        with urlopen(f"{s3.endpoint}/{bucket}?list-type=2", timeout=SECONDS) as answer:
            return re.findall(r"<Key>[^<]*/([^<]*)</Key>", answer.read().decode())

    yield await placed(await dynamodb.new_url(), s3.url_of(bucket, "/kept"), keys)


@pytest.mark.parametrize("where, referred", [("after upload", 0), ("after save", 1)])
async def test_killed_receipt_leaves_at_most_one_document_and_no_dangling_reference(
    stores: Stores, where: str, referred: int
) -> None:
    assert await stores.issue(where) == "stopped"
    report, documents = await stores.look()
    assert (report.problems, len(documents), len(stores.kept())) == ([], referred, 1)

    issued = await stores.issue("nowhere")
    report, documents = await stores.look()
    assert (report.problems, report.documents_read, documents) == ([], 1, [issued])
    assert stores.kept() == [f"{issued}.html"]
    assert await stores.issue("nowhere") == issued


async def test_finds_the_reference_to_nothing_of_a_service_that_saves_first(stores: Stores) -> None:
    assert await stores.issue("saves first") == "stopped"
    report, (document,) = await stores.look()
    assert [problem.message for problem in report.problems] == [f"the receipt {document} is missing"]
