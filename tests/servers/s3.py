"""S3 as the run's one moto server plays it.

ORDERKEEP_TEST_S3 names an endpoint to use instead. moto looks at no signature and no checksum: what is sent is seen in
the tests that play S3 themselves.
"""

import asyncio
import uuid
from dataclasses import dataclass
from urllib.parse import quote
from urllib.request import Request, urlopen

REGION = "eu-central-1"


@dataclass(frozen=True)
class Server:
    """A running S3."""

    endpoint: str

    def url_of(self, bucket: str, prefix: str = "") -> str:
        return f"s3://{bucket}{prefix}?region={REGION}&endpoint={quote(self.endpoint, safe=':/')}"

    async def new_bucket(self) -> str:
        """Create a bucket that nobody else uses, and return its name."""
        name = f"documents-{uuid.uuid4()}"
        await asyncio.to_thread(self._create, name)
        return name

    async def new_url(self, prefix: str = "/kept/here") -> str:
        """Create a bucket that nobody else uses, and return the URL of a document store in it."""
        return self.url_of(await self.new_bucket(), prefix)

    def _create(self, name: str) -> None:
        where = (
            f"<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        )
        urlopen(Request(f"{self.endpoint}/{name}", where.encode(), method="PUT"), timeout=30).close()
