"""Where the public cases lie: $FOREPOST_CASES, or `../shared/cases` next to the checkout."""

import json
import os
from pathlib import Path

import pytest

from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.plan_writer import Decisions, TripChoice, shortest_order

CHECKOUT = Path(__file__).resolve().parents[3]
PROVEN = ("m_company.json", "public_5.json", "public_8.json", "public_12.json")


def public_case(file_name: str) -> Json:
    """One case file as a dict; skips the test, saying where it looked, when it is absent."""
    folder = Path(os.environ.get("FOREPOST_CASES", CHECKOUT.parent / "shared" / "cases"))
    path = folder / file_name
    if not path.is_file():
        pytest.skip(f"no public case at {path} (set FOREPOST_CASES to the folder)")
    case: Json = json.loads(path.read_text())
    return case


def proven_decisions(case: Json, expected: Json) -> list[Decisions]:
    """The proven optimum as decisions; its stops are sets, so the shortest order is found."""
    (central,) = [k["id"] for k in case["central_warehouses"]]
    decisions = []
    for product in case["products"]:
        known = expected["products"][product["id"]]
        trips = [
            TripChoice(central, t["cycle_days"], shortest_order(case, central, t["stops"]))
            for t in known["trips"]
        ]
        cycle = {central: known["procurement_cycle_days"]}
        decisions.append(Decisions(product["id"], cycle, trips))
    return decisions
