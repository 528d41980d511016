"""Simulated RFID readers that publish their maker's JSON on a topic of their own over MQTT.

The payloads are written here after the makers' references, not by the gateway's codecs: an
Impinj R700 sends an event a read, one a line; a Zebra FX an array of events; a Zebra sled one
event with a list of records. They number and time their reads as the real ones do.

Orders   {"do":"field","tags":[[EPC, RSSI_DBM], …]}   what stands in front of the antenna
         {"do":"scan","data":TEXT,"symbology":NAME}   a barcode; the sled only
         {"do":"raw","hex":…}                         any bytes, on the same topic
         {"do":"lose","n":N}                          leave out so many numbers of reads
Reports  {"event":"ready"}
         {"event":"tags","n":N}   reads published so far, every few seconds
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from device_sim.broker import DeviceClient, Endpoint
from device_sim.clock import iso_time, wall_us
from device_sim.pipe import read_orders, report

Make = Literal["impinj", "zebra-fx", "zebra-rfd"]
REPORT_S: Final = 2.0
RSSI_JITTER_DB: Final = 3
WAITING_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class JsonReaderOptions:
    """Which reader this is and where it publishes."""

    make: Make
    broker: Endpoint
    warehouse: str
    name: str
    topic: str
    period_s: float
    seed: int


@dataclass(slots=True)
class JsonReader:
    """The reader without its connection. tags: EPC as hex → RSSI in dBm.

    waiting: what was ordered while it was not connected, as a sled does, oldest out first.
    """

    make: Make
    random: Random
    tags: dict[str, int] = field(default_factory=dict)
    waiting: deque[bytes] = field(default_factory=lambda: deque(maxlen=WAITING_MAX))
    n_reads: int = 0
    n_numbered: int = 0

    def inventory(self, time_us: int) -> bytes | None:
        """The payload of one round; None if nothing stands there."""
        if not self.tags:
            return None
        moment = iso_time(time_us)
        reads = []
        for epc, rssi_dbm in self.tags.items():
            self.n_reads += 1
            self.n_numbered += 1
            jitter = self.random.randint(-RSSI_JITTER_DB, RSSI_JITTER_DB)
            reads.append((epc, rssi_dbm + jitter, self.n_numbered))
        if self.make == "impinj":
            events = [_impinj(epc, rssi_dbm, moment) for epc, rssi_dbm, _ in reads]
            return "\n".join(json.dumps(event) for event in events).encode()
        if self.make == "zebra-fx":
            return json.dumps([_zebra_fx(*read, moment) for read in reads]).encode()
        records = [
            {"eventNum": number, "EPC": epc, "EPCid": epc, "peakRSSI": rssi_dbm, "seenCount": 1}
            for epc, rssi_dbm, number in reads
        ]
        return _sled(moment, {"tagData": records})

    def obey(self, order: dict[str, object]) -> None:
        """Do what an order says."""
        tags = order.get("tags")
        if order["do"] == "field" and isinstance(tags, list):
            self.tags = {str(epc): int(rssi_dbm) for epc, rssi_dbm in tags}
        elif order["do"] == "scan" and self.make == "zebra-rfd":
            code = {"decodedBarcode": order.get("data"), "symbology": order.get("symbology")}
            self.waiting.append(_sled(iso_time(wall_us()), {"barcodeData": [code]}))
        elif order["do"] == "raw":
            self.waiting.append(bytes.fromhex(str(order.get("hex", ""))))
        elif order["do"] == "lose":
            self.n_numbered += int(str(order.get("n", 0)))
        else:
            report("bad_order", reason=f"do: {order['do']!r} is not known")


def _impinj(epc: str, rssi_dbm: int, moment: str) -> dict[str, object]:
    return {
        "timestamp": moment,
        "hostname": "impinj-00-00-00",
        "eventType": "tagInventory",
        "tagInventoryEvent": {
            "epc": base64.urlsafe_b64encode(bytes.fromhex(epc)).decode(),
            "antennaPort": 1,
            "peakRssiCdbm": rssi_dbm * 100,
            "frequency": 919_750,
        },
    }


def _zebra_fx(epc: str, rssi_dbm: int, number: int, moment: str) -> dict[str, object]:
    return {
        "type": "CUSTOM",
        "timestamp": moment,
        "data": {
            "eventNum": number,
            "format": "epc",
            "idHex": epc.lower(),
            "antenna": 1,
            "peakRssi": rssi_dbm,
            "reads": 1,
        },
    }


def _sled(moment: str, data: dict[str, object]) -> bytes:
    return json.dumps({"type": "FAST_READ", "timestamp": moment, "data": data}).encode()


async def run_json_reader(options: JsonReaderOptions) -> None:
    """Read and publish until standard input ends."""
    reader = JsonReader(options.make, Random(f"{options.seed}/{options.name}"))
    client = DeviceClient(options.broker, warehouse=options.warehouse, device=options.name)

    async def take_inventory() -> None:
        reported_s = time.monotonic()
        while True:
            while client.is_connected and reader.waiting:
                client.publish(options.topic, reader.waiting.popleft())
            payload = reader.inventory(wall_us()) if client.is_connected else None
            if payload is not None:
                client.publish(options.topic, payload)
            if time.monotonic() - reported_s > REPORT_S:
                reported_s = time.monotonic()
                report("tags", n=reader.n_reads)
            await asyncio.sleep(options.period_s)

    await client.start()
    report("ready")
    try:
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(take_inventory(), name="inventory")
            async for order in read_orders():
                reader.obey(order)
            taking.cancel()
    finally:
        await client.stop()
