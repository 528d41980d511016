"""The read model's tables: Effects in, as statements; Facts out, as they were last committed.

The tables are declared in schema/0002_read_model.sql, 0004_sensor_fault.sql,
0006_device_memory.sql (tags) and 0016_on_order_units.sql; those of the ledger are in
ledger_tables.py, those of planning in plan_tables.py.
Writing happens inside the journal's own transaction (Journal.advance), so this module only says
what to run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from cloud_sync.contract.documents import Change
from gateway.core.facts import Facts, TriggerState
from gateway.core.projection import Climate, Effects, Milestone, apply_effects
from gateway.core.sensor_faults import Change as FaultChange
from gateway.core.sensor_faults import Fault
from gateway.core.smoothing import ARRIVED, Sighting
from gateway.journal.exception_table import exception_statements
from gateway.journal.ledger_tables import ledger_statements, load_book
from gateway.journal.plan_tables import cause_statements, load_planning, plan_statements
from gateway.journal.rows import as_int, as_int_or_none
from gateway.ports import Statements


class Reader(Protocol):
    """The one thing needed of the journal's database here."""

    async def query(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> Sequence[Sequence[object]]:
        """All rows of a read."""
        ...


FEED_MARK = "feed_mark"
CLOUD_HEARD = "cloud_heard_us"

_PUT_LOT = "insert into lot(item, lot, expiry) values (?, ?, ?) on conflict do nothing"
_PUT_DOCUMENT = (
    "insert into document(kind, key, version, data) values (?, ?, ?, ?)"
    " on conflict(kind, key) do update set version = excluded.version, data = excluded.data"
)
_VOID_ORDERED = "update on_order set ordered = 0 where asn = ? and ordered <> 0"
_PUT_ORDERED = (
    "insert into on_order(asn, item, unit, ordered) values (?, ?, ?, ?)"
    " on conflict(asn, item, unit) do update set ordered = excluded.ordered"
)
_ADD_RECEIVED = (
    "insert into on_order(asn, item, unit, received) values (?, ?, ?, ?)"
    " on conflict(asn, item, unit) do update set received = received + excluded.received"
)
_PUT_CLIMATE = (
    "insert into climate(zone, device, at_us, temperature_centi_c, humidity_centi_pct)"
    " values (?, ?, ?, ?, ?)"
    " on conflict(zone, device) do update set at_us = excluded.at_us,"
    " temperature_centi_c = excluded.temperature_centi_c,"
    " humidity_centi_pct = excluded.humidity_centi_pct"
)
_PUT_TAG = (
    "insert or replace into tag_present"
    "(read_point, epc, n_reads, rssi_centi_dbm, first_us, last_us) values (?, ?, ?, ?, ?, ?)"
)
_TAKE_TAG = "delete from tag_present where read_point = ? and epc = ?"
_PUT_MILESTONE = "insert into milestone(seq, event_id, type, body) values (?, ?, ?, ?)"
_PUT_FAULT = (
    "insert into sensor_fault(device, kind, zone, since_us, reason, event_id)"
    " values (?, ?, ?, ?, ?, ?)"
)
_END_FAULT = "delete from sensor_fault where device = ? and kind = ?"


def effect_statements(
    effects: Effects, triggers: Mapping[tuple[str, str], TriggerState]
) -> Statements:
    """What writes these effects and where causes stand; empty parts are left out."""
    parts: list[tuple[str, list[tuple[object, ...]]]] = [
        (_PUT_LOT, [(item, lot, expiry) for (item, lot), expiry in effects.lots.items()]),
        (
            _PUT_DOCUMENT,
            [
                (c.kind, c.key, c.version, None if c.deleted else json.dumps(c.data))
                for c in effects.documents.values()
            ],
        ),
        (
            _PUT_CLIMATE,
            [
                (c.zone, c.device, c.at_us, c.temperature_centi_c, c.humidity_centi_pct)
                for c in effects.climate.values()
            ],
        ),
        (
            _PUT_TAG,
            [
                (*key, it.n_reads, it.rssi_centi_dbm, it.first_us, it.last_us)
                for key, it in effects.tags.items()
                if it is not None
            ],
        ),
        (_TAKE_TAG, [key for key, it in effects.tags.items() if it is None]),
        (
            _PUT_MILESTONE,
            [(m.seq, m.event_id, m.type, json.dumps(m.body)) for m in effects.milestones],
        ),
    ]
    return [
        *ledger_statements(effects.stock),
        *on_order_statements(effects.ordered, effects.stock.received),
        *((sql, rows) for sql, rows in parts if rows),
        *exception_statements(effects.exceptions),
        *cause_statements(triggers),
        *plan_statements(effects.plans.values(), effects.steps),
    ]


def on_order_statements(
    ordered: Mapping[str, Mapping[tuple[str, str], int]],
    received: Mapping[tuple[str, str, str], int],
) -> Statements:
    """What writes the goods that deliveries ask for now, and what came of them."""
    parts: list[tuple[str, list[tuple[object, ...]]]] = [
        (_VOID_ORDERED, [(asn,) for asn in ordered]),
        (
            _PUT_ORDERED,
            [(asn, *goods, n) for asn, sums in ordered.items() for goods, n in sums.items()],
        ),
        (_ADD_RECEIVED, [(*key, n) for key, n in received.items()]),
    ]
    return [(sql, rows) for sql, rows in parts if rows]


def mark_statements(mark: str | None) -> Statements:
    """What remembers the mark of the place in the cloud's feed."""
    return [("insert or replace into meta(key, value) values (?, ?)", [(FEED_MARK, mark or "")])]


def heard_statements(now_us: int) -> Statements:
    """What remembers when the cloud's feed was read last, by this box's clock."""
    row = (CLOUD_HEARD, str(now_us))
    return [("insert or replace into meta(key, value) values (?, ?)", [row])]


async def load_heard(reader: Reader) -> int | None:
    """When the cloud's feed was read last; None: never, or nobody remembers."""
    rows = await reader.query("select value from meta where key = ?", (CLOUD_HEARD,))
    return int(str(rows[0][0])) if rows else None


async def load_facts(reader: Reader, warehouse: str) -> Facts:
    """The Facts as of the projector's cursor."""
    facts = Facts(warehouse)
    effects = Effects()
    facts.book = await load_book(reader)
    effects.stock.balances = dict(facts.book.ledger.balances)
    for item, lot, expiry in await reader.query("select item, lot, expiry from lot"):
        effects.lots[str(item), str(lot)] = None if expiry is None else str(expiry)
    for kind, key, version, data in await reader.query(
        "select kind, key, version, data from document where data is not null"
    ):
        effects.documents[str(kind), str(key)] = Change(
            cursor=1,
            kind=str(kind),
            key=str(key),
            version=as_int(version),
            data=json.loads(str(data)),
        )
    for asn, item, unit, ordered, received in await reader.query(
        "select asn, item, unit, ordered, received from on_order"
    ):
        asked = effects.ordered.setdefault(str(asn), {})
        if as_int(ordered):
            asked[str(item), str(unit)] = as_int(ordered)
        if as_int(received):
            effects.stock.received[str(asn), str(item), str(unit)] = as_int(received)
    apply_effects(facts, effects)
    await load_planning(reader, facts)
    return facts


async def load_milestones(reader: Reader, event_type: str, limit: int) -> list[Milestone]:
    """The newest milestones of a type, oldest first."""
    rows = await reader.query(
        "select seq, event_id, type, body from milestone where type = ? order by seq desc limit ?",
        (event_type, limit),
    )
    return [
        Milestone(as_int(seq), str(event_id), str(kind), json.loads(str(body)))
        for seq, event_id, kind, body in reversed(rows)
    ]


async def load_tags(reader: Reader) -> dict[tuple[str, str], Sighting]:
    """The arrivals of all tags that are there, by read point and EPC, as of the cursor."""
    rows = await reader.query(
        "select read_point, epc, n_reads, rssi_centi_dbm, first_us, last_us from tag_present"
        " order by last_us"
    )
    return {
        (str(point), str(epc)): Sighting(
            ARRIVED,
            str(point),
            str(epc),
            as_int(n_reads),
            as_int_or_none(rssi),
            first_us=as_int(first_us),
            last_us=as_int(last_us),
            at_us=as_int(last_us),
        )
        for point, epc, n_reads, rssi, first_us, last_us in rows
    }


async def load_climate(reader: Reader) -> list[Climate]:
    """The newest climate of every zone and sensor."""
    rows = await reader.query(
        "select zone, device, at_us, temperature_centi_c, humidity_centi_pct from climate"
        " order by zone, device"
    )
    return [
        Climate(
            str(zone), str(device), as_int(at), as_int_or_none(celsius), as_int_or_none(humidity)
        )
        for zone, device, at, celsius, humidity in rows
    ]


def fault_statements(changes: Sequence[FaultChange]) -> Statements:
    """What writes the sensor faults that opened and ended, in that order."""
    statements: list[tuple[str, list[tuple[object, ...]]]] = []
    for change in changes:
        fault = change.fault
        key = (fault.device, fault.kind)
        if change.ended_us is None:
            row = (*key, fault.zone, fault.since_us, fault.reason, fault.event_id)
            statements.append((_PUT_FAULT, [row]))
        else:
            statements.append((_END_FAULT, [key]))
    return statements


async def load_faults(reader: Reader) -> list[Fault]:
    """The sensor faults that are open."""
    rows = await reader.query(
        "select event_id, device, zone, kind, since_us, reason from sensor_fault"
        " order by device, kind"
    )
    return [
        Fault(str(event_id), str(device), str(zone), str(kind), as_int(since_us), str(reason))
        for event_id, device, zone, kind, since_us, reason in rows
    ]


def stock_rows(facts: Facts) -> Iterable[dict[str, object]]:
    """Every balance that is not zero, in key order."""
    for key, quantity in sorted(facts.stock.items()):
        yield {
            "warehouse": key.warehouse,
            "location": key.location,
            "item": key.item,
            "lot": key.lot,
            "status": key.status,
            "unit": key.unit,
            "quantity": quantity,
        }
