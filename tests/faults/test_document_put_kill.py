"""A process is killed (SIGKILL) while it stores a large file: no file exists under its key. And such a file is never in
memory as a whole.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orderkeep.bootstrap.documents import open_documents
from tests.faults.stopping_process import killed_where_it_stops
from tests.servers.s3 import Server

KEY = "exports/one.csv"
LARGE = 300
"""Megabytes."""


@pytest.fixture(params=["folder", "s3"])
async def documents_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "folder":
        yield f"folder:///{tmp_path / 'documents'}"
    else:
        server: Server = request.getfixturevalue("s3_server")
        yield await server.new_url()


async def put(url: str, megabytes: int, where: str) -> str:
    return await killed_where_it_stops("tests.faults.document_process", url, KEY, str(megabytes), where)


async def test_a_killed_put_leaves_nothing_under_the_key(documents_url: str) -> None:
    assert await put(documents_url, 40, "half way") == "stopped"
    documents = open_documents(documents_url)
    assert await documents.get(KEY) is None
    await put(documents_url, 40, "to the end")
    assert len(await documents.get(KEY) or b"") == 40 << 20
    await documents.close()


async def test_a_large_file_is_never_in_memory_as_a_whole(documents_url: str) -> None:
    assert int(await put(documents_url, LARGE, "to the end")) < LARGE / 3
