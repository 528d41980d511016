"""How long a trigger takes to become a plan, and what planning costs those who scan meanwhile.

One real gateway, M Company's network, 2000 items. First the planner alone: `plan now` is left,
and what is timed is from the trigger's row to the plan's (both stamps are the gateway's own), the
gathering left away, in rounds: the first without an earlier plan, the others warm. Then a steady
stream of scans goes through the gateway, in alternating rounds with and without plans being made
all the time, and what is timed is how many are taken in and how long each waits for its result.
Printed as JSON; --write puts the table into docs/benchmarks/planning.md. A few minutes.
Usage: python benchmarks/planning.py [--items N] [--rounds N] [--seconds S] [--write]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pydantic import BaseModel, ConfigDict

from benchmarks.measuring import machine, write_page
from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from gateway.core.wishes import PlanNow
from gateway.services.plan_desk import leave_wish
from tests.rigs.broker import running_mosquitto
from tests.rigs.device import device
from tests.rigs.gateway import GatewayProcess, pda_config
from tests.rigs.seeding import seed

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks/planning.md"
CASE = Path(__file__).resolve().parents[1] / "device_sim/cases/m_company.json"
ZONES = ("ambient", "refrigerated", "frozen")
PLANNER = """
[planner]
gather_s = 0.0
"""


class Network(BaseModel):
    """A network document, as it is."""

    model_config = ConfigDict(extra="allow")


def documents(n_items: int) -> list[tuple[str, str, BaseModel]]:
    """Items whose demand is the network's, spread over them, and how they are kept."""
    network = json.loads(CASE.read_text())
    here = next(it for it in network["warehouses"] if it["id"] == "J1")
    found: list[tuple[str, str, BaseModel]] = [
        (doc.NETWORK, "network", Network.model_validate(network))
    ]
    for n in range(1, n_items + 1):
        gtin, zone = f"{n:014d}", ZONES[n % 3]
        demand = here["products"][zone]["demand_kg_per_day"] * 3 / n_items / 0.4
        item = doc.Item(
            gtin=gtin, names={"en": f"item {n}"}, zone=zone, grams_per_unit=400,
            shelf_life_days=(None, 6, 60)[n % 3],
        )  # fmt: skip
        policy = doc.Policy(
            warehouse="J1", gtin=gtin, demand_units_per_day=demand,
            demand_sd_units_per_day=demand / 3, reorder_point_units=1, lead_time_days=0.25,
        )  # fmt: skip
        found += [(doc.ITEM, gtin, item), (doc.POLICY, f"J1.{gtin}", policy)]
    return found


class Site:
    """The gateway with its journal."""

    def __init__(self, directory: Path, port: int, n_items: int) -> None:
        self.state = directory / "state"
        # Scanned goods are of the first item; there is enough of it for every scan.
        stock = [
            ev.Line(item=f"{n:014d}", from_location="@supplier", to_location="R-01",
                    quantity=10**6 if n == 1 else 2)
            for n in range(1, n_items + 1)
        ]  # fmt: skip
        asyncio.run(seed(self.state, documents(n_items), stock))
        self.gateway = GatewayProcess(directory, pda_config(self.state, port, PLANNER))

    def rows(self, after: int) -> list[tuple[int, dict[str, object]]]:
        """Triggers of people and answers beyond a row."""
        where = f"file:{self.state / 'journal.db'}?mode=ro"
        with sqlite3.connect(where, uri=True) as connection:
            found = connection.execute(
                "select seq, body from journal where seq > ? and type in"
                " ('replenishment.triggered', 'plan.proposed', 'plan.decided') order by seq",
                (after,),
            ).fetchall()
        return [(seq, json.loads(body)) for seq, body in found]

    def last(self) -> int:
        """The last row there is."""
        found = self.rows(0)
        return found[-1][0] if found else 0

    def plan(self, limit_s: float = 120.0) -> float:
        """Ask for a plan; gives the seconds from its trigger to its answer."""
        name, after = str(uuid.uuid4()), self.last()
        leave_wish(self.state, name, PlanNow(author="benchmark"))
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            rows = [event for _, event in self.rows(after)]
            asked = next((it for it in rows if it["event_id"] == name), None)
            for event in rows:
                body = event["body"]
                if (
                    asked is not None
                    and isinstance(body, dict)
                    and name in body.get("triggers", [])
                ):
                    told = int(str(event["received_at_us"])) - int(str(asked["received_at_us"]))
                    return told / 1e6
            time.sleep(0.02)
        raise SystemExit(f"no plan within {limit_s} s; see the log:\n{self.gateway.tail()}")


def scan_for(site: Site, port: int, seconds: float, boot: str, *, plans: bool) -> dict[str, float]:
    """Scan after scan, each as soon as the last was answered; gives rate and waiting."""
    waits: list[float] = []
    n_plans = 0
    with device(port, "pda-1") as pda:
        end, seq = time.monotonic() + seconds, 0
        asked = ""
        while time.monotonic() < end:
            if plans and (not asked or not (site.state / "plan-wishes" / asked).exists()):
                asked, n_plans = str(uuid.uuid4()), n_plans + 1
                leave_wish(site.state, asked, PlanNow(author="benchmark"))
            seq += 1
            task = {"type": "waste", "location": "R-01", "quantity": 1, "reason": "other"}
            started = time.perf_counter()
            pda.publish(
                "scan",
                {"v": 1, "boot": boot, "seq": seq, "task": task, "data": f"{1:014d}",
                 "symbology": "EAN_13"},
            )  # fmt: skip
            while pda.result().get("seq") != seq:
                pass
            waits.append(time.perf_counter() - started)
    waits.sort()
    return {
        "scans_per_s": len(waits) / seconds,
        "wait_ms_median": statistics.median(waits) * 1000,
        "wait_ms_99": waits[int(len(waits) * 0.99)] * 1000,
    }


def measure(n_items: int, n_rounds: int, seconds: float) -> dict[str, object]:
    """All figures."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "broker").mkdir()
        with running_mosquitto(directory / "broker") as broker:
            site = Site(directory, broker.port, n_items)
            site.gateway.start()
            try:
                site.gateway.until(lambda status: bool(status["plans"]), 120)
                times = [site.plan() for _ in range(n_rounds)]
                rounds = [
                    scan_for(site, broker.port, seconds, f"b{n}", plans=n % 2 == 1)
                    for n in range(2 * n_rounds)
                ]
            finally:
                site.gateway.kill()
    quiet, busy = rounds[::2], rounds[1::2]
    figures: dict[str, object] = {
        "items": n_items,
        "trigger_to_plan_s": {"median": statistics.median(times), "largest": max(times)},
        "machine": machine(),
    }
    for key in quiet[0]:
        a = statistics.median(it[key] for it in quiet)
        b = statistics.median(it[key] for it in busy)
        figures[key] = {"alone": a, "while_planning": b, "ratio": b / a}
    return figures


def table(figures: dict[str, object]) -> str:
    """The figures as the page shows them."""
    lines = ["| what | alone | while plans are made | ratio |", "|---|---|---|---|"]
    for key, about in (
        ("scans_per_s", "scans answered a second, one device, one after the other"),
        ("wait_ms_median", "wait for a result, median, ms"),
        ("wait_ms_99", "wait for a result, 99 %, ms"),
    ):
        each = figures[key]
        if isinstance(each, dict):
            lines.append(
                f"| {about} | {each['alone']:.1f} | {each['while_planning']:.1f} |"
                f" {each['ratio']:.2f} |"
            )
    took = figures["trigger_to_plan_s"]
    if isinstance(took, dict):
        spans = f"median {took['median']:.2f} s, largest {took['largest']:.2f} s"
        lines += ["", f"From trigger to plan, {figures['items']} items: {spans}."]
    lines += ["", f"Measured on {figures['machine']}."]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    wish = parser.parse_args()
    figures = measure(wish.items, wish.rounds, wish.seconds)
    print(json.dumps(figures, indent=1))
    if wish.write:
        write_page(PAGE, "benchmarks/planning.py", table(figures))


if __name__ == "__main__":
    main()
