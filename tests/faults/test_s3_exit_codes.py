"""The S3 client's threads do not change the exit code of a process that used it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import pytest

from orderkeep.bootstrap import UseCases, bootstrap
from orderkeep.testing.orders import place_command
from tests.entrypoints.cli_calls import environment, run
from tests.servers import s3
from tests.servers.running import free_port

DOCUMENTS = 8
RUNS = int(os.environ.get("ORDERKEEP_TEST_RUNS", "0"))
"""The processes of each test, of which a few must suffice by default. 200 show what one of a hundred does."""


IN_A_HURRY = """
import asyncio, sys
from orderkeep.bootstrap.documents import end_process_after, open_documents
from orderkeep.domain.exceptions import StoreUnavailable

def main() -> None:
    try:
        asyncio.run(open_documents(sys.argv[1]).get("orders/none/" + 64 * "0" + ".html"))
    except StoreUnavailable:
        print("output")
        raise SystemExit(5) from None

end_process_after(main)
"""
"""Ends right after a failure, when a thread of the client still has objects to release."""


@pytest.fixture
def documents(s3_server: s3.Server) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield asyncio.run(s3_server.new_url())


def unreachable() -> str:
    return f"s3://documents?region={s3.REGION}&endpoint=http://127.0.0.1:{free_port()}"


def test_threads_of_the_client_do_not_change_the_exit_code() -> None:
    """One of three such processes aborts if the interpreter ends it."""
    command = [sys.executable, "-c", IN_A_HURRY, unreachable()]
    env = environment(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret")

    def end(_: int) -> tuple[int, bytes]:
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=False)
        return done.returncode, done.stdout

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(end, range(RUNS or 12))) == {(5, b"output\n")}


async def _store_documents(use_cases: UseCases) -> dict[str, str]:
    """Issue receipts and store a checkpoint; return an order and the checkpoint's key."""
    try:
        for number in range(DOCUMENTS):
            placed = await use_cases.place_order.execute(place_command(number))
            await use_cases.issue_receipt.execute(placed.order.id)
        checkpoint = await use_cases.create_checkpoint.execute(to_documents=True)
        return {"ORDER": placed.order.id, "KEY": checkpoint.key or ""}
    finally:
        await use_cases.close()


@pytest.mark.parametrize(
    "command, output, codes",
    [
        ("verify --documents", b"documents read\t%d\n" % DOCUMENTS, (0, 5, 7)),
        ("verify --checkpoint-document KEY", b"checkpoints\t2\n", (0, 5, 7)),
        ("receipt ORDER", b"</html>\n", (0, 7, 7)),
        ("export --to-documents", b"orders\t%d\n" % DOCUMENTS, (0, 0, 7)),
        ("checkpoint --to-documents", b"key\tcheckpoints/", (0, 0, 7)),
    ],
)
def test_commands_that_use_documents_end_with_their_exit_code(
    documents: str, tmp_path: Path, command: str, output: bytes, codes: tuple[int, ...]
) -> None:
    """With the documents, with those of another prefix, and without S3."""
    store = f"sqlite:///{tmp_path}/orders.db"
    known = asyncio.run(_store_documents(bootstrap(store, documents_url=documents)))
    arguments = [known.get(word, word) for word in command.split()]
    cases = list(zip((documents, documents.replace("/kept/here", "/elsewhere"), unreachable()), codes, strict=True))

    def end(case: tuple[str, int]) -> tuple[int, bool]:
        env = environment(ORDERKEEP_DOCUMENTS=case[0])
        done = run("--store", store, *arguments, cwd=tmp_path, env=env)
        return done.returncode, output in done.stdout

    wanted = list(islice(cycle(cases), RUNS or len(cases)))
    with ThreadPoolExecutor(3) as pool:
        ended = list(pool.map(end, wanted))
    printed = [code == 0 or (command, code) == ("verify --documents", 5) for _, code in wanted]
    assert ended == list(zip([code for _, code in wanted], printed, strict=True))
