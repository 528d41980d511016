"""The URIs under which others know our items, lots, places, documents and events.

Trade items need no company prefix: a GS1 Digital Link carries the whole GTIN. A warehouse with a
GLN is named by it; everything else that is only ours gets a URI below one base of our own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from cloud_sync.contract.keys import gtin_check_digit, is_gtin
from cloud_sync.epcis.identifiers import canonical_id, link_uri
from cloud_sync.epcis.uris import is_uri

BASE: Final = "https://id.forepost.example"
"""Where a company has set none of its own; a name that never leads anywhere (RFC 2606)."""

NAMESPACE: Final = "https://id.forepost.example/epcis/"
PREFIX: Final = "forepost"

_GS1_TEXT: Final = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}", re.ASCII)
_SSCC: Final = re.compile(r"\d{18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a warehouse. offset_min: its clock's distance from UTC."""

    gln: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Naming:
    """How things of ours are named. places: by warehouse id; base: without a slash at its end."""

    base: str = BASE
    places: Mapping[str, Place] = field(default_factory=dict)

    def item(self, gtin: str) -> str:
        """The class of all pieces of a trade item."""
        return link_uri(("01", gtin)) if is_gtin(gtin) else self._own("items", gtin)

    def lot(self, gtin: str, lot: str | None) -> str:
        """The class of all pieces of a lot; of the item where no lot is known."""
        if lot is None:
            return self.item(gtin)
        if is_gtin(gtin) and _GS1_TEXT.fullmatch(lot):
            return link_uri(("01", gtin), ("10", lot))
        return self._own("items", gtin, "lots", lot)

    def piece(self, gtin: str, serial: str) -> str:
        """One piece."""
        if is_gtin(gtin) and _GS1_TEXT.fullmatch(serial):
            return link_uri(("01", gtin), ("21", serial))
        return self._own("items", gtin, "pieces", serial)

    def unit(self, sscc: str) -> str:
        """A logistic unit, by SSCC where it has one."""
        if _SSCC.fullmatch(sscc) and gtin_check_digit(sscc[:-1]) == sscc[-1]:
            return link_uri(("00", sscc))
        return self._own("units", sscc)

    def place(self, warehouse: str, location: str | None = None) -> str:
        """A warehouse, or a location in it; virtual ones, too."""
        known = self.places.get(warehouse)
        if known is None or known.gln is None:
            return self._own("places", warehouse, *([] if location is None else [location]))
        if location is None:
            return link_uri(("414", known.gln))
        if _GS1_TEXT.fullmatch(location):
            return link_uri(("414", known.gln), ("254", location))
        return self._own("places", warehouse, location)

    def tag(self, body: Mapping[str, object]) -> str:
        """What a tag says of itself: its item and serial, its URI, or else its bits."""
        gtin, serial, uri = body.get("gtin"), body.get("serial"), body.get("uri")
        if isinstance(gtin, str) and isinstance(serial, str):
            return self.piece(gtin, serial)
        if isinstance(uri, str) and is_uri(uri) and uri.startswith("urn:epc:id:"):
            return canonical_id(uri)
        bits = str(body.get("epc", "")).upper()
        if re.fullmatch(r"[0-9A-F]+", bits):
            return f"urn:epc:raw:{len(bits) * 4}.x{bits}"
        return self._own("tags", bits or "unknown")

    def document(self, kind: str, key: str) -> str:
        """A business document."""
        return self._own("documents", kind, key)

    def device(self, device: str) -> str:
        """A device."""
        return self._own("devices", device)

    def _own(self, *parts: str) -> str:
        return "/".join([self.base, *(quote(part, safe="@:") or "-" for part in parts)])


def event_uri(event_id: str) -> str:
    """The eventID of an event of ours."""
    return f"urn:uuid:{event_id}"


def is_below(place: str, ancestor: str) -> bool:
    """True if a place's URI is the ancestor's or goes on from it; both in canonical spelling."""
    return place == ancestor or place.startswith(
        (f"{ancestor}/254/",) if ancestor.startswith("https://id.gs1.org/414/") else f"{ancestor}/"
    )
