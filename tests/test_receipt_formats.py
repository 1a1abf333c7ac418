"""Receipts as the service is started with them: which formats there are, and what is loaded when."""

import asyncio
import subprocess
import sys

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import OrderDTO
from orderkeep.application.errors import UnknownFormat
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.documents import open_documents, receipt_renderers
from orderkeep.bootstrap.stores import open_store
from orderkeep.testing.orders import large_order, place_command


@pytest.mark.parametrize("file_format,beginning", [("html", b"<!DOCTYPE html>"), ("pdf", b"%PDF-1.7")])
async def test_issues_receipts_in_each_format(file_format: str, beginning: bytes) -> None:
    service = build_use_cases(open_store("memory://"), open_documents("memory://"), receipt_renderers("Lamps Ltd."))
    placed = await service.place_order.execute(place_command())
    issued = await service.issue_receipt.execute(placed.order.id, file_format=file_format)
    again = await service.issue_receipt.execute(placed.order.id, file_format=file_format)
    assert again.document == issued.document
    content = await service.get_document.execute(placed.order.id, issued.document.id)
    assert content.content.startswith(beginning)
    await service.close()


@pytest.mark.parametrize("file_format", ["html", "pdf"])
@pytest.mark.parametrize("seller, warnings", [("", 1), ("Lamps Ltd.", 0)])
async def test_new_receipt_without_a_seller_logs_a_warning(
    caplog: pytest.LogCaptureFixture, file_format: str, seller: str, warnings: int
) -> None:
    service = build_use_cases(open_store("memory://"), open_documents("memory://"), receipt_renderers(seller))
    placed = await service.place_order.execute(place_command())
    for _ in range(2):  # the second one is the first
        await service.issue_receipt.execute(placed.order.id, file_format=file_format)
    assert [each.getMessage() for each in caplog.records] == warnings * [
        "a receipt has no seller: set ORDERKEEP_SELLER"
    ]
    await service.close()


async def test_without_the_extra_a_pdf_is_rejected_and_the_order_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    service = build_use_cases(open_store("memory://"))
    placed = await service.place_order.execute(place_command())
    with pytest.raises(UnknownFormat, match=r"pip install 'orderkeep\[pdf\]'"):
        await service.issue_receipt.execute(placed.order.id, CommandContext(key="the-key"), file_format="pdf")
    kept = await service.get_order.execute(placed.order.id)
    assert kept.version == placed.order.version
    assert (await service.issue_receipt.execute(placed.order.id)).document.media_type == "text/html"
    await service.close()


def test_what_makes_receipts_is_loaded_with_the_first_receipt() -> None:
    script = "import sys; from orderkeep.bootstrap import receipt_renderers as r; print(*r(), *sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert found[:2] == ["html", "pdf"]
    assert not {"orderkeep.application.receipts", "typst"} & set(found)


@pytest.mark.parametrize("file_format", ["html", "pdf"])
async def test_long_receipt_is_rendered_in_a_thread(file_format: str) -> None:
    renderer = receipt_renderers()[file_format]
    rendering = asyncio.create_task(renderer.render(OrderDTO.of(large_order("order-1"))))
    await asyncio.sleep(0)  # the first step of the task, which is the last one without a thread
    assert not rendering.done()
    await rendering
