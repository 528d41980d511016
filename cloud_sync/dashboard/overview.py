"""All warehouses at a glance, and the list of them."""

from __future__ import annotations

from functools import partial
from typing import Final

from starlette.responses import Response

from cloud_sync.contract import rights
from cloud_sync.contract.master import Warehouse
from cloud_sync.dashboard.glance import Glance, add_up
from cloud_sync.dashboard.page import Page, get
from cloud_sync.dashboard.visit import Visit
from cloud_sync.inventory.exceptions import EXCURSION, EXPOSURE, SENSOR_FAULT
from cloud_sync.service.orders import at_risk
from cloud_sync.store.order_queries import OrderFilter
from cloud_sync.store.promises import read_rules

SOON_US: Final = 24 * 3_600_000_000
COUNTED_MAX: Final = 100
"""Orders at risk are counted up to here: nobody works off more before looking again."""


async def overview(visit: Visit) -> Response:
    """What stands well and what does not, everywhere in the reader's scope."""
    glances = await visible(visit)
    rules = await visit.read(read_rules)
    risks = await visit.read(
        partial(
            at_risk,
            wanted=OrderFilter(None, None, visit.scope()),
            now_us=visit.now_us,
            soon_us=SOON_US,
            after=(-1, ""),
            limit=COUNTED_MAX,
        )
    )
    orders = risks["orders"]
    dark = {it.warehouse for it in glances if is_dark(it, visit.now_us, rules.dark_after_s)}
    worth = add_up(it.worth_minor for it in glances)
    return await visit.render(
        "overview.html",
        glances=glances,
        has_worth=visit.may(rights.READ_COSTS) and bool(worth),
        grams=sum(zone.grams for it in glances for zone in it.zones),
        worth=worth,
        n_open=sum(it.n_open for it in glances),
        n_expiring=sum(it.n_expiring for it in glances),
        n_expired=sum(it.n_expired for it in glances),
        n_excursions=sum(it.n_of(EXCURSION, EXPOSURE) for it in glances),
        n_sick=sum(it.n_of(SENSOR_FAULT) for it in glances),
        dark=dark,
        n_risks=len(orders) if isinstance(orders, list) else 0,
        is_more="next_after" in risks,
    )


async def warehouses(visit: Visit) -> Response:
    """The list of warehouses; straight to the only one of those who see one."""
    glances = await visible(visit)
    if len(glances) == 1:
        return visit.go(f"/ui/warehouses/{glances[0].warehouse}")
    master = await visit.glances.master()
    rules = await visit.read(read_rules)
    dark = {it.warehouse for it in glances if is_dark(it, visit.now_us, rules.dark_after_s)}
    places: dict[str, Warehouse] = dict(master.warehouses)
    return await visit.render("warehouses.html", glances=glances, dark=dark, places=places)


async def visible(visit: Visit) -> list[Glance]:
    """The warehouses in the reader's scope."""
    found = await visit.glances.all()
    return [it for it in found.values() if visit.credential.reaches(it.warehouse)]


def is_dark(glance: Glance, now_us: int, dark_after_s: int) -> bool:
    """Whether a warehouse has not been heard of for longer than is usual."""
    return glance.contact_us is None or now_us - glance.contact_us > dark_after_s * 1_000_000


PAGES: Final[tuple[Page, ...]] = (get("/overview", overview), get("/warehouses", warehouses))
