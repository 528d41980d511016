"""When the certificates and the token of this box end: those it reads, and those it gave out."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from cryptography import x509

from gateway.broker.listing import read_listing
from gateway.services.cloud_token import RENEW_AFTER_S
from gateway.settings import Settings

TOKEN_S: Final = 90 * 86_400.0
MONTH_S: Final = 30 * 86_400.0
CLOUD: Final = "cloud credential"
BROKER_CA: Final = "broker authority"
CLOUD_CA: Final = "cloud authority"
GATEWAY: Final = "gateway at the broker"


def ends_of(settings: Settings, listing: Path | None) -> dict[str, float]:
    """When each ends, in seconds since 1970, by what it is; what cannot be read is left out.

    listing: what `broker-config` and `devices` left about the certificates that they made.
    """
    found = {} if listing is None else read_listing(listing)
    mqtt, cloud = settings.mqtt, settings.cloud
    if mqtt is not None:
        _note(found, BROKER_CA, mqtt.ca_file)
        _note(found, GATEWAY, mqtt.cert_file)
    if cloud is not None:
        _note(found, CLOUD_CA, cloud.ca_file)
        if cloud.key_file is not None:
            with contextlib.suppress(OSError):
                found[CLOUD] = cloud.token_file.stat().st_mtime + TOKEN_S
    return found


def patience_s(name: str) -> float:
    """How long before the end a person must know.

    A token is renewed every week; one that was not for a month will not be by itself.
    """
    return TOKEN_S - 4 * RENEW_AFTER_S if name == CLOUD else MONTH_S


def _note(found: dict[str, float], name: str, path: Path | None) -> None:
    """The end of what is in a file; of several certificates the last, as in a bundle."""
    if path is None:
        return
    with contextlib.suppress(OSError, ValueError):
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
        found[name] = max(it.not_valid_after_utc.timestamp() for it in certificates)
