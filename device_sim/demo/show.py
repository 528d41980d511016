"""The demo itself: set up, run, drain, check.

Phases   setting up   programs start, master data and first deliveries go in
         stocking     workers receive the first deliveries; then policies take effect
         running      orders, mistakes, and whatever replenishment follows
         draining     no new orders; everything begun is finished, within DRAIN_S
         checking     edge, cloud and truth are compared
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from importlib import resources
from random import Random
from typing import Final

from device_sim.catalog import make_catalog
from device_sim.clock import wall_us
from device_sim.demo.cast import Cast, set_the_stage
from device_sim.demo.options import DemoOptions
from device_sim.demo.site import CENTRAL, PRE_POSITIONED
from device_sim.demo.state import DemoState, make_summary
from device_sim.errors import SimulatorError
from device_sim.stage import check
from device_sim.stage.configuration import Site
from device_sim.stage.crew import Supplier
from device_sim.stage.picking import check_picking
from device_sim.stage.processes import Stage, open_stage
from device_sim.stage.watch import GatewayReport, ask_gateway
from device_sim.world import World

STOCKING_S: Final = 60.0
DRAIN_S: Final = 90.0
POLL_S: Final = 1.0
RESTART_S: Final = 1.0
CENTRAL_OPENING_UNITS: Final = 1500
CENTRAL_LOW_UNITS: Final = 400
"""Below this the supplier sends the central warehouse more."""
RFID_PERIOD_S: Final = 6.0
ORDER_PERIOD_S: Final = 2.5
"""Between two orders of the web shop's, besides what is sold over the counter."""
OPENING_LOTS: Final = 2
"""Lots of each item at the opening, so that orders are split over them."""


class Show:
    """One demo from beginning to end."""

    def __init__(self, options: DemoOptions) -> None:
        self._options = options
        self.state = DemoState(options)
        self.stop = asyncio.Event()
        self.changed = asyncio.Event()
        self._closing = asyncio.Event()
        random = Random(options.seed)
        self._world = World(make_catalog(), Random(random.random()), options.today)
        self._supplier = Supplier(self._world)
        self._random = random
        self._network: dict[str, object] = json.loads(
            resources.files("device_sim").joinpath("cases/m_company.json").read_text("utf-8")
        )

    async def run(self) -> dict[str, object]:
        """Run it; gives the summary. Raises SimulatorError if it cannot go on."""
        async with (
            open_stage(self._options.directory) as stage,
            set_the_stage(stage, self._options, self._world, self._random) as cast,
        ):
            installation = cast.installation
            self.state.broker, self.state.cloud_url = (
                installation.broker_name,
                installation.cloud_url,
            )
            self.state.sign_in = f"user simulation, token {installation.admin_token}"
            self.state.note(f"the dashboard is at {installation.cloud_url}/: {self.state.sign_in}")
            self.state.pages_url = cast.pages_url
            self.state.note(f"the box of {PRE_POSITIONED} shows itself at {cast.pages_url}")
            self.state.workers, self.state.pickers = cast.workers, cast.pickers
            return await self._play(stage, cast)

    async def _play(self, stage: Stage, cast: Cast) -> dict[str, object]:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._keep_watching(cast), name="watching")
            delivering = [
                group.create_task(worker.keep_delivering(), name=f"delivering-{warehouse}")
                for warehouse, worker in cast.workers.items()
            ]
            delivering += [
                group.create_task(picker.keep_picking(), name=f"picking-{warehouse}")
                for warehouse, picker in cast.pickers.items()
            ]
            await self._stock_up(cast)
            self._enter("running")
            self.state.running_since_s = time.monotonic()
            await self._run(cast)
            self._enter("draining")
            undone = await self._drain(cast)
            self._enter("checking")
            for task in (watching, *delivering):
                task.cancel()
            summary = await self._check(cast, undone)
        summary["killed_at_stop"] = await stage.stop_all()
        return summary

    def _enter(self, phase: str) -> None:
        self.state.phase = phase
        self.state.note(phase)
        self.changed.set()

    # ------------------------------------------------------------ stocking

    async def _stock_up(self, cast: Cast) -> None:
        """Master data and the first deliveries; policies once the shelves are full."""
        self._enter("stocking")
        catalog = self._world.catalog
        lead_time_days = lead_time_of(self._network, PRE_POSITIONED)
        self.state.lead_time_days = lead_time_days
        opening = {
            item.gtin: item.reorder_point(lead_time_days) + item.opening_slack for item in catalog
        }
        central = dict.fromkeys(opening, CENTRAL_OPENING_UNITS)
        await cast.cloud.import_documents(
            items=[item.document() for item in catalog],
            locations=[
                {"warehouse": warehouse, "id": name, "zone": zone, "walk": walk}
                for warehouse in cast.workers
                for walk, (name, zone) in enumerate(self._world.bins())
            ],
            network=self._network,
        )
        await self._announce(cast, PRE_POSITIONED, opening, n_lots=OPENING_LOTS)
        await self._announce(cast, CENTRAL, central)

        def is_stocked() -> bool:
            return all(
                self._world.shelf_units(warehouse, gtin) >= units
                for warehouse, wanted in ((PRE_POSITIONED, opening), (CENTRAL, central))
                for gtin, units in wanted.items()
            ) and not any(worker.ledger.n_open for worker in cast.workers.values())

        await self._until(is_stocked, STOCKING_S, "the first deliveries are not received")
        await cast.cloud.import_documents(
            policies=[item.policy(PRE_POSITIONED, lead_time_days) for item in catalog]
        )

    async def _announce(
        self, cast: Cast, warehouse: str, units: dict[str, int], *, n_lots: int = 1
    ) -> None:
        asn = self._supplier.make_asn(warehouse, units, n_lots=n_lots)
        cast.workers[warehouse].supplier_asns.add(str(asn["id"]))
        await cast.cloud.import_documents(asns=[asn])

    async def _until(self, is_so: Callable[[], bool], limit_s: float, complaint: str) -> None:
        try:
            async with asyncio.timeout(limit_s):
                while not is_so():  # noqa: ASYNC110 -- the world is plain values, without events
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise SimulatorError(f"{complaint} within {limit_s:g} s") from error

    # ------------------------------------------------------------ running

    async def _run(self, cast: Cast) -> None:
        """The working day, until the duration is over or somebody says stop."""
        shop = cast.workers[PRE_POSITIONED]
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.keep_selling(), name="selling")
            group.create_task(shop.keep_erring(), name="erring")
            side_shows = [
                group.create_task(self._keep_supplied(cast), name="supplying"),
                group.create_task(self._move_tags(cast), name="tags"),
                group.create_task(self._keep_ordering(cast), name="ordering"),
            ]
            if self._options.kill_gateway_at_s is not None:
                killing = self._kill_gateway(cast, self._options.kill_gateway_at_s)
                group.create_task(killing, name="killing")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.duration_s):
                    await self.stop.wait()
            shop.is_closing = True
            self._closing.set()
            for task in side_shows:
                task.cancel()

    async def _keep_supplied(self, cast: Cast) -> None:
        """The supplier fills up the central warehouse."""
        while True:
            low = {
                item.gtin: CENTRAL_OPENING_UNITS
                for item in self._world.catalog
                if self._world.shelf_units(CENTRAL, item.gtin) < CENTRAL_LOW_UNITS
            }
            if low:
                await self._announce(cast, CENTRAL, low)
                for gtin in low:
                    await self._until(
                        lambda gtin=gtin: (  # type: ignore[misc]  # bound at once
                            self._world.shelf_units(CENTRAL, gtin) >= CENTRAL_LOW_UNITS
                        ),
                        STOCKING_S,
                        "the supplier's delivery is not received",
                    )
            await asyncio.sleep(1.0)

    async def _keep_ordering(self, cast: Cast) -> None:
        """Customers order at the cloud, which gives it to a warehouse."""
        while True:
            await cast.shop.place(wall_us())
            await asyncio.sleep(ORDER_PERIOD_S)

    async def _move_tags(self, cast: Cast) -> None:
        """Boxes with RFID tags pass the dock; between them the line has noise."""
        while True:
            cast.put_tags_in_field()
            await asyncio.sleep(RFID_PERIOD_S / 2)
            cast.put_noise_on_line()
            await asyncio.sleep(RFID_PERIOD_S / 2)

    async def _kill_gateway(self, cast: Cast, at_s: float) -> None:
        """Kill it, unless the day is over before; what was killed is started again always."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_s):
                await self._closing.wait()
                return
        site = cast.sites[PRE_POSITIONED]
        await cast.installation.kill_gateway(site)
        self.state.n_kills += 1
        self.state.note(f"{site.gateway} killed (SIGKILL)")
        await asyncio.sleep(RESTART_S)
        await cast.installation.start_gateway(site)
        self.state.note(f"{site.gateway} started again")

    # ------------------------------------------------------------ watching

    async def _keep_watching(self, cast: Cast) -> None:
        while True:
            await self._look(cast)
            self.changed.set()
            await asyncio.sleep(POLL_S)

    async def _look(self, cast: Cast) -> None:
        state = self.state
        for site in cast.sites.values():
            report = await ask_gateway(site)
            if report is not None:
                self._note_news(state.reports.get(site.warehouse), report)
                state.reports[site.warehouse] = report
        if any(report.plans for report in state.reports.values()):
            state.asn_status = {
                str(asn["id"]): str(asn["status"]) for asn in await cast.cloud.asns()
            }

    def _note_news(self, before: GatewayReport | None, now: GatewayReport) -> None:
        known = (
            {row.get("event_id") for row in before.triggers + before.plans} if before else set()
        )
        for trigger in now.triggers:
            if trigger.get("event_id") not in known:
                self.state.note(f"{now.warehouse} trigger: {trigger.get('reason')}")
        for plan in now.plans:
            if plan.get("event_id") not in known:
                lines = plan.get("lines")
                n_lines = len(lines) if isinstance(lines, list) else 0
                self.state.note(f"{now.warehouse} plan {plan.get('plan_id')}: {n_lines} lines")

    # ------------------------------------------------------------ draining and checking

    async def _drain(self, cast: Cast) -> list[str]:
        """Wait until nothing is under way; gives what still is after DRAIN_S."""
        site = cast.sites[PRE_POSITIONED]
        undone = ["not looked yet"]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while undone:
                    await asyncio.sleep(POLL_S / 2)
                    undone = await self._undone(cast, site)
        return undone

    async def _undone(self, cast: Cast, site: Site) -> list[str]:
        """What is under way: scans without receipt, deliveries, rows the cloud has not."""
        undone = [
            f"{worker.ledger.device}: {worker.ledger.n_open} scans without receipt"
            for worker in cast.workers.values()
            if worker.ledger.n_open
        ]
        plans = await cast.cloud.plans()
        problems = check.check_replenished([], plans, await cast.cloud.asns())[1].problems
        undone += problems if plans else ()
        undone += [
            f"{order['id']}: {order['status']}"
            for order in await cast.cloud.orders()
            if order["status"] != "delivered"
        ]
        # The gateways last: what was seen idle here has given all it has.
        for each in cast.sites.values():
            report = await ask_gateway(each)
            if report is None or not report.is_idle:
                undone.append(f"{each.gateway}: not idle")
            elif report.warehouse == site.warehouse and len(report.plans) > len(plans):
                undone.append(f"{each.gateway}: a plan is on its way")
            if report is not None:
                self.state.reports[each.warehouse] = report
        return undone

    async def _check(self, cast: Cast, undone: list[str]) -> dict[str, object]:
        state, cloud = self.state, cast.cloud
        ledgers = [worker.ledger for worker in cast.workers.values()]
        stock, events = await cloud.stock(), await cloud.events()
        reports = [state.reports[warehouse] for warehouse in sorted(state.reports)]
        last_seqs = {
            cast.sites[report.warehouse].gateway: report.acknowledged_seq for report in reports
        }
        plans = await cloud.plans()
        checks = [
            check.verdict("everything came to rest", undone),
            check.check_receipts(ledgers),
            check.check_scans(ledgers, events),
            check.check_journal_order(events, last_seqs),
            *check.check_stock(self._world.truth, [report.stock for report in reports], stock),
            check.check_conserved(stock),
            *check.check_replenished(events, plans, await cloud.asns()),
            *check_picking(await cloud.orders(), cast.pickers.values(), cast.shop),
        ]
        quarantined = await cloud.quarantine()
        checks.append(
            check.verdict(
                "the cloud set nothing aside", (str(row.get("reason")) for row in quarantined)
            )
        )
        self.state.n_orders = len(cast.shop.placed)
        return make_summary(self.state, checks, events)


def lead_time_of(network: dict[str, object], warehouse: str) -> float:
    """A warehouse's lead time in the network document, in days."""
    rows = network["warehouses"]
    if not isinstance(rows, list):
        raise AssertionError("the network document has no list of warehouses")
    return next(float(row["lead_time_days"]) for row in rows if row["id"] == warehouse)


@contextlib.asynccontextmanager
async def following(show: Show, follow: Callable[[Show], object]) -> AsyncIterator[None]:
    """Call `follow` whenever the show changes, for the time of the context."""

    async def keep_following() -> None:
        while True:
            await show.changed.wait()
            show.changed.clear()
            follow(show)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_following(), name="view")
        try:
            yield
        finally:
            task.cancel()
            follow(show)
