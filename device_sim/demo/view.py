"""The demo on a terminal: one screen that is redrawn (rich), and its parts as tables."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from device_sim.catalog import CatalogItem, make_catalog
from device_sim.demo.site import CENTRAL, PRE_POSITIONED
from device_sim.demo.state import DemoState
from device_sim.stage.watch import GatewayReport

NOTES_SHOWN: Final = 6
TRIGGERS_SHOWN: Final = 3
STATE_STYLE: Final = {"online": "green", "lost": "red", "faulty": "yellow"}

Row = Mapping[str, object]


def make_screen(state: DemoState) -> RenderableType:
    """The whole screen as it is now."""
    layout = Layout()
    layout.split_column(
        Layout(_header(state), name="head", size=5), Layout(name="body"),
        Layout(_notes(state), name="notes", size=NOTES_SHOWN + 2),
    )  # fmt: skip
    layout["body"].split_row(Layout(name="left"), Layout(name="right"))
    shop = state.reports.get(PRE_POSITIONED)
    layout["left"].update(
        Group(
            _panel("Gateways", gateways_table(state)),
            _panel(f"Devices at {PRE_POSITIONED}", devices_table(shop)),
            _panel("Stock on the shelves", stock_table(state)),
        )
    )
    layout["right"].update(
        Group(
            _panel("Low stock", triggers_table(shop)),
            _panel("Replenishment plan", plan_view(shop, state.asn_status)),
        )
    )
    return layout


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim", padding=(0, 1))


def _header(state: DemoState) -> Panel:
    since_s = time.monotonic() - (state.running_since_s or state.began_s)
    duration = state.options.duration_s
    text = Text.assemble(
        ("Forepost ", "bold"), (state.phase, "bold green"), f" {since_s:5.0f} s",
        f" of {duration:.0f}" if duration and state.running_since_s else "",
        f"   broker {state.broker}   cloud {state.cloud_url}   box {state.pages_url}",
        f"   seed {state.options.seed}",
        "   Ctrl-C stops everything\n",
        f"dashboard {state.cloud_url}/   {state.sign_in}", style="default",
    )  # fmt: skip
    return Panel(text, border_style="green")


def _notes(state: DemoState) -> Panel:
    return _panel("What happened", Text("\n".join(state.notes[-NOTES_SHOWN:])))


def gateways_table(state: DemoState) -> Table:
    """Journal depth, lag and intake of each gateway, and what its PDA has done."""
    table = _table(
        "gateway", "journal", "not yet up", "lag", "scans", "open", "refused", "repeats"
    )
    for warehouse, worker in state.workers.items():
        report, ledger = state.reports.get(warehouse), worker.ledger
        scans = (str(len(ledger.entries)), str(ledger.n_open))
        if report is None:
            table.add_row(warehouse, "-", "-", "-", *scans, "-", "-")
            continue
        intake = report.intake
        table.add_row(
            warehouse,
            str(report.last_seq),
            str(report.lag_events),
            f"{report.lag_s:.1f} s" if report.is_connected else Text("no cloud", "red"),
            *scans,
            str(intake.get("refused", 0)),
            str(intake.get("duplicate", 0)),
        )
    return table


def devices_table(report: GatewayReport | None) -> Table:
    """Each device's state, count of readings and errors, and its newest reading."""
    table = _table("device", "state", "readings", "errors", "newest")
    for device in report.devices if report else ():
        errors = device.get("errors")
        n_errors = sum(errors.values()) if isinstance(errors, dict) else 0
        state = str(device.get("state"))
        table.add_row(
            str(device.get("device") or device.get("name")),
            Text(state, STATE_STYLE.get(state, "default")),
            str(device.get("n_reads", 0)),
            str(n_errors),
            str(device.get("last_reading") or ""),
        )
    return table


def stock_table(state: DemoState) -> Table:
    """Units per item at both warehouses, and the reorder point they are held against."""
    table = _table("item", "zone", PRE_POSITIONED, "reorder at", CENTRAL)
    shelves = {
        warehouse: shelf_units(report.stock, warehouse)
        for warehouse, report in state.reports.items()
    }
    for item in make_catalog():
        here = shelves.get(PRE_POSITIONED, {}).get(item.gtin, 0)
        point = item.reorder_point(state.lead_time_days)
        table.add_row(
            item.name,
            item.zone,
            Text(str(here), "bold red" if here <= point else "default"),
            str(point),
            str(shelves.get(CENTRAL, {}).get(item.gtin, 0)),
        )
    return table


def shelf_units(stock: Iterable[Row], warehouse: str) -> dict[str, int]:
    """Units per item that stand in a warehouse's bins, the packing bench left out."""
    units: dict[str, int] = {}
    for row in stock:
        if row.get("warehouse") == warehouse and row.get("location") != "PACK":
            item = str(row.get("item"))
            units[item] = units.get(item, 0) + int(str(row.get("quantity", 0)))
    return units


def triggers_table(report: GatewayReport | None) -> Table:
    """The newest triggers."""
    table = _table("item", "position", "at or below")
    names = _names()
    for trigger in (report.triggers if report else [])[-TRIGGERS_SHOWN:]:
        item = names.get(str(trigger.get("item")))
        table.add_row(
            item.name if item else str(trigger.get("item")),
            str(trigger.get("position_units")),
            str(trigger.get("reorder_point_units")),
        )
    return table


def plan_view(report: GatewayReport | None, asn_status: Mapping[str, str]) -> RenderableType:
    """The newest plan: what is ordered, and the network plan it was cut from."""
    if report is None or not report.plans:
        return Text("none yet: stock has to fall first", "dim")
    plan = report.plans[-1]
    plan_id = str(plan.get("plan_id"))
    status = asn_status.get(plan_id.replace("PL-", "ASN-", 1), "on its way to the cloud")
    head = Text.assemble((plan_id, "bold"), f" from {plan.get('source')}, delivery: {status}")
    return Group(head, lines_table(plan), network_table(plan))


def lines_table(plan: Row) -> Table:
    """The order lines of a plan."""
    table = _table("order", "units", "up to", "position")
    names = _names()
    for line in _rows(plan, "lines"):
        item = names.get(str(line.get("item")))
        table.add_row(
            item.name if item else str(line.get("item")),
            str(line.get("quantity")),
            str(line.get("order_up_to_units")),
            str(line.get("position_units")),
        )
    return table


def network_table(plan: Row) -> Table:
    """The network plan: per product its cost, cycles and routes."""
    network = plan.get("network_plan")
    table = _table("product", "cost/day", "cycle", "route", "load")
    if not isinstance(network, dict):
        return table
    table.caption = f"network objective {float(str(network.get('objective', 0))):,.0f} a day"
    for product in _rows(network, "products"):
        cost = f"{float(str(product.get('objective', 0))):,.0f}"
        for trip in _rows(product, "trips"):
            stops = trip.get("stops")
            route = "→".join(map(str, stops)) if isinstance(stops, list) else ""
            table.add_row(
                str(product.get("id")),
                cost,
                f"{trip.get('cycle_days')} d",
                f"{trip.get('central')}→{route}",
                f"{float(str(trip.get('load_kg', 0))):,.0f} kg",
            )
            cost = ""
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), expand=True, header_style="dim")
    for i, column in enumerate(columns):
        is_text = i == 0 or column in ("state", "zone", "newest", "route")
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True)
    return table


def _rows(row: Row, key: str) -> list[Row]:
    value = row.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _names() -> dict[str, CatalogItem]:
    return {item.gtin: item for item in make_catalog()}
