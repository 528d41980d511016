"""Argument types that the commands share: each turns text into a value or one clear complaint."""

from __future__ import annotations

import argparse

from cloud_sync.contract.keys import is_id
from device_sim.broker import Endpoint
from device_sim.catalog import ZONES
from device_sim.faults import FaultRates


def endpoint(text: str) -> Endpoint:
    """HOST:PORT."""
    try:
        return Endpoint.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def identity(text: str) -> str:
    """An id of the contract."""
    if not is_id(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not of [A-Za-z0-9._-]{{1,64}}")
    return text


def seconds(text: str) -> float:
    """A time in seconds, above zero."""
    return _number(text, above=0.0)


def whole(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def rates(text: str) -> FaultRates:
    """Faults as NAME=RATE,…"""
    try:
        pairs = dict(part.split("=", 1) for part in text.split(",") if part)
        return FaultRates.from_mapping({name: float(rate) for name, rate in pairs.items()})
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def unit(text: str) -> tuple[int, str]:
    """A bus address and its zone as ADDRESS=ZONE."""
    address, _, zone = text.partition("=")
    if not address.isdecimal() or not 1 <= int(address) <= 247 or zone not in ZONES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not ADDRESS=ZONE, zones: {', '.join(ZONES)}"
        )
    return int(address), zone


def _number(text: str, *, above: float) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from error
    if not above < value < 1e9:
        raise argparse.ArgumentTypeError(f"expected a number above {above:g}, got {text!r}")
    return value
