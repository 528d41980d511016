"""A simulated fixed barcode scanner on a pseudo-terminal: it sends what passes it, a line each.

The lines are made here: data, with the AIM identifier that the order gives, and CR LF.

Orders   {"do":"scan","data":TEXT}      a symbol passes; GS as U+001D
         and those of the line (device_sim.serial_line)
Reports  {"event":"ready","link":PATH}  {"event":"scanned","n":N}
"""

from __future__ import annotations

from pathlib import Path

from device_sim.faults import FaultRates
from device_sim.pipe import report
from device_sim.serial_line import SerialLine, be_device


async def run_serial_scanner(link: Path, *, seed: int, faults: FaultRates) -> None:
    """Be a scanner on `link` until standard input ends."""
    n_scanned = 0

    def obey(order: dict[str, object], line: SerialLine) -> None:
        nonlocal n_scanned
        if order["do"] == "scan" and isinstance(order.get("data"), str):
            line.send(f"{order['data']}\r\n".encode())
            n_scanned += 1
            report("scanned", n=n_scanned)
        else:
            report("bad_order", reason=f"do: {order['do']!r} is not known")

    await be_device(link, seed=seed, faults=faults, loops=lambda _port, _line: {}, obey=obey)
