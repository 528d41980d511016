"""Certificates of the tests' own, made by openssl for as long as a test lives."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_authority(directory: Path, name: str) -> Pair:
    """An authority that answers to nobody."""
    pair = Pair(directory / f"{name}.pem", directory / f"{name}.key")
    _openssl(
        "req", "-x509", *_NEW_KEY, "-days", "2", "-subj", f"/CN={name}",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-keyout", str(pair.key), "-out", str(pair.certificate),
    )  # fmt: skip
    return pair


def make_certificate(directory: Path, authority: Pair, *, alternative: str) -> Pair:
    """A server's certificate; alternative: who it is for, such as `IP:127.0.0.1`."""
    stem = alternative.replace(":", "-")
    pair = Pair(directory / f"{stem}.pem", directory / f"{stem}.key")
    request, extensions = directory / f"{stem}.csr", directory / f"{stem}.ext"
    extensions.write_text(f"subjectAltName={alternative}\n")
    _openssl(
        "req", "-new", *_NEW_KEY, "-subj", "/CN=reader",
        "-keyout", str(pair.key), "-out", str(request),
    )  # fmt: skip
    _openssl(
        "x509", "-req", "-in", str(request), "-days", "2", "-CAcreateserial",
        "-CA", str(authority.certificate), "-CAkey", str(authority.key),
        "-extfile", str(extensions), "-out", str(pair.certificate),
    )  # fmt: skip
    return pair


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
