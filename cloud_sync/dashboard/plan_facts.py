"""What the pages of plans read: plans, the network, the places, what items are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from cloud_sync.contract import documents as doc
from cloud_sync.contract.master import WAREHOUSE, Warehouse
from cloud_sync.service import master
from cloud_sync.store.documents import find_documents, read_documents
from cloud_sync.store.plan_story import PlanStory, read_story
from cloud_sync.store.ports import Transaction
from cloud_sync.store.queries import read_plans

PLANS_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Network:
    """The network document, as it is, and its version; nothing in it where there is none."""

    document: Mapping[str, object]
    version: int


async def read_network(tx: Transaction) -> Network:
    """The planning network as it stands."""
    found = await find_documents(tx, doc.NETWORK, [master.NETWORK_KEY])
    return Network(found[0].content, found[0].version) if found else Network({}, 0)


async def read_places(tx: Transaction) -> dict[str, Warehouse]:
    """All warehouses that the office knows, by id."""
    found = {}
    for content in await read_documents(tx, WAREHOUSE):
        try:
            place = Warehouse.model_validate(content)
        except ValidationError:
            continue  # a newer version's; its plans are shown without it
        found[place.id] = place
    return found


async def read_item_names(tx: Transaction, items: Iterable[str]) -> dict[str, dict[str, str]]:
    """What items are called, by language."""
    found = await find_documents(tx, doc.ITEM, items)
    return {it.key: dict(doc.Item.model_validate(it.content).names) for it in found}


@dataclass(frozen=True, slots=True)
class PlanPage:
    """A plan and what its page says beside it."""

    story: PlanStory
    network: Network
    places: Mapping[str, Warehouse]
    names: Mapping[str, Mapping[str, str]]


async def read_plan_page(tx: Transaction, warehouse: str, plan_id: str) -> PlanPage | None:
    """Everything for the page of a plan, of one state; None where there is no such plan."""
    story = await read_story(tx, warehouse, plan_id)
    if story is None:
        return None
    items = {line.item for line in story.plan.lines}
    return PlanPage(
        story, await read_network(tx), await read_places(tx), await read_item_names(tx, items)
    )


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One line of the list of plans."""

    plan_id: str
    warehouse: str
    source: str
    supplier: str
    at_us: int
    state: str
    n_lines: int
    units: int
    waits_because: str
    n_triggers: int
    is_fallback: bool
    position: int


async def read_plan_rows(
    tx: Transaction, within: list[str] | None, before: int | None
) -> list[PlanRow]:
    """The newest plans of warehouses, or those before a position; one more than are shown."""
    plans = await read_plans(
        tx, warehouse=None, within=within, limit=PLANS_SHOWN + 1, before=before
    )
    return [_row(it) for it in plans]


def _row(plan: Mapping[str, object]) -> PlanRow:
    lines = plan.get("lines")
    several = lines if isinstance(lines, list) else []
    triggers = plan.get("triggers")
    at_us, position = plan.get("computed_at_us"), plan.get("position")
    waits = plan.get("approval") == "needed"
    return PlanRow(
        plan_id=str(plan.get("plan_id")),
        warehouse=str(plan.get("warehouse")),
        source=str(plan.get("source")),
        supplier=str(plan.get("supplier") or ""),
        at_us=at_us if isinstance(at_us, int) else 0,
        state=str(plan.get("state") or "proposed"),
        n_lines=len(several),
        units=sum(n for it in several if isinstance(n := it.get("quantity"), int)),
        waits_because=str(plan.get("approval_reason") or "") if waits else "",
        n_triggers=len(triggers) if isinstance(triggers, list) else 0,
        is_fallback=plan.get("fallback") is not None,
        position=position if isinstance(position, int) else 0,
    )
