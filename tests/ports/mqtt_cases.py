"""The table of MQTT drivers that the shared suite is run on: a new driver joins with one entry."""

from __future__ import annotations

from gateway.drivers import datawedge, impinj, mqtt_climate, pda, zebra_fx, zebra_rfd
from tests.rigs.mqtt_stage import MqttCase

LABEL = "]C1010950600013435210L"
OF_A_READER = {"silent_s": 60, "topics": ["dock/#"]}


def epc(n: int) -> str:
    return f"{n:08X}"


CASES = (
    MqttCase(
        "pda",
        pda.make_driver,
        "forepost/v1/J1/gate/scan",
        message=lambda n: {
            "v": 1, "boot": "b", "seq": n, "data": f"{LABEL}{n}", "symbology": "GS1_128",
        },
        subject_of=lambda n: (f"{LABEL}{n}", None),
        has_receipts=True,
        options={"silent_s": 60},
    ),
    MqttCase(
        "mqtt-climate",
        mqtt_climate.make_driver,
        "forepost/v1/J1/gate/climate",
        message=lambda n: {
            "v": 1, "boot": "b", "seq": n, "zone": "C", "temperature_c": n / 100,
            "humidity_pct": 50.0, "battery_pct": 80,
        },
        subject_of=lambda n: ("gate", (n, 5000)),
        has_receipts=False,
        options={"silent_s": 60},
    ),
    # Readers with a JSON of their own wait for nothing and are told nothing.
    MqttCase(
        "impinj",
        impinj.make_driver,
        "dock/events",
        message=lambda n: {
            "timestamp": "2026-11-21T08:15:30.123456789Z", "eventType": "tagInventory",
            "tagInventoryEvent": {"epcHex": epc(n), "antennaPort": 2, "peakRssiCdbm": -5050},
        },
        subject_of=lambda n: (epc(n), -5050),
        has_receipts=False,
        is_refused_to=False,
        options=OF_A_READER,
    ),
    MqttCase(
        "zebra-fx",
        zebra_fx.make_driver,
        "dock/tags",
        message=lambda n: {"data": {"idHex": epc(n), "peakRssi": -50, "eventNum": n}},
        subject_of=lambda n: (epc(n), -5000),
        has_receipts=False,
        is_refused_to=False,
        options=OF_A_READER,
    ),
    MqttCase(
        "zebra-rfd",
        zebra_rfd.make_driver,
        "dock/sled",
        message=lambda n: {
            "type": "INVENTORY", "timestamp": "11:41:15",
            "data": {"tagData": [{"eventNum": n, "EPC": epc(n), "peakRSSI": -54}]},
        },
        subject_of=lambda n: (epc(n), -5400),
        has_receipts=False,
        is_refused_to=False,
        options=OF_A_READER,
    ),
    MqttCase(
        "datawedge",
        datawedge.make_driver,
        "dock/scans",
        message=lambda n: {
            "com.symbol.datawedge.data_string": f"{LABEL}{n}",
            "com.symbol.datawedge.label_type": "LABEL-TYPE-EAN128",
        },
        subject_of=lambda n: (f"{LABEL}{n}", None),
        has_receipts=False,
        is_refused_to=False,
        options=OF_A_READER,
    ),
)  # fmt: skip
