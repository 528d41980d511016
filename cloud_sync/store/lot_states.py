"""What gateways say of lots: held, released, recalled; the last word counts (inventory/lots.py).

A hold is its warehouse's; a recall is everybody's, whoever said it. Holds and recalls that the
office writes are documents and not in here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.inventory.lots import LotKey, LotState, lot_key, told
from cloud_sync.inventory.places import Place, parse_place, place_text
from cloud_sync.store.columns import text
from cloud_sync.store.ports import Transaction, fetch_in

_WORDS = frozenset({ev.LOT_HELD, ev.LOT_RELEASED, ev.LOT_RECALLED})
_LOT_CHARACTERS_MAX = 64


async def note_lots(tx: Transaction, warehouse: str, events: Sequence[ev.Event]) -> None:
    """Keep what accepted events of a warehouse say of lots; the caller holds its ledger's lock."""
    said = [(key, event) for event in events if (key := _key(event)) is not None]
    if not said:
        return
    states = await _read(tx, warehouse, {item for (item, _), _ in said})
    for key, event in said:
        states[key] = told(states.get(key, LotState()), _place(event), event)
    await tx.execute_many(
        "insert into lot_states(warehouse, item, lot, is_held, held_at, is_recalled, recalled_at) "
        "values (?, ?, ?, ?, ?, ?, ?) on conflict (warehouse, item, lot) do update set "
        "is_held = excluded.is_held, held_at = excluded.held_at, "
        "is_recalled = excluded.is_recalled, recalled_at = excluded.recalled_at",
        [
            (
                warehouse,
                *key,
                int(states[key].is_held),
                place_text(states[key].held_at),
                int(states[key].is_recalled),
                place_text(states[key].recalled_at),
            )
            for key in sorted({key for key, _ in said})
        ],
    )


def _key(event: ev.Event) -> LotKey | None:
    key = lot_key(event) if event.type in _WORDS else None
    if key is None or not keys.is_gtin(key[0]):
        return None
    is_lot = len(key[1]) <= _LOT_CHARACTERS_MAX and "\0" not in key[1]
    return key if is_lot else None


def _place(event: ev.Event) -> Place:
    """When it was said, and of two at once the one that was made later."""
    return Place(min(event.occurred_at_us, event.received_at_us), event.event_id, "", "", 0, 0)


async def _read(tx: Transaction, warehouse: str, items: Iterable[str]) -> dict[LotKey, LotState]:
    rows = await fetch_in(
        tx,
        "select item, lot, is_held, held_at, is_recalled, recalled_at from lot_states "
        "where warehouse = ? and item in (?*)",
        items,
        before=(warehouse,),
    )
    return {
        (text(item), text(lot)): LotState(
            is_held=bool(is_held),
            is_recalled=bool(is_recalled),
            held_at=parse_place(text(held_at)),
            recalled_at=parse_place(text(recalled_at)),
        )
        for item, lot, is_held, held_at, is_recalled, recalled_at in rows
    }


@dataclass(frozen=True, slots=True)
class Barred:
    """What gateways keep from being sold: item, lot ("" for all), warehouse ("" for all)."""

    held: frozenset[tuple[str, str, str]]
    recalled: frozenset[tuple[str, str, str]]


async def read_barred(tx: Transaction, items: Iterable[str]) -> Barred:
    """What is held where it was said, and recalled everywhere."""
    rows = await fetch_in(
        tx,
        "select warehouse, item, lot, is_held, is_recalled from lot_states "
        "where (is_held = 1 or is_recalled = 1) and item in (?*)",
        items,
    )
    held, recalled = set(), set()
    for warehouse, item, lot, is_held, is_recalled in rows:
        if is_held:
            held.add((text(item), text(lot), text(warehouse)))
        if is_recalled:
            recalled.add((text(item), text(lot), ""))
    return Barred(frozenset(held), frozenset(recalled))
