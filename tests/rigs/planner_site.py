"""A cloud with what a planner looks at: a network, its places, plans and what triggered them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from cloud_sync.contract import events as ev
from cloud_sync.store.batches import take_batch
from cloud_sync.store.credentials import enrol_gateway
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.ports import Database
from tests.fakes.uploads import ITEM, Book

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US

PLACES = {"K1": ("Centre", 48.2, 16.4), "J1": ("North", 48.3, 16.3), "J2": ("<South>", 48.1, 16.5)}
COSTS = {
    "holding": 1.0, "spoilage": 2.0, "transport": 30.0, "central_holding": 4.0,
    "central_spoilage": 5.0, "central_transport": 6.0, "procurement": 700.0,
}  # fmt: skip


def network() -> dict[str, object]:
    """A network of one zone, as small as the solver takes one."""
    demand = {"demand_kg_per_day": 100, "demand_sd_kg": 10, "storage_kg": 900}
    return {
        "format": "forepost-network/1", "name": "Two", "service_z": 1.645, "max_cycle_days": 4,
        "max_procurement_cycle_days": 8,
        "products": [{
            "id": "ambient", "initial_freshness": 0.98, "decay_per_day": 0.005,
            "spoilage_coefficient": 0.26, "preservation_cost": 0.3,
            "preservation_cost_factor": 0.008, "holding_cost": 0.026, "unit_cost": 7.2,
            "vehicle": {"capacity_kg": 1000, "trip_cost": 160, "cost_per_km": 2},
        }],
        "central_warehouses": [{
            "id": "K1", "xy_km": [0, 0], "preservation_coefficient": 3.0, "products": {
                "ambient": {"supplier_lead_time_days": 1, "holding_cost": 0.02, "trip_cost": 900},
            },
        }],
        "warehouses": [
            {"id": name, "xy_km": [x, 5], "lead_time_days": 0.25, "preservation_coefficient": 2.0,
             "products": {"ambient": demand}}
            for name, x in (("J1", -7), ("J2", 8))
        ],
    }  # fmt: skip


def network_plan(cycle_days: int = 2) -> dict[str, object]:
    """A plan of that network; nobody asks whether it is a good one."""
    order = {"central": "K1", "cycle_days": cycle_days, "quantity_kg": 200.0 * cycle_days,
             "safety_stock_kg": 12.5}  # fmt: skip
    return {
        "format": "forepost-plan/1", "objective": 748.0, "proven_optimal": True,
        "products": [{
            "id": "ambient", "objective": 748.0, "costs": COSTS,
            "central": [{"id": "K1", "cycle_days": 6, "quantity_kg": 1200.0,
                         "safety_stock_kg": 9.0}],
            "warehouses": [{"id": "J1", **order}, {"id": "J2", **order}],
            "trips": [{"central": "K1", "cycle_days": cycle_days, "stops": ["J1", "J2"],
                       "load_kg": 400.0 * cycle_days, "length_km": 31.4}],
        }],
    }  # fmt: skip


class PlannerSite:
    """One warehouse's gateway, J1, and what the office has entered."""

    def __init__(self, database: Database, now_us: int) -> None:
        self.database, self.now_us = database, now_us
        self.book = Book(gateway="gw-J1", warehouse="J1")
        self._sent = 0

    async def open(self) -> None:
        """The network, the places, the item, and the gateway let in."""
        drafts = [Draft("network", "network", "", network())]
        for name, (called, latitude, longitude) in PLACES.items():
            drafts.append(Draft("warehouse", name, "", {
                "id": name, "name": called, "country": "AT", "time_zone": "Europe/Vienna",
                "latitude": latitude, "longitude": longitude, "zones": ["ambient"],
            }))  # fmt: skip
        item = {"gtin": ITEM, "names": {"en": "Tea & <honey>", "zh": "茶"}, "zone": "ambient",
                "grams_per_unit": 500, "case_pack_units": 6}  # fmt: skip
        drafts.append(Draft("item", ITEM, "", item))
        await self.database.transact(partial(put_documents, drafts=drafts))
        await self.database.transact(
            partial(enrol_gateway, gateway="gw-J1", warehouse="J1", now_us=1)
        )

    async def propose(
        self, plan_id: str, *, age_us: int = HOUR_US, waits: bool = True, cycle_days: int = 2
    ) -> None:
        """A plan for ITEM with its trigger."""
        at_us = self.now_us - age_us
        cause = {"key": f"reorder_point:{ITEM}:J1:{plan_id}", "cause": "reorder_point",
                 "item": ITEM, "warehouse": "J1", "window": 1, "position_units": 6,
                 "reorder_point_units": 9,
                 "reason": f"6 are left for {plan_id}, order at 9"}  # fmt: skip
        fired = self.book.record(ev.REPLENISHMENT_TRIGGERED, body=cause, at_us=at_us)
        body: dict[str, object] = {
            "plan_id": plan_id, "warehouse": "J1", "source": "K1", "triggers": [fired.event_id],
            "based_on_seq": 7, "computed_at_us": at_us, "objective": 748.0,
            "network_plan": network_plan(cycle_days), "network_version": 1,
            "approval": "needed" if waits else "automatic",
            "lines": [{"item": ITEM, "quantity": 24, "order_up_to_units": 30,
                       "position_units": 6, "limited_by": "room"}],
            "explanation": {
                "binding": [{"zone": "ambient", "limit": "vehicle", "used_kg": 990,
                             "of_kg": 1000}],
                "without": {"n_out": 1, "short_units": 11, "out": [{"item": ITEM, "days": 0.4}]},
            },
        }  # fmt: skip
        if waits:
            body["approval_reason"] = "24 units are more than 20"
        self.book.record(ev.PLAN_PROPOSED, body=body, at_us=at_us,
                         documents=(ev.Document(type="plan", id=plan_id),))  # fmt: skip
        await self.send()

    def tell(self, kind: str, *lines: ev.Line, at_us: int, **more: object) -> ev.Event:
        """Append an event with whatever else it says; `send` hands it in."""
        plain = self.book.record(kind, lines=lines, at_us=at_us)
        event = replace(plain, **more)  # type: ignore[arg-type]  # fields by name
        self.book.bodies[-1] = ev.encode_event(event)
        return event

    async def send(self) -> None:
        """What is new, to the cloud."""
        upload = self.book.upload(self._sent + 1)
        self._sent = len(self.book.bodies)
        await self.database.transact(
            partial(take_batch, gateway="gw-J1", warehouse="J1", upload=upload, now_us=self.now_us)
        )
