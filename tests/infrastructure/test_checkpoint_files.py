"""Signed checkpoint files: what is accepted, and why a file or a key is rejected."""

import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from orderkeep.application.use_cases.create_checkpoint import CreateCheckpointUseCase, InvalidCheckpoint
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase, VerifyProblem
from orderkeep.infrastructure.checkpoint_files import Ed25519CheckpointFiles
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order

KEY = ed25519.Ed25519PrivateKey.generate()
OF_ANOTHER_TYPE = ec.generate_private_key(ec.SECP256R1())


def private_pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, *form)


def public_pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


@pytest.fixture
def store() -> InMemoryOrderRepository:
    return InMemoryOrderRepository([small_order("order-1")])


async def checkpoint_of(store: InMemoryOrderRepository, private_key: bytes | None = None) -> bytes:
    return (
        await CreateCheckpointUseCase(store, Ed25519CheckpointFiles(), InMemoryDocumentStore()).execute(
            private_key=private_key
        )
    ).file


async def problems(store: InMemoryOrderRepository, file: bytes, public_key: bytes | None = None) -> list[VerifyProblem]:
    verify = VerifyOrdersUseCase(store, files=Ed25519CheckpointFiles())
    return (await verify.execute(checkpoint_file=file, public_key=public_key)).problems


async def test_signed_file_is_accepted_with_its_public_key_only(store: InMemoryOrderRepository) -> None:
    file = await checkpoint_of(store, private_pem(KEY))
    assert await problems(store, file, public_pem(KEY)) == []
    assert await problems(store, file.replace(b"\n", b"\r\n"), public_pem(KEY)) == []
    with pytest.raises(InvalidCheckpoint, match="verify it with its public key"):
        await problems(store, file)
    with pytest.raises(InvalidCheckpoint, match="this is not a checkpoint"):
        await problems(store, b"# A page\n\nof several lines")
    with pytest.raises(InvalidCheckpoint, match="its signature is invalid"):
        await problems(store, file, public_pem(ed25519.Ed25519PrivateKey.generate()))


@pytest.mark.parametrize("old, new", [(b'"orders":1', b'"orders":2'), (b"\n", b"\nx"), (b"==\n", b"=\n")])
async def test_altered_file_is_rejected(store: InMemoryOrderRepository, old: bytes, new: bytes) -> None:
    file = await checkpoint_of(store, private_pem(KEY))
    assert old in file
    with pytest.raises(InvalidCheckpoint, match="its signature is invalid"):
        await problems(store, file.replace(old, new), public_pem(KEY))


async def test_unsigned_file_is_rejected_if_a_public_key_is_given(store: InMemoryOrderRepository) -> None:
    with pytest.raises(InvalidCheckpoint, match="is not signed"):
        await problems(store, await checkpoint_of(store), public_pem(KEY))


@pytest.mark.parametrize("key", [b"no key", private_pem(OF_ANOTHER_TYPE)], ids=["text", "EC"])
async def test_unusable_private_key_is_rejected_before_anything_is_stored(
    store: InMemoryOrderRepository, key: bytes
) -> None:
    with pytest.raises(InvalidCheckpoint, match="the private key cannot be used: it must be of Ed25519"):
        await checkpoint_of(store, key)
    assert await store.last_checkpoint() is None


@pytest.mark.parametrize("key", [b"no key", public_pem(OF_ANOTHER_TYPE)], ids=["text", "EC"])
async def test_unusable_public_key_is_rejected(store: InMemoryOrderRepository, key: bytes) -> None:
    file = await checkpoint_of(store, private_pem(KEY))
    with pytest.raises(InvalidCheckpoint, match="the public key cannot be used: it must be of Ed25519"):
        await problems(store, file, key)


async def test_missing_package_is_named(store: InMemoryOrderRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    file = await checkpoint_of(store, private_pem(KEY))
    for module in ("", ".exceptions", ".hazmat.primitives.asymmetric.ed25519"):
        monkeypatch.setitem(sys.modules, f"cryptography{module}", None)
    with pytest.raises(InvalidCheckpoint, match=r"pip install 'orderkeep\[jwt\]'"):
        await checkpoint_of(store, private_pem(KEY))
    with pytest.raises(InvalidCheckpoint, match=r"pip install 'orderkeep\[jwt\]'"):
        await problems(store, file, public_pem(KEY))
