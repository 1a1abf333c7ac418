"""The SQLite store: one file, on one machine, for production as well."""

from sample_service.infrastructure.sqlite_repo.repository import SqliteSampleItemRepository

__all__ = ["SqliteSampleItemRepository"]
