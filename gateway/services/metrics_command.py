"""`forepost-gateway metrics`: the status as metrics, for Prometheus by way of its node exporter.

The exporter reads the files of a directory (`--collector.textfile.directory`); it must never see
half of one, so the file is replaced as a whole. A gateway that does not run has metrics as well:
`forepost_gateway_running 0` is what an alert waits for.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.errors import GatewayError
from gateway.journal.durable import put_file
from gateway.ops.metrics import render_metrics
from gateway.services.last_words import read_report
from gateway.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="configuration file (TOML)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write to FILE (….prom) instead of to the terminal",
    )


def run(namespace: argparse.Namespace) -> int:
    """Print or write them. Raises GatewayError."""
    text = render_metrics(read_report(load_settings(namespace.config)))
    if namespace.out is None:
        print(text, end="")
        return 0
    try:
        put_file(namespace.out, text.encode())
    except OSError as error:
        raise GatewayError(f"{namespace.out}: not written: {error.strerror}") from error
    return 0
