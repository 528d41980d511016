"""What an arrival or departure of a tag looks like in the journal.

The body holds the read point, the EPC as read (hex), how often and from when to when it was read,
and what it decodes to: pure identity URI,
GTIN and serial where it is an SGTIN. Stock does not move: a tag that is seen says where an
instance is, not that goods were booked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract.version import EVENT_VERSION
from cloud_sync.inventory.findings import UNKNOWN_TAG
from gateway.core.smoothing import ARRIVED, LEFT, Sighting

_OPAQUE: Final = "opaque"
"""The scheme of an EPC that says nothing of what it is on."""
_DAY_US: Final = 86_400 * 1_000_000

_TYPES = {ARRIVED: ev.TAG_ARRIVED, LEFT: ev.TAG_LEFT}


def sighting_event(
    sighting: Sighting,
    identity: Mapping[str, str],
    *,
    event_id: str,
    device: str,
    warehouse: str,
    zone: str | None,
    flags: tuple[str, ...] = (),
) -> ev.Event:
    """The event of one sighting; identity holds `scheme`, `uri`, `gtin`, `serial` … as decoded."""
    body: dict[str, object] = {
        "epc": sighting.epc,
        "read_point": sighting.read_point,
        "n_reads": sighting.n_reads,
        "first_us": sighting.first_us,
        "last_us": sighting.last_us,
        **identity,
    }
    if sighting.rssi_centi_dbm is not None:
        body["rssi_centi_dbm"] = sighting.rssi_centi_dbm
    return ev.Event(
        event_id=event_id,
        type=_TYPES[sighting.kind],
        version=EVENT_VERSION,
        occurred_at_us=sighting.at_us,
        received_at_us=sighting.at_us,
        warehouse=warehouse,
        device=ev.DeviceMark(id=device),
        zone=zone,
        flags=flags,
        body=body,
    )


def arrival_of(event: ev.Event) -> tuple[tuple[str, str], Sighting | None]:
    """Read point and EPC of an arrival or departure, and the arrival; None for a departure."""
    body = event.body
    key = str(body.get("read_point")), str(body.get("epc"))
    if event.type != ev.TAG_ARRIVED:
        return key, None
    rssi = body.get("rssi_centi_dbm")
    arrival = Sighting(
        ARRIVED,
        *key,
        _int(body.get("n_reads"), 1),
        rssi if isinstance(rssi, int) else None,
        first_us=_int(body.get("first_us"), event.occurred_at_us),
        last_us=_int(body.get("last_us"), event.occurred_at_us),
        at_us=event.occurred_at_us,
    )
    return key, arrival


def _int(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


class UnknownTags:
    """Marks the first tag of a day of each kind of goods that no master data knows.

    A pallet of them is one thing to look into. While there are no master data at all, as on a new
    box, nobody can tell.
    """

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._day = -1

    def flags_of(
        self, sighting: Sighting, identity: Mapping[str, str], items: Collection[str]
    ) -> tuple[str, ...]:
        """The flags of a sighting's event. items: the GTINs that are known."""
        goods = identity.get("gtin")
        is_unknown = goods not in items if goods else identity.get("scheme") == _OPAQUE
        if not is_unknown or not items or sighting.kind != ARRIVED:
            return ()
        day = sighting.at_us // _DAY_US
        if day != self._day:
            self._day, self._told = day, set()
        name = goods or _OPAQUE
        if name in self._told:
            return ()
        self._told.add(name)
        return (UNKNOWN_TAG,)
