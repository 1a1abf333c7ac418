"""The same order makes the same bytes: in any process, in any time zone, next time, and beside others."""

import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import ReceiptRenderer
from orderkeep.bootstrap.documents import receipt_renderers
from tests.infrastructure.receipt_samples import CANCELLED, PENDING, SELLER, hostile_order, long_order

CHECKOUT = Path(__file__).parents[2]
FORMATS = ["html", "pdf"]
PRINT_DIGEST = """
import asyncio, hashlib, locale, sys
from orderkeep.bootstrap.documents import receipt_renderers
from tests.infrastructure.receipt_samples import SELLER, hostile_order
locale.setlocale(locale.LC_ALL, "")
content = asyncio.run(receipt_renderers(SELLER)[sys.argv[1]].render(hostile_order()))
print(hashlib.sha256(content).hexdigest())
"""


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest_in_a_process(file_format: str, folder: Path, **environment: str) -> str:
    """Return the digest of the hostile order's receipt, made in a process of its own, in that folder."""
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT")}
    found = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST, file_format],
        cwd=folder,
        env=inherited | {"PYTHONPATH": str(CHECKOUT)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


@pytest.fixture(params=FORMATS)
def receipts(request: pytest.FixtureRequest) -> ReceiptRenderer:
    return receipt_renderers(SELLER)[request.param]


@pytest.mark.parametrize("file_format", FORMATS)
async def test_any_process_anywhere_makes_the_same_receipt(file_format: str, tmp_path: Path) -> None:
    (tmp_path / "receipt.typ").write_text("Not this one.")
    here = digest_of(await receipt_renderers(SELLER)[file_format].render(hostile_order()))
    in_tokyo = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "1", "HOME": str(tmp_path)}
    in_new_york = {"TZ": "America/New_York", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2", "SOURCE_DATE_EPOCH": "1"}
    assert digest_in_a_process(file_format, tmp_path, **in_tokyo) == here
    assert digest_in_a_process(file_format, CHECKOUT, **in_new_york) == here


async def test_the_next_receipt_does_not_depend_on_the_one_before(receipts: ReceiptRenderer) -> None:
    first = await receipts.render(CANCELLED)
    await receipts.render(hostile_order())
    await receipts.render(PENDING)
    assert await receipts.render(CANCELLED) == first


async def test_receipts_made_at_once_are_not_mixed_up(receipts: ReceiptRenderer) -> None:
    orders = [PENDING, CANCELLED, hostile_order(), hostile_order(("first", "second"))] * 8
    alone: dict[str, bytes] = {}
    for order in orders[:4]:
        alone[repr(order)] = await receipts.render(order)
    together = await asyncio.gather(*(receipts.render(order) for order in orders))
    assert together == [alone[repr(order)] for order in orders]


async def test_event_loops_in_other_threads_get_the_same(receipts: ReceiptRenderer) -> None:
    async def rendered(order: OrderDTO) -> bytes:
        return await receipts.render(order)

    here = await receipts.render(CANCELLED)
    there = await asyncio.gather(*(asyncio.to_thread(asyncio.run, rendered(CANCELLED)) for _ in range(4)))
    assert there == [here] * 4


async def test_a_long_receipt_is_made_beside_the_event_loop() -> None:
    making = asyncio.create_task(receipt_renderers()["pdf"].render(long_order()))
    turns = 0
    while not making.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
