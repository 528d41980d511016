"""Writes the bill of materials of a release: CycloneDX 1.5, from a lock and what is installed.

    scripts/sbom.py requirements/box.lock > dist/forepost-VERSION-box.cdx.json

Names, versions and hashes are the lock's, for all platforms; licences are what the packages say of
themselves. The same sources give the same bytes: no time of day, a serial number from the content.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
import uuid
from pathlib import Path

from licences import Pin, licence_of, read_lock

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Print the bill of the lock that is named."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("usage: scripts/sbom.py LOCK", file=sys.stderr)
        return 0 if sys.argv[1:] == ["--help"] else 2
    pins = read_lock(Path(sys.argv[1]))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    print(
        json.dumps(bill(project["name"], project["version"], project["license"], pins), indent=1)
    )
    return 0


def bill(name: str, version: str, licence: str, pins: list[Pin]) -> dict[str, object]:
    """The whole document."""
    product = {
        "type": "application",
        "bom-ref": f"{name}@{version}",
        "name": name,
        "version": version,
        "licenses": [{"expression": licence}],
    }
    components = [component(pin) for pin in pins]
    digest = hashlib.sha256(json.dumps([product, components]).encode()).digest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": uuid.UUID(bytes=digest[:16], version=4).urn,
        "version": 1,
        "metadata": {"component": product},
        "components": components,
        "dependencies": [
            {"ref": product["bom-ref"], "dependsOn": [pin.purl for pin in pins]},
            *({"ref": pin.purl} for pin in pins),
        ],
    }


def component(pin: Pin) -> dict[str, object]:
    """One package; each of its hashes is one file that may have been installed."""
    licence = licence_of(pin.name)
    return {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        "licenses": [{"expression": licence}] if licence else [],
        "hashes": [{"alg": "SHA-256", "content": it} for it in pin.sha256],
    }


if __name__ == "__main__":
    sys.exit(main())
