"""Orders in PostgreSQL: for containers, and for many writers. Needs asyncpg, the extra `postgres`."""

from orderkeep.infrastructure.postgres_repo.repository import PostgresOrderRepository

__all__ = ["PostgresOrderRepository"]
