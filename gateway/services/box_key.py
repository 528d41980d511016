"""The box's own key: by it the cloud knows this gateway for as long as the box lives.

An Ed25519 key pair (RFC 8032), made here, that never leaves the box. Beside it lies the number of
the last renewal it signed: each is used once (cloud_sync/contract/enrolment.py).
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.contract.enrolment import RenewRequest, renewal_bytes
from gateway.errors import SyncError
from gateway.journal.durable import SECRET, put_file


class BoxKey:
    """The key in a file. Raises SyncError if it cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self._number_path = path.with_name(path.name + ".number")
        try:
            loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise SyncError(f"{path}: no private key: {error}") from error
        if not isinstance(loaded, Ed25519PrivateKey):
            raise SyncError(f"{path}: not an Ed25519 key")
        self._key = loaded

    @property
    def public(self) -> str:
        """The public key, as hex."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign_renewal(self, gateway: str, now_us: int) -> RenewRequest:
        """A request that was never made before, whatever the clock says."""
        try:
            last = int(self._number_path.read_text(encoding="ascii"))
        except FileNotFoundError:
            last = 0
        except (OSError, ValueError) as error:
            raise SyncError(f"{self._number_path}: no number: {error}") from error
        number = max(last + 1, now_us)
        put(self._number_path, str(number).encode())  # before it is used: a crash skips it
        signature = self._key.sign(renewal_bytes(gateway, number))
        return RenewRequest(gateway=gateway, number=number, signature=signature.hex())


def make_box_key(path: Path) -> BoxKey:
    """The key in a file, made there if there is none. Raises SyncError."""
    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        put(path, pem)
    return BoxKey(path)


def put(path: Path, content: bytes) -> None:
    """Write a secret of the gateway's. Raises SyncError."""
    try:
        put_file(path, content, mode=SECRET)
    except OSError as error:
        raise SyncError(f"{path}: {error.strerror}") from error
