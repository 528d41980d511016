"""The box's own certificate authority: who may connect to the warehouse's broker, and as whom.

    DIR/ca.key                  0600; whoever has it can make devices
    DIR/ca.pem  crl.pem         what the broker checks clients against (RFC 5280)
    DIR/issued/NAME/SERIAL.pem  every certificate that was made; no key of a device is kept
    DIR/revoked/NAME            names that are never given again

A device's name is the common name of its certificate, and its user name at the broker. P-256 keys:
handhelds of ten years ago know them. A box without a battery-backed clock may start in 1970, and
must let its devices in all the same, so everything is valid from 1970 on; what ends early is ended
by the list of revoked certificates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud_sync.contract.keys import is_id
from gateway.errors import BrokerError
from gateway.journal.durable import SECRET, put_file

GATEWAY: Final = "gateway"
"""The user name of the gateway itself."""
BROKER: Final = "broker"
RESERVED: Final = frozenset({GATEWAY, BROKER, "all"})
"""Names of no device; `all` is who a task for everybody is for."""

PUBLIC = 0o644
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CA_DAYS: Final = 30 * 365
"""Longer than a box lives: a new authority means new certificates on every device."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A key and its certificate, as PEM."""

    key: bytes
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was made."""

    name: str
    serial: int
    ends: datetime
    is_revoked: bool


class Authority:
    """The authority in a directory; made there if there is none. Raises BrokerError."""

    def __init__(self, directory: Path, now: datetime) -> None:
        self._directory, self._now = directory, now
        if not (directory / "ca.key").exists():
            self._found()
        self._key = _load_key(directory / "ca.key")
        self._ca = _load(directory / "ca.pem")
        if self._ca.public_key() != self._key.public_key():
            raise BrokerError(f"{directory}: ca.key is not the key of ca.pem")

    @property
    def certificate(self) -> bytes:
        """What others check certificates of this authority by, as PEM."""
        return _pem(self._ca)

    @property
    def revocations(self) -> bytes:
        """The list of revoked certificates, as PEM."""
        return self._crl().public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str, *, days: int) -> Identity:
        """Make a client's identity; older ones of the name stay good. Raises BrokerError."""
        self.check_name(name)
        return self._issue(name, days=days, usage=ExtendedKeyUsageOID.CLIENT_AUTH, hosts=())

    def check_name(self, name: str) -> None:
        """Raises BrokerError for a name that no client may have."""
        if not is_id(name):
            raise BrokerError(f"device {name!r}: a name is 1 to 64 of A-Z a-z 0-9 . _ -")
        if name in RESERVED - {GATEWAY}:
            raise BrokerError(f"device {name!r}: the name is reserved")
        if self.is_revoked(name):
            raise BrokerError(f"device {name!r}: the name was revoked; give the device another")

    def issue_broker(self, hosts: tuple[str, ...], *, days: int) -> Identity:
        """Make the broker's own identity for the names and addresses that devices call it by."""
        return self._issue(BROKER, days=days, usage=ExtendedKeyUsageOID.SERVER_AUTH, hosts=hosts)

    def revoke(self, name: str, *, has_password: bool = False) -> int:
        """End a device's name and all its certificates; gives how many. Raises BrokerError."""
        serials = [it.serial for it in self.issued() if it.name == name and not it.is_revoked]
        if not (serials or has_password) or name in RESERVED:
            raise BrokerError(f"device {name!r}: there is none to shut out")
        put(self._directory / f"revoked/{name}", b"", PUBLIC)
        self._put_crl([*self._crl(), *(self._ended(it) for it in serials)])
        return len(serials)

    def is_revoked(self, name: str) -> bool:
        """Whether a name was taken back."""
        return (self._directory / "revoked" / name).exists()

    def issued(self) -> list[Issued]:
        """All certificates of clients, by name, the oldest first."""
        ended = {it.serial_number for it in self._crl()}
        found = []
        for path in (self._directory / "issued").glob("*/*.pem"):
            certificate = _load(path)
            serial = certificate.serial_number
            found.append(
                Issued(path.parent.name, serial, certificate.not_valid_after_utc, serial in ended)
            )
        return sorted(found, key=lambda it: (it.name, it.ends))

    def devices(self) -> list[str]:
        """The names of those that may connect, in order."""
        return sorted({it.name for it in self.issued() if not it.is_revoked} - RESERVED)

    def _found(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        # Two boxes must not be taken for each other's authority: the name has a number of its own.
        serial = x509.random_serial_number()
        name = _named(f"Forepost devices {serial % 16**8:08x}")
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(_EPOCH)
            .not_valid_after(self._now + timedelta(days=_CA_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        self._key, self._ca = key, certificate
        put(self._directory / "ca.pem", _pem(certificate), PUBLIC)
        self._put_crl([])
        # Last: an authority that has its key is whole.
        put(self._directory / "ca.key", _key_pem(key), SECRET)

    def _issue(
        self, name: str, *, days: int, usage: x509.ObjectIdentifier, hosts: tuple[str, ...]
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(self._ca.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_EPOCH)
            .not_valid_after(min(self._now + timedelta(days=days), self._ca.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if hosts:
            names = x509.SubjectAlternativeName([_host(it) for it in hosts])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        if name != BROKER:
            path = f"issued/{name}/{certificate.serial_number:x}.pem"
            put(self._directory / path, _pem(certificate), PUBLIC)
        return Identity(_key_pem(key), _pem(certificate))

    def _ended(self, serial: int) -> x509.RevokedCertificate:
        builder = x509.RevokedCertificateBuilder().serial_number(serial)
        return builder.revocation_date(self._now).build()

    def _crl(self) -> x509.CertificateRevocationList:
        path = self._directory / "crl.pem"
        try:
            found = x509.load_pem_x509_crl(path.read_bytes())
        except (OSError, ValueError) as error:
            raise BrokerError(f"{path}: no list of revoked certificates: {error}") from error
        if not found.is_signature_valid(self._key.public_key()):
            raise BrokerError(f"{path}: not signed by ca.key")
        return found

    def _put_crl(self, ended: list[x509.RevokedCertificate]) -> None:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._ca.subject)
            .last_update(_EPOCH)
            # A list that ends would lock all devices out on the day that nobody renews it.
            .next_update(self._ca.not_valid_after_utc)
        )
        for it in ended:
            builder = builder.add_revoked_certificate(it)
        crl = builder.sign(self._key, hashes.SHA256())
        put(self._directory / "crl.pem", crl.public_bytes(serialization.Encoding.PEM), PUBLIC)


def end_of(path: Path) -> datetime:
    """When the certificate in a file ends. Raises BrokerError."""
    return _load(path).not_valid_after_utc


def put(path: Path, content: bytes, mode: int = PUBLIC) -> None:
    """Put a file of the broker's, and its directory if there is none. Raises BrokerError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        put_file(path, content, mode=mode)
    except OSError as error:
        raise BrokerError(f"{path}: {error.strerror}") from error


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError as error:
        raise BrokerError(f"host {host!r}: neither an address nor a name in ASCII") from error


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _load(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BrokerError(f"{path}: no certificate: {error}") from error


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BrokerError(f"{path}: no private key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BrokerError(f"{path}: not an elliptic-curve key")
    return key
