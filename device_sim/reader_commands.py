"""`forepost-sim device KIND` for RFID readers and fixed scanners."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine
from pathlib import Path

from device_sim import arguments
from device_sim.faults import FaultRates

MAKES = ("impinj", "zebra-fx", "zebra-rfd")
Device = Coroutine[object, object, None]
AddKind = Callable[..., argparse.ArgumentParser]


def add_kinds(add_parser: AddKind) -> list[argparse.ArgumentParser]:
    """One sub-command per kind; gives their parsers."""
    bus = add_parser("uhfreader18", help="UHFReader18 readers on a pseudo-terminal")
    _add_line(bus)
    bus.add_argument("--address", type=_address, action="append", metavar="N", help="default: 0")
    bus.add_argument("--antennas", action="store_true", help="answer like a UHFReader288")
    bus.set_defaults(make=_uhfreader18)

    scanner = add_parser("serial-scanner", help="a fixed barcode scanner on a pseudo-terminal")
    _add_line(scanner)
    scanner.set_defaults(make=_serial_scanner)

    reader = add_parser("json-reader", help="an Impinj or Zebra reader over MQTT")
    reader.add_argument("--make", dest="maker", required=True, choices=MAKES)
    reader.add_argument("--broker", type=arguments.endpoint, required=True, metavar="HOST:PORT")
    reader.add_argument("--warehouse", type=arguments.identity, required=True, metavar="ID")
    reader.add_argument("--name", type=arguments.identity, default="reader-1", metavar="ID")
    reader.add_argument("--topic", required=True, help="where it publishes")
    reader.add_argument("--period", type=arguments.seconds, default=0.5, metavar="S")
    reader.set_defaults(make=_json_reader)

    llrp = add_parser("llrp", help="an LLRP reader on TCP")
    llrp.add_argument(
        "--at",
        type=arguments.endpoint,
        required=True,
        metavar="HOST:PORT",
        help="where it listens; with --calls where it calls",
    )
    llrp.add_argument("--calls", action="store_true", help="call the gateway, not the other way")
    llrp.add_argument("--antennas", type=arguments.whole, default=4, metavar="N")
    llrp.add_argument("--no-hold", action="store_true", help="keep no reports for later")
    llrp.add_argument("--no-clock", action="store_true", help="know the uptime only")
    llrp.add_argument("--llrp-1-1", action="store_true", help="speak LLRP 1.1 too")
    llrp.set_defaults(make=_llrp)
    stream = add_parser("http-reader", help="an Impinj reader that streams over HTTP")
    stream.add_argument("--listen", type=arguments.endpoint, required=True, metavar="HOST:PORT")
    stream.add_argument("--period", type=arguments.seconds, default=0.5, metavar="S")
    stream.set_defaults(make=_http_reader)
    return [bus, scanner, reader, stream, llrp]


def _add_line(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--link", type=Path, required=True, metavar="PATH", help="where the port is to appear"
    )
    parser.add_argument(
        "--faults", type=arguments.rates, default=FaultRates(), metavar="NAME=RATE,…"
    )


def _address(text: str) -> int:
    if not text.isdecimal() or int(text) > 254:
        raise argparse.ArgumentTypeError(f"expected an address from 0 to 254, got {text!r}")
    return int(text)


def _uhfreader18(namespace: argparse.Namespace) -> Device:
    from device_sim.uhfreader18 import Bus, Reader, run_uhfreader18

    readers = {address: Reader() for address in namespace.address or [0]}
    bus = Bus(readers, has_antenna=namespace.antennas)
    return run_uhfreader18(namespace.link, bus, seed=namespace.seed, faults=namespace.faults)


def _serial_scanner(namespace: argparse.Namespace) -> Device:
    from device_sim.serial_scanner import run_serial_scanner

    return run_serial_scanner(namespace.link, seed=namespace.seed, faults=namespace.faults)


def _json_reader(namespace: argparse.Namespace) -> Device:
    from device_sim.json_reader import JsonReaderOptions, run_json_reader

    options = JsonReaderOptions(
        make=namespace.maker,
        broker=namespace.broker,
        warehouse=namespace.warehouse,
        name=namespace.name,
        topic=namespace.topic,
        period_s=namespace.period,
        seed=namespace.seed,
    )
    return run_json_reader(options)


def _llrp(namespace: argparse.Namespace) -> Device:
    from device_sim.llrp import LlrpOptions, run_llrp
    from device_sim.llrp_reader import ReaderModel

    model = ReaderModel(
        n_antennas=namespace.antennas,
        has_utc=not namespace.no_clock,
        can_hold=not namespace.no_hold,
        speaks_1_1=namespace.llrp_1_1,
    )
    options = LlrpOptions(namespace.at, namespace.calls, model, namespace.seed)
    return run_llrp(options)


def _http_reader(namespace: argparse.Namespace) -> Device:
    from device_sim.http_reader import run_http_reader

    host, port = namespace.listen.host, namespace.listen.port
    return run_http_reader(host, port, period_s=namespace.period, seed=namespace.seed)
