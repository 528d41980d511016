"""The cloud of a whole network, filled by the product itself: what benchmarks ask questions of.

11 warehouses x 2000 items x 5 lots on shelves, as many items and policies, and the events behind
it. Every event is encoded, chained and taken as a batch of its gateway (`store.batches.Taking`):
rows, balances, counts, corrections and indexes are what the service itself would have written.
Only HTTP is left out. Orders are placed by the store's own function. Filling goes on where it was
left, so that a cluster in a directory of its own can be filled in several runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from random import Random

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.batches import Batch
from cloud_sync.contract.chain import first_link, next_link
from cloud_sync.contract.keys import PACKING, SUPPLIER, gtin_check_digit
from cloud_sync.contract.master import Warehouse
from cloud_sync.contract.version import CONTRACT_VERSION
from cloud_sync.fulfilment.placed import CustomerOrder
from cloud_sync.inbox.wire import Upload
from cloud_sync.service.clock import wall_us
from cloud_sync.store.allocations import Placing, place_order
from cloud_sync.store.batches import Taken, Taking
from cloud_sync.store.columns import blob, integer
from cloud_sync.store.credentials import enrol_gateway
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.epcis_events import newest
from cloud_sync.store.epcis_projection import project_rows
from cloud_sync.store.ports import Database

N_WAREHOUSES, N_ITEMS, N_LOTS = 11, 2000, 5
ROWS = 4000
AT_ONCE = 3
EPOCH = "00000000-0000-7000-8000-0000000000e1"
BEGIN_US = 1_767_225_600_000_000
"""The first day of 2026."""
EVERY_US = 60_000_000
COUNTED_EVERY, CORRECTED_EVERY = 400, 1000


def make_gtin(number: int) -> str:
    """The GTIN of an item."""
    body = f"0950{number:09}"
    return body + gtin_check_digit(body)


GTINS = [make_gtin(number) for number in range(N_ITEMS)]
WAREHOUSES = [f"W{n:02}" for n in range(N_WAREHOUSES)]


def gateway_of(warehouse: str) -> str:
    """The one gateway of a warehouse."""
    return f"gw-{warehouse}"


def shelf_of(n_item: int) -> str:
    """Where all lots of an item lie."""
    return f"B-{n_item % 400:03}"


def time_of(seq: int) -> int:
    """When the event of a seq occurred."""
    return BEGIN_US + seq * EVERY_US


def make_event(warehouse: str, seq: int) -> ev.Event:
    """Four of an item's lot come, two are picked, the two are sent, one is thrown away; now and
    then the shelf is counted, or what came was one less."""
    step, group = seq % 4, seq // 4
    n_item, lot = group % N_ITEMS, f"L{group // N_ITEMS % N_LOTS}"
    item, shelf = GTINS[n_item], shelf_of(n_item)
    corrects, body = None, dict[str, object]()
    event_type, source, target, quantity = (
        (ev.GOODS_RECEIVED, SUPPLIER, shelf, 4),
        (ev.GOODS_PICKED, shelf, PACKING, 2),
        (ev.GOODS_SHIPPED, PACKING, "@customer", 2),
        (ev.GOODS_MOVED, shelf, "@waste", 1),
    )[step]
    if seq % CORRECTED_EVERY == 1:
        event_type, source, target, quantity = ev.EVENT_CORRECTED, shelf, SUPPLIER, 1
        corrects = event_id(warehouse, seq - 1)
    lines: tuple[ev.Line, ...] = (
        ev.Line(item=item, lot=lot, from_location=source, to_location=target, quantity=quantity),
    )
    if seq % COUNTED_EVERY == 3:
        event_type, lines = ev.COUNT_OBSERVED, ()
        seen = {"item": item, "location": shelf, "lot": lot, "quantity": 1 + group % 7}
        body = {"assertions": [seen]}
    at_us = time_of(seq)
    return ev.Event(
        event_id=event_id(warehouse, seq),
        type=event_type,
        version=1,
        occurred_at_us=at_us,
        received_at_us=at_us + 5000,
        warehouse=warehouse,
        device=ev.DeviceMark(
            id=f"pda-{seq % 50}", boot="b1", seq=seq, clock="trusted", error_us=900
        ),
        worker=f"w-{seq % 20}",
        corrects=corrects,
        body=body,
        lines=lines,
    )


def event_id(warehouse: str, seq: int) -> str:
    """The id of an event, the same in every run."""
    return f"{WAREHOUSES.index(warehouse):08x}-0000-7000-8000-{seq:012x}"


def make_upload(
    warehouse: str, first_seq: int, n: int, head: bytes
) -> tuple[Upload, list[ev.Event]]:
    """A batch as it is once its bytes are cut, and its events."""
    events = [make_event(warehouse, seq) for seq in range(first_seq, first_seq + n)]
    bodies = tuple(map(ev.encode_event, events))
    link = head
    for seq, body in enumerate(bodies, first_seq):
        link = next_link(link, seq, body)
    batch = Batch(
        contract_version=CONTRACT_VERSION,
        gateway=gateway_of(warehouse),
        epoch=EPOCH,
        first_seq=first_seq,
        chain_before=head.hex(),
        chain_after=link.hex(),
        runs=True,
        events=[],
    )
    return Upload(batch, bodies), events


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much there is to be: events in all, orders, events told as EPCIS."""

    events: int
    orders: int
    epcis: int


async def fill(database: Database, wanted: Wanted, *, until: float) -> bool:
    """Go on filling until it is done or the monotonic time has come; gives whether it is done."""
    now_us = wall_us()
    if not await database.read(lambda tx: tx.fetch("select 1 from documents limit 1")):
        for warehouse in WAREHOUSES:
            await database.transact(
                partial(
                    enrol_gateway, gateway=gateway_of(warehouse), warehouse=warehouse, now_us=1
                )
            )
        await database.transact(partial(put_documents, drafts=list(make_drafts())))
    places = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        n_rows = wanted.events // N_WAREHOUSES
        told = [
            group.create_task(
                _send(database, places, warehouse, n_rows=n_rows, now_us=now_us, until=until)
            )
            for warehouse in WAREHOUSES
        ]
    if not all(task.result() for task in told):
        return False
    return await _place_orders(database, wanted.orders, now_us, until) and await _tell(
        database, wanted.epcis, now_us, until
    )


async def _send(
    database: Database,
    places: asyncio.Semaphore,
    warehouse: str,
    *,
    n_rows: int,
    now_us: int,
    until: float,
) -> bool:
    """Send what is missing of a gateway's journal."""
    gateway = gateway_of(warehouse)
    sql = "select seq, head from epochs where warehouse = ? and gateway = ? and epoch = ?"
    held = await database.read(lambda tx: tx.fetch(sql, (warehouse, gateway, EPOCH)))
    seq = integer(held[0][0]) if held else 0
    head = blob(held[0][1]) if held else first_link(gateway=gateway, epoch=EPOCH)
    while seq < n_rows:
        async with places:
            if time.monotonic() > until:
                return False
            upload, events = make_upload(warehouse, seq + 1, min(ROWS, n_rows - seq), head)
            taking = Taking(
                gateway=gateway, warehouse=warehouse, upload=upload, now_us=now_us, events=events
            )
            outcome = await database.transact(taking)
        if not isinstance(outcome, Taken) or outcome.n_quarantined:
            raise AssertionError(outcome)
        seq, head = upload.last_seq, bytes.fromhex(upload.batch.chain_after or "")
    return True


def make_drafts() -> Iterator[Draft]:
    """Items for all, the warehouses, and a policy of each item for every one of them."""
    for gtin in GTINS:
        item = {"names": {"en": "Milk"}, "zone": "ambient", "grams_per_unit": 1000, "gtin": gtin}
        yield Draft(doc.ITEM, gtin, "", item)
    for n, warehouse in enumerate(WAREHOUSES):
        place = Warehouse(
            id=warehouse,
            name=warehouse,
            country="DE",
            time_zone="Europe/Berlin",
            latitude=50 + n / 10,
            longitude=8 + n / 10,
        )
        yield Draft("warehouse", warehouse, "", place.model_dump(exclude_none=True))
        for gtin in GTINS:
            policy = doc.Policy(
                warehouse=warehouse,
                gtin=gtin,
                demand_units_per_day=3,
                demand_sd_units_per_day=1,
                reorder_point_units=5,
                lead_time_days=2,
            )
            yield Draft(doc.POLICY, f"{warehouse}.{gtin}", warehouse, policy.model_dump())


async def _place_orders(database: Database, n_orders: int, now_us: int, until: float) -> bool:
    """Orders of two lines each, from the last three days."""
    ((held,),) = await database.read(lambda tx: tx.fetch("select count(*) from orders"))
    for number in range(integer(held), n_orders):
        if time.monotonic() > until:
            return False
        await database.transact(partial(place_order, placing=make_order(number, now_us)))
    return True


def make_order(number: int, now_us: int) -> Placing:
    """One order, the same in every run."""
    chance = Random(number)
    order = CustomerOrder.model_validate(
        {
            "id": f"O-{number:07}",
            "platform": "shop",
            "market": "DE",
            "currency": "EUR",
            "ordered_at_us": now_us - chance.randrange(80 * 3600) * 1_000_000,
            "lines": [
                {"item": item, "quantity": 1, "price_minor": 199}
                for item in chance.sample(GTINS, 2)
            ],
            "place": {"latitude": 50 + chance.random(), "longitude": 8 + chance.random()},
        }
    )
    return Placing(order, lambda _: True, now_us)


async def _tell(database: Database, n_events: int, now_us: int, until: float) -> bool:
    """Tell the first rows as EPCIS events."""
    while await database.read(newest) < n_events:
        if time.monotonic() > until:
            return False
        if not await database.transact(partial(project_rows, now_us=now_us)):
            break
    # The service would go on for hours, beside the questions.
    await database.transact(lambda tx: tx.execute_many(_ALL_TOLD, [()]))
    return True


_ALL_TOLD = (
    "insert into epcis_cursors(warehouse, gateway, epoch, seq) "
    "select warehouse, gateway, epoch, seq from epochs where true "
    "on conflict (warehouse, gateway, epoch) do update set seq = excluded.seq"
)
