"""A process that puts one large file: `URL KEY MEGABYTES WHERE`. It stops dead in the middle where WHERE is `half way`,
to be killed there; else it says by how many megabytes its memory grew.
"""

import asyncio
import io
import sys
import threading
from typing import IO, Any, cast

import psutil

from orderkeep.bootstrap.documents import open_documents

MEGABYTE = 1 << 20


class Stream(io.RawIOBase):
    """So many megabytes, of which no more than asked for are ever in memory."""

    def __init__(self, megabytes: int, stops_at: int) -> None:
        self._left, self._stops_at = megabytes * MEGABYTE, stops_at * MEGABYTE
        self.most = 0
        """The most memory that the process had while the file was read, in bytes."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._left, MEGABYTE)
        buffer[:count] = (self._left % 251).to_bytes(1) * count
        self._left -= count
        self.most = max(self.most, psutil.Process().memory_info().rss)
        if self._left and self._left <= self._stops_at:
            print("stopped", flush=True)
            threading.Event().wait()
        return count


async def put(url: str, key: str, megabytes: int, where: str) -> None:
    """Put the file, after a small one that loads what is needed."""
    documents = open_documents(url)
    await documents.put(f"{key}.small", b"one", "text/csv")
    before = psutil.Process().memory_info().rss
    stream = Stream(megabytes, megabytes // 2 if where == "half way" else 0)
    await documents.put(key, cast(IO[bytes], stream), "text/csv")
    print((stream.most - before) // MEGABYTE, flush=True)
    await documents.close()


if __name__ == "__main__":
    asyncio.run(put(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
