"""The S3 client's threads do not change the exit code of a process that used it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orderkeep.bootstrap import UseCases, bootstrap
from orderkeep.testing.orders import place_command
from tests.entrypoints.cli_calls import environment, run
from tests.servers import s3
from tests.servers.running import free_port

DOCUMENTS = 8
RUNS = 12


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
        assert set(pool.map(end, range(RUNS))) == {(5, b"output\n")}


async def _issue_receipts(use_cases: UseCases) -> None:
    try:
        for number in range(DOCUMENTS):
            placed = await use_cases.place_order.execute(place_command(number))
            await use_cases.issue_receipt.execute(placed.order.id)
    finally:
        await use_cases.close()


def test_commands_that_read_documents_end_with_their_exit_code(documents: str, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/orders.db"
    asyncio.run(_issue_receipts(bootstrap(store, documents_url=documents)))

    def verify(url: str) -> tuple[int, list[bytes]]:
        env = environment(ORDERKEEP_DOCUMENTS=url)
        done = run("--store", store, "verify", "--documents", cwd=tmp_path, env=env)
        return done.returncode, done.stdout.splitlines()[3:5]

    elsewhere = documents.replace("/kept/here", "/elsewhere")
    with ThreadPoolExecutor(3) as pool:
        ended = list(pool.map(verify, [documents, elsewhere, unreachable()]))
    read = b"documents read\t%d" % DOCUMENTS
    assert ended == [(0, [read, b"problems\t0"]), (5, [read, b"problems\t%d" % DOCUMENTS]), (7, [])]


def test_checkpoint_in_a_bucket_is_verified_with_its_exit_code(documents: str, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/orders.db"

    def call(*arguments: str, url: str = documents) -> tuple[int, bytes]:
        done = run("--store", store, *arguments, cwd=tmp_path, env=environment(ORDERKEEP_DOCUMENTS=url))
        return done.returncode, done.stdout

    assert call("migrate")[0] == 0
    code, printed = call("checkpoint", "--to-documents", "--json")
    key = json.loads(printed)["key"]
    assert (code, key.partition("/")[0]) == (0, "checkpoints")
    elsewhere = documents.replace("/kept/here", "/elsewhere")
    verified = [call("verify", "--checkpoint-document", key, url=url) for url in (documents, elsewhere, unreachable())]
    assert verified == [(0, b"orders\t0\nchanges\t0\ncheckpoints\t2\nproblems\t0\n"), (5, b""), (7, b"")]
