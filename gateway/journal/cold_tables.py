"""The cold chain's tables (schema/0012_cold_chain.sql, 0018_carried_exposure.sql,
0022_blind_exposure.sql): what changed as statements, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.core.carried import Arrival, Carried, Departure
from gateway.core.excursions import Excursions, Watched
from gateway.core.exposure import Exposure, Sums
from gateway.journal.read_model import Reader
from gateway.journal.rows import as_int, as_int_or_none
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
    "insert or replace into exposed_lot(item, lot, above_us, below_us, heat,"
    " brought_above_us, brought_below_us, brought_heat, verdict)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_PUT_IN: Final = (
    "insert or replace into exposure_in(delivery, item, lot, at_us, told_above_us, told_below_us,"
    " told_heat, verdict, found_above_us, found_below_us, found_heat, came_us, moved_us)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_PUT_OUT: Final = (
    "insert or replace into exposure_out(transfer, item, lot, at_us, above_us, below_us, heat,"
    " brought_above_us, brought_below_us, brought_heat) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FORGET: Final = (
    "delete from exposure_in where at_us < ?",
    "delete from exposure_out where at_us < ?",
)
_IN: Final = (
    "select delivery, item, lot, at_us, told_above_us, told_below_us, told_heat, verdict,"
    " found_above_us, found_below_us, found_heat, came_us, moved_us from exposure_in"
)
_OUT: Final = (
    "select transfer, item, lot, at_us, above_us, below_us, heat, brought_above_us,"
    " brought_below_us, brought_heat from exposure_out"
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
            [(*key, *_parts(it.here), *_parts(it.brought), it.verdict) for key, it in lots],
        ),
    ]  # fmt: skip
    return [(sql, rows) for sql, rows in parts if rows]


async def load_cold(reader: Reader, excursions: Excursions) -> None:
    """Take back what was committed."""
    for zone, device, at, value, since, sides, event_id, *numbers in await reader.query(_SENSORS):
        n_good, good_us, least, most, told_us = map(as_int, numbers)
        excursions.sensors[str(zone), str(device)] = Watched(
            zone=str(zone),
            device=str(device),
            at_us=as_int(at),
            centi_c=as_int(value),
            since_us=as_int_or_none(since),
            sides=tuple(str(sides).split()),
            event_id=str(event_id),
            n_good=n_good,
            good_us=good_us,
            min_centi_c=least,
            max_centi_c=most,
            told_us=told_us,
        )
    for zone, until_us in await reader.query("select zone, until_us from cold_zone"):
        excursions.zones[str(zone)] = as_int(until_us)
    for item, lot, *sums, verdict in await reader.query(
        "select item, lot, above_us, below_us, heat, brought_above_us, brought_below_us,"
        " brought_heat, verdict from exposed_lot"
    ):
        excursions.lots[str(item), str(lot)] = Exposure(
            _sums(sums[:3]), _sums(sums[3:]), str(verdict)
        )


def carried_statements(carried: Carried, *, forget_us: int | None) -> Statements:
    """What writes all that changed since it was last saved. forget_us: drop what is older."""
    came = [(key, carried.arrivals[key]) for key in sorted(carried.changed_in)]
    left = [(key, carried.departures[key]) for key in sorted(carried.changed_out)]
    parts: list[tuple[str, list[tuple[object, ...]]]] = [
        (
            _PUT_IN,
            [
                (delivery, *lot, it.at_us, *_parts(it.told), it.verdict, *_parts(it.found),
                 it.came_us, it.moved_us)
                for (delivery, lot), it in came
            ],
        ),
        (
            _PUT_OUT,
            [
                (transfer, *lot, it.at_us, *_parts(it.here), *_parts(it.brought))
                for (transfer, lot), it in left
            ],
        ),
    ]  # fmt: skip
    if forget_us is not None:
        parts += [(sql, [(forget_us,)]) for sql in _FORGET]
    return [(sql, rows) for sql, rows in parts if rows]


async def load_carried(reader: Reader) -> Carried:
    """Take back what was committed."""
    carried = Carried()
    for delivery, item, lot, at_us, *rest in await reader.query(_IN):
        carried.arrivals[str(delivery), (str(item), str(lot))] = Arrival(
            at_us=as_int(at_us),
            told=None if rest[0] is None else _sums(rest[:3]),
            verdict=str(rest[3]),
            found=None if rest[4] is None else _sums(rest[4:7]),
            came_us=as_int(rest[7]),
            moved_us=as_int(rest[8]),
        )
    for transfer, item, lot, at_us, *sums in await reader.query(_OUT):
        carried.departures[str(transfer), (str(item), str(lot))] = Departure(
            as_int(at_us), _sums(sums[:3]), _sums(sums[3:])
        )
    return carried


def _parts(sums: Sums | None) -> tuple[int | None, int | None, int | None]:
    return (None, None, None) if sums is None else (sums.above_us, sums.below_us, sums.heat)


def _sums(parts: Sequence[object]) -> Sums:
    above_us, below_us, heat = map(as_int, parts)
    return Sums(above_us, below_us, heat)
