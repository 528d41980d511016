"""Pins the box's certificate authority: what it makes, keeps and refuses, who may read what."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway.broker.authority import Authority
from gateway.errors import BrokerError
from tests.rigs.access import Site

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def test_secrets_are_their_owners_alone(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure()
    site.issue("pda-01")
    secret = {"authority/ca.key", "credentials/mqtt-key", "for-pda-01/pda-01.key"}
    for name in secret:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    keys = {str(it.relative_to(tmp_path)) for it in tmp_path.rglob("*") if it.is_file()
            and b"PRIVATE KEY" in it.read_bytes()}  # fmt: skip
    assert keys == secret | {"mosquitto/certs/forepost-broker.key"}, "no key is kept elsewhere"
    assert (tmp_path / "mosquitto/certs/forepost-broker.key").stat().st_mode & 0o007 == 0


def test_a_box_that_boots_in_1970_lets_its_devices_in(tmp_path: Path) -> None:
    authority = Authority(tmp_path, NOW)
    made = certificate(authority.issue("pda-01", days=30).certificate)
    assert made.not_valid_before_utc == datetime(1970, 1, 1, tzinfo=UTC)
    assert made.not_valid_after_utc == NOW + timedelta(days=30)
    crl = x509.load_pem_x509_crl(authority.revocations)
    assert crl.next_update_utc is not None
    assert crl.next_update_utc > NOW + timedelta(days=20 * 365), "it never locks all out"


def test_it_is_the_same_authority_after_a_restart(tmp_path: Path) -> None:
    first = Authority(tmp_path, NOW)
    first.issue("pda-01", days=30)
    first.issue("pda-02", days=30)
    first.revoke("pda-01")
    again = Authority(tmp_path, NOW)
    assert again.certificate == first.certificate
    assert again.devices() == ["pda-02"]
    assert [(it.name, it.is_revoked) for it in again.issued()] == [
        ("pda-01", True),
        ("pda-02", False),
    ]


def test_every_revocation_stays(tmp_path: Path) -> None:
    authority = Authority(tmp_path, NOW)
    for name in ("pda-01", "pda-01", "pda-02"):
        authority.issue(name, days=30)
    assert authority.revoke("pda-01") == 2
    assert authority.revoke("pda-02") == 1
    ended = {it.serial_number for it in x509.load_pem_x509_crl(authority.revocations)}
    assert ended == {it.serial for it in authority.issued()}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "a name is 1 to 64"),
        ("../x", "a name is 1 to 64"),
        ("a b", "a name is 1 to 64"),
        ("pda\nuser gateway", "a name is 1 to 64"),
        ("broker", "reserved"),
        ("all", "reserved"),
    ],
)
def test_names_that_are_none_get_no_certificate(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(BrokerError, match=says):
        Authority(tmp_path, NOW).issue(name, days=30)


def test_what_is_not_there_is_not_revoked(tmp_path: Path) -> None:
    authority = Authority(tmp_path, NOW)
    authority.issue("gateway", days=30)
    for name in ("pda-01", "gateway"):
        with pytest.raises(BrokerError, match="there is none to shut out"):
            authority.revoke(name)


@pytest.mark.parametrize("name", ["ca.key", "ca.pem", "crl.pem"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    Authority(tmp_path, NOW)
    (tmp_path / name).write_bytes(b"-----BEGIN NOTHING-----\n")
    with pytest.raises(BrokerError, match=name):
        Authority(tmp_path, NOW).devices()


def test_files_of_two_authorities_are_not_mixed(tmp_path: Path) -> None:
    Authority(tmp_path / "a", NOW)
    Authority(tmp_path / "b", NOW)
    (tmp_path / "a/ca.pem").write_bytes((tmp_path / "b/ca.pem").read_bytes())
    with pytest.raises(BrokerError, match=r"ca\.key is not the key of ca\.pem"):
        Authority(tmp_path / "a", NOW)


def test_running_it_again_changes_nothing_that_is_good(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure()
    site.issue("pda-01")
    before = {it: it.read_bytes() for it in tmp_path.rglob("*") if it.is_file()}
    assert site.configure() == 0
    assert {it: it.read_bytes() for it in tmp_path.rglob("*") if it.is_file()} == before


def test_another_host_name_makes_another_certificate(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure()
    site.configure("--host", "box.example", "--host", "192.0.2.7")
    made = certificate((tmp_path / "mosquitto/certs/forepost-broker.pem").read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(it.value) for it in names] == [
        "box.example",
        "192.0.2.7",
        "localhost",
        "127.0.0.1",
    ]


def test_a_bundle_opens_with_its_password_alone(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure()
    (tmp_path / "password").write_text("open sesame\n")
    out = site.issue("pda-01", "--pkcs12-password-file", str(tmp_path / "password"))
    bundle = (out / "pda-01.p12").read_bytes()
    key, made, others = pkcs12.load_key_and_certificates(bundle, b"open sesame")
    assert key is not None
    assert made is not None
    assert made.subject.rfc4514_string() == "CN=pda-01"
    assert len(others) == 1
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(bundle, b"another")


def test_devices_before_the_broker_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(tmp_path)
    assert site.devices("issue", "pda-01", "--out", str(tmp_path / "out")) == 1
    assert "run `broker-config` first" in capsys.readouterr().err
