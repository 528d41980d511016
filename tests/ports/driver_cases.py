"""The table of drivers that the shared suite is run on: a new driver joins with one entry."""

from __future__ import annotations

import pytest

from device_sim.faults import Corrupt, Drop, Noise
from gateway.drivers import impinj, llrp, m100, serial_scanner, uhfreader18, xy_md02
from tests.rigs.driver_stage import DriverCase
from tests.rigs.network_players import ROUND_S, ImpinjStreamPlayer, LlrpPlayer
from tests.rigs.players import M100Player, SerialScannerPlayer, UhfReader18Player, XyMd02Player

A_FIFTH = (Drop(0.1), Corrupt(0.1), Noise(0.2))
"""Every tenth frame is dropped and every tenth damaged, with noise between them."""

CASES = (
    DriverCase(
        "m100",
        m100.make_driver,
        M100Player,
        silent_after_s=m100.SILENT_S + m100.QUIET_S,
        resend_s=0.05,
        faults=A_FIFTH,
        lie=bytes.fromhex("BB02220020"),
    ),
    DriverCase(
        "serial-scanner",
        serial_scanner.make_driver,
        SerialScannerPlayer,
        silent_after_s=0.3,
        resend_s=0.05,
        faults=(Drop(0.2),),
        options={"prefix": "02", "suffix": "030D0A", "silent_s": 0.2},
    ),
    DriverCase(
        "uhfreader18",
        uhfreader18.make_driver,
        UhfReader18Player,
        silent_after_s=0.25,
        resend_s=0,
        faults=A_FIFTH,
        lie=bytes.fromhex("EF00EE"),
        options={"addresses": [1, 2], "period_s": 0.01, "timeout_s": 0.1},
        growth_bytes=36 * 1024,  # looking for a frame at each of many bytes takes its time
    ),
    DriverCase(
        "xy-md02",
        xy_md02.make_driver,
        XyMd02Player,
        silent_after_s=0.25,
        resend_s=0,
        faults=A_FIFTH,
        options={
            "units": [{"address": 1, "zone": "C"}, {"address": 2, "zone": "F"}],
            "period_s": 0.02,
            "timeout_s": 0.1,
        },
    ),
    # TCP keeps bytes as they are; but a reader may leave out a word, or say something else.
    DriverCase(
        "llrp",
        llrp.make_driver,
        LlrpPlayer,
        silent_after_s=6.5,
        resend_s=ROUND_S,
        faults=(Drop(0.2), Noise(0.02)),
        asked_faults=(),
        options={"keepalive_s": 2.0, "timeout_s": 2.0},
        wires=("memory", "tcp"),
        memory_url="tcp://reader:5084",
    ),
    DriverCase(
        "impinj",
        impinj.make_driver,
        ImpinjStreamPlayer,
        silent_after_s=2.5,
        resend_s=0.05,
        faults=(Drop(0.1), Noise(0.2)),
        options={"silent_s": 2.0},
        wires=("memory", "http"),
        memory_url="http://reader/api/v1/data/stream",
        growth_bytes=384 * 1024,  # a line may have 64 KiB
    ),
)

CASES_ON_WIRES = [
    pytest.param(case, wire, id=f"{case.name}-{wire}") for case in CASES for wire in case.wires
]
