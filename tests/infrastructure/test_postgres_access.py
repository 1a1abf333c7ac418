"""Access modes and the readiness check: reading writes nothing, and a read-only server is not ready."""

from pathlib import Path

import pytest

from orderkeep.application.ports import OrderFilter, StoreAccess
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.bootstrap.stores import InvalidStoreURL, open_store
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository
from orderkeep.infrastructure.postgres_repo.connections import read_url
from orderkeep.testing.orders import pending_order
from tests.infrastructure.test_postgres_schema import another_user, tables, used
from tests.servers.schemas import look


async def saved(url: str) -> None:
    store = PostgresOrderRepository(url)
    await store.save(pending_order())
    await store.close()


@pytest.mark.parametrize("access", [StoreAccess.READ, StoreAccess.WRITE])
async def test_missing_tables_are_reported_and_not_created(postgres_url: str, access: StoreAccess) -> None:
    store = PostgresOrderRepository(postgres_url, access=access)
    with pytest.raises(StoreUnusable, match=r"no tables of orderkeep: .*create them with `orderkeep migrate`"):
        await store.list_page(OrderFilter(), None, 5)
    await store.close()
    assert await tables(postgres_url) == []


async def test_older_schema_is_migrated_to_write_and_not_to_read(postgres_url: str) -> None:
    await used(postgres_url)
    await look(
        postgres_url, "DROP TABLE api_keys, checkpoints, personal_data, feed_positions, records"
    )  # with the columns, all that schemas 2 to 5 added
    await look(postgres_url, "ALTER TABLE changes DROP COLUMN schema, DROP COLUMN fingerprint")
    await look(postgres_url, "DELETE FROM orderkeep_migrations WHERE number > 1")
    reader = PostgresOrderRepository(postgres_url, access=StoreAccess.READ)
    with pytest.raises(StoreUnusable, match="has schema 1, and this version requires 5"):
        await reader.list_page(OrderFilter(), None, 5)
    await reader.close()
    assert "api_keys" not in await tables(postgres_url)

    writer = PostgresOrderRepository(postgres_url, access=StoreAccess.WRITE)
    await writer.ping()
    await writer.close()
    assert "api_keys" in await tables(postgres_url)


async def test_reading_works_with_select_only_and_cannot_write(postgres_server: str, postgres_url: str) -> None:
    await saved(postgres_url)
    async with another_user(postgres_server, postgres_url, "SELECT") as url:
        store = PostgresOrderRepository(url, access=StoreAccess.READ)
        assert (await VerifyOrdersUseCase(store).execute()).problems == []
        await store.close()
    store = PostgresOrderRepository(postgres_url, access=StoreAccess.READ)
    with pytest.raises(StoreUnavailable, match=r"\(25006\)"):
        await store.save(pending_order(2))
    await store.close()


async def test_restored_dump_must_be_continued_before_it_is_read(postgres_url: str) -> None:
    await saved(postgres_url)
    await look(postgres_url, "UPDATE changes SET tx = tx + 1000000000")  # as after a restore into a newer server
    reader = PostgresOrderRepository(postgres_url, access=StoreAccess.READ)
    with pytest.raises(StoreUnusable, match="restored from a dump: run `orderkeep migrate`"):
        await reader.read_changes(0, 5)
    await reader.close()

    writer = PostgresOrderRepository(postgres_url)
    await writer.migrate()
    await writer.close()
    reader = PostgresOrderRepository(postgres_url, access=StoreAccess.READ)
    assert len((await reader.read_changes(0, 5)).changes) == 1
    await reader.close()


async def test_read_only_server_is_not_ready_but_can_be_read(postgres_url: str) -> None:
    await saved(postgres_url)
    store = PostgresOrderRepository(f"{postgres_url}&default_transaction_read_only=on")
    assert (await store.list_page(OrderFilter(), None, 5)).documents
    with pytest.raises(StoreUnavailable, match="read-only, such as a standby"):
        await store.ping()
    await store.close()


async def test_user_who_cannot_write_is_not_ready(postgres_server: str, postgres_url: str) -> None:
    await used(postgres_url)
    async with another_user(postgres_server, postgres_url, "SELECT") as url:
        store = PostgresOrderRepository(url)
        with pytest.raises(StoreUnusable, match="lacks privileges"):
            await store.ping()
        await store.close()


async def test_dropped_tables_are_not_ready(postgres_url: str) -> None:
    store = PostgresOrderRepository(postgres_url)
    await store.ping()
    await look(postgres_url, "DROP TABLE changes, orders CASCADE")
    with pytest.raises(StoreUnusable, match="tables or columns are missing"):
        await store.ping()
    await store.close()


@pytest.mark.parametrize("name", ["channel_binding", "keepalives_idle", "pgbouncer", "tcp_user_timeout"])
def test_parameter_that_the_driver_does_not_support_is_rejected_by_name(name: str) -> None:
    with pytest.raises(InvalidStoreURL, match=f"does not support the parameter {name}: remove it") as rejected:
        open_store(f"postgresql://user:kept-secret@db/orders?application_name=shop&{name}=1")
    assert "kept-secret" not in str(rejected.value)


@pytest.mark.parametrize("seconds", ["0", "-1", "1.5", "soon", "", "1000", "\u0661"])
def test_invalid_connect_timeout_is_rejected(seconds: str) -> None:
    with pytest.raises(InvalidStoreURL, match=r"connect_timeout .* must be 1 to 999 seconds"):
        open_store(f"postgresql://db/orders?connect_timeout={seconds}")


@pytest.mark.parametrize(
    "query, said",
    [
        ("sslmode=on", "parameter sslmode .* must be one of disable, allow, prefer, require, verify-ca, verify-full"),
        ("sslmode=", "parameter sslmode .* must be one of disable"),
        ("target_session_attrs=master", "parameter target_session_attrs .* must be one of any, primary"),
        ("sslmode=require&sslmode=disable", "each parameter at most once"),
    ],
)
def test_invalid_parameter_is_named(query: str, said: str) -> None:
    with pytest.raises(InvalidStoreURL, match=said):
        open_store(f"postgresql://db/orders?{query}")


def test_connect_timeout_limits_connecting_and_is_not_sent() -> None:
    url = "postgresql://user@db/orders?search_path=a%2Cb&connect_timeout=7&sslmode=require"
    sent, names, seconds = read_url(url)
    assert sent == "postgresql://user@db/orders?search_path=a%2Cb&sslmode=require"
    assert (set(names), seconds) == ({"search_path", "sslmode"}, 7.0)


async def test_connect_timeout_works(postgres_url: str) -> None:
    await used(f"{postgres_url}&connect_timeout=5")


@pytest.mark.parametrize("parameter, state", [("no_such_setting=1", "42704"), ("statement_timeout=soon", "22023")])
async def test_parameter_that_the_server_rejects_is_named(postgres_url: str, parameter: str, state: str) -> None:
    name = parameter.partition("=")[0]
    with pytest.raises(StoreUnusable, match=rf"rejects the parameter {name} of the store's URL.*\({state}\)"):
        await used(f"{postgres_url}&{parameter}")


async def test_parameters_of_the_server_work(postgres_url: str) -> None:
    store = PostgresOrderRepository(f"{postgres_url}&statement_timeout=1234ms")
    [(found,)] = await store._rows("SELECT current_setting('statement_timeout')")
    assert found == "1234ms"
    await store.close()


@pytest.mark.parametrize(
    "parameters, said",
    [
        ("sslmode=require", "does not accept TLS: enable it there, or set sslmode=disable"),
        ("sslmode=verify-ca&sslrootcert={folder}/missing.pem", "the file that sslrootcert in the store's URL names"),
        (
            "sslmode=require&sslcert={folder}/cert.pem&sslkey={folder}/missing.pem",
            "the file that sslkey in the store's",
        ),
        ("sslmode=verify-full&sslrootcert={folder}/cert.pem", "TLS with PostgreSQL failed: check sslmode"),
    ],
)
async def test_wrong_tls_settings_are_permanent(postgres_url: str, tmp_path: Path, parameters: str, said: str) -> None:
    (tmp_path / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n")
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}{parameters.format(folder=tmp_path)}"
    store = PostgresOrderRepository(url)
    with pytest.raises(StoreUnusable, match=said):
        await store.ping()
    await store.close()
