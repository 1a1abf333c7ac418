"""Documents in S3, or in anything that speaks its language: through obstore, opened when the first document comes.

`store` does what the port asks, `place` knows bucket and credentials, `links` signs, `errors` says what went wrong.
"""

from orderkeep.infrastructure.s3_documents.store import S3DocumentStore

__all__ = ["S3DocumentStore"]
