"""What tests of planning at a real gateway share: M Company's network, and items by number."""

from __future__ import annotations

import json
from typing import cast

from pydantic import BaseModel, ConfigDict

from cloud_sync.contract import documents as doc
from tests.rigs.gateway import ROOT

ZONES = ("ambient", "refrigerated", "frozen")
CASE = ROOT / "device_sim/cases/m_company.json"


class Network(BaseModel):
    """A network document, as it is."""

    model_config = ConfigDict(extra="allow")


def m_company(**more: object) -> dict[str, object]:
    """The network document of M Company."""
    return {**cast(dict[str, object], json.loads(CASE.read_text())), **more}


def network_document(network: dict[str, object]) -> tuple[str, str, BaseModel]:
    """As `tests.rigs.seeding` takes it."""
    return doc.NETWORK, "network", Network.model_validate(network)


def gtin(n: int) -> str:
    """The n-th item of a test."""
    return f"{n:013d}0"


def config(warehouse: str, **planner: float) -> str:
    """A gateway's configuration; where its state goes is `{state}` in it."""
    lines = [f"{name} = {value}" for name, value in planner.items()]
    gateway = f'[gateway]\nid = "gw-{warehouse}"\nwarehouse = "{warehouse}"\n'
    return "\n".join([gateway + 'state_dir = "{state}"', "[planner]", *lines, ""])
