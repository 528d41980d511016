"""The cold chain's tables (schema/0012_cold_chain.sql): what changed as statements, and back."""

from __future__ import annotations

from typing import Final

from gateway.core.excursions import Excursions, Exposure, Watched
from gateway.journal.read_model import Reader
from gateway.ports import Statements

_PUT_SENSOR: Final = (
    "insert or replace into cold_sensor(zone, device, at_us, centi_c, since_us, sides, event_id,"
    " n_good, good_us, min_centi_c, max_centi_c, told_us)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SENSORS: Final = (
    "select zone, device, at_us, centi_c, since_us, sides, event_id, n_good, good_us,"
    " min_centi_c, max_centi_c, told_us from cold_sensor"
)
_PUT_ZONE: Final = "insert or replace into cold_zone(zone, until_us) values (?, ?)"
_PUT_LOT: Final = (
    "insert or replace into exposed_lot(item, lot, above_us, below_us, heat, verdict)"
    " values (?, ?, ?, ?, ?, ?)"
)


def cold_statements(excursions: Excursions) -> Statements:
    """What writes all that changed since it was last saved."""
    changed = excursions.changed
    sensors = [excursions.sensors[key] for key in sorted(changed.sensors)]
    lots = [(key, excursions.lots[key]) for key in sorted(changed.lots)]
    parts: list[tuple[str, list[tuple[object, ...]]]] = [
        (
            _PUT_SENSOR,
            [
                (it.zone, it.device, it.at_us, it.centi_c, it.since_us, " ".join(it.sides),
                 it.event_id, it.n_good, it.good_us, it.min_centi_c, it.max_centi_c, it.told_us)
                for it in sensors
            ],
        ),
        (_PUT_ZONE, [(zone, excursions.zones[zone]) for zone in sorted(changed.zones)]),
        (
            _PUT_LOT,
            [(*key, it.above_us, it.below_us, it.heat, it.verdict) for key, it in lots],
        ),
    ]  # fmt: skip
    return [(sql, rows) for sql, rows in parts if rows]


async def load_cold(reader: Reader, excursions: Excursions) -> None:
    """Take back what was committed."""
    for zone, device, at, value, since, sides, event_id, *numbers in await reader.query(_SENSORS):
        n_good, good_us, least, most, told_us = map(_int, numbers)
        excursions.sensors[str(zone), str(device)] = Watched(
            zone=str(zone),
            device=str(device),
            at_us=_int(at),
            centi_c=_int(value),
            since_us=None if since is None else _int(since),
            sides=tuple(str(sides).split()),
            event_id=str(event_id),
            n_good=n_good,
            good_us=good_us,
            min_centi_c=least,
            max_centi_c=most,
            told_us=told_us,
        )
    for zone, until_us in await reader.query("select zone, until_us from cold_zone"):
        excursions.zones[str(zone)] = _int(until_us)
    for item, lot, above, below, heat, verdict in await reader.query(
        "select item, lot, above_us, below_us, heat, verdict from exposed_lot"
    ):
        excursions.lots[str(item), str(lot)] = Exposure(
            _int(above), _int(below), _int(heat), str(verdict)
        )


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise AssertionError(f"the cold chain holds {value!r} where its schema says integer")
    return value
