"""Checkpoint files: a line of JSON and, if signed, a line with its Ed25519 signature (RFC 8032) in base64.

`cryptography` is imported when a file is signed or its signature is verified.
"""

import base64
import binascii

from orderkeep.application.use_cases.create_checkpoint import Checkpoint, CheckpointFiles, InvalidCheckpoint

INVALID_SIGNATURE = "the checkpoint was altered or signed with another key: its signature is invalid"
NOT_INSTALLED = "signatures need a package that is not installed: pip install 'orderkeep[jwt]'"


class Ed25519CheckpointFiles(CheckpointFiles):
    """Signs with a private key and verifies with its public key, both in PEM, as OpenSSL creates them."""

    def write(self, checkpoint: Checkpoint, private_key: bytes | None) -> bytes:
        line = checkpoint.to_json().encode()
        if private_key is None:
            return line + b"\n"
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
            from cryptography.hazmat.primitives.serialization import load_pem_private_key
        except ModuleNotFoundError:
            raise InvalidCheckpoint(NOT_INSTALLED) from None
        try:
            key = load_pem_private_key(private_key, password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise InvalidCheckpoint(
                "the private key cannot be used: it must be of Ed25519, in PEM, without a password, such as "
                "`openssl genpkey -algorithm ed25519` creates"
            )
        return line + b"\n" + base64.b64encode(key.sign(line)) + b"\n"

    def read(self, content: bytes, public_key: bytes | None) -> Checkpoint:
        line, _, signature = content.rstrip(b"\r\n").partition(b"\n")
        line = line.rstrip(b"\r")
        if public_key is not None:
            if not signature:
                raise InvalidCheckpoint("the checkpoint is not signed, and a public key was given: use the signed file")
            _verify(line, signature, public_key)
        checkpoint = Checkpoint.of_json(line)
        if signature and public_key is None:
            raise InvalidCheckpoint("the checkpoint is signed: verify it with its public key (--public-key FILE)")
        return checkpoint


def _verify(line: bytes, signature: bytes, public_key: bytes) -> None:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ModuleNotFoundError:
        raise InvalidCheckpoint(NOT_INSTALLED) from None
    try:
        key = load_pem_public_key(public_key)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidCheckpoint(
            "the public key cannot be used: it must be of Ed25519, in PEM, such as `openssl pkey -pubout` creates"
        )
    try:
        key.verify(base64.b64decode(signature, validate=True), line)
    except (InvalidSignature, binascii.Error):
        raise InvalidCheckpoint(
            "the checkpoint was altered or signed with another key: its signature is invalid"
        ) from None
