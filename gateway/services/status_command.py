"""`forepost-gateway status`: one screen, of a gateway that does not run as well."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gateway.ops.screen import render_status
from gateway.services.last_words import read_report
from gateway.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="configuration file (TOML)"
    )
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")


def run(namespace: argparse.Namespace) -> int:
    """Print the report; 1 if the gateway does not run. Raises ConfigError."""
    report = read_report(load_settings(namespace.config))
    print(json.dumps(report) if namespace.json else render_status(report))
    return 0 if report.get("is_running") else 1
