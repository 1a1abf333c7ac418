"""Orders in one SQLite file: for one machine, production included."""

from orderkeep.infrastructure.sqlite_repo.repository import SqliteOrderRepository

__all__ = ["SqliteOrderRepository"]
