"""Customers' orders: placed, listed, cancelled, given to warehouses; docs/orders.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import keys, rights
from cloud_sync.contract.events import Id
from cloud_sync.fulfilment.orders import ENDED, Part, risks_of
from cloud_sync.fulfilment.placed import CLOSED, ORDER_ID_PATTERN, CustomerOrder, PricedLine
from cloud_sync.fulfilment.prices import Amounts, amounts_of, totals_of
from cloud_sync.fulfilment.promise import SECOND_US, Goods
from cloud_sync.service.access import as_reader, may, reach, within
from cloud_sync.service.bodies import documented
from cloud_sync.service.context import context_of
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.service.pages import AfterQuery, mark_place, place_of
from cloud_sync.service.problems import Refused
from cloud_sync.store.allocations import (
    NothingBetter,
    Placing,
    allocate_order,
    cancel_order,
    move_order,
    place_order,
)
from cloud_sync.store.credentials import Credential
from cloud_sync.store.order_queries import OrderFilter, list_at_risk, list_orders
from cloud_sync.store.orders import OPEN, OrderState, load_orders
from cloud_sync.store.ports import Transaction
from cloud_sync.store.promises import read_darkness, read_rules

as_order_writer: Final = may(rights.WRITE_ORDERS)

router = APIRouter(prefix="/v1", tags=["orders"])

AsReader = Annotated[Credential, Depends(as_reader)]
OrderMutation = Annotated[Mutation, Depends(mutation_by(as_order_writer))]
OrderPath = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
IdQuery = Annotated[str | None, Query(pattern=keys.ID_PATTERN)]
OrderLimit = Annotated[int, Query(ge=1, le=1000)]
StatusQuery = (
    Literal["open", "allocated", "picking", "picked", "part_delivered", "delivered", "cancelled"]
    | None
)
SoonQuery = Annotated[int, Query(ge=0, le=30 * 86_400)]


class MoveBody(BaseModel):
    """Where an order is to be taken from."""

    model_config = CLOSED

    warehouse: Id


# ------------------------------------------------------------------ reading


@router.get("/orders")
async def get_orders(
    request: Request,
    credential: AsReader,
    *,
    status: StatusQuery = None,
    platform: IdQuery = None,
    warehouse: IdQuery = None,
    limit: OrderLimit = 100,
    after: AfterQuery = None,
) -> dict[str, object]:
    """Orders by id; those with a parcel at a warehouse, if one is asked for."""
    (place,) = place_of(after, n=1) or ("",)
    wanted = OrderFilter(status, platform, reach(credential, warehouse))
    found = await context_of(request).database.read(
        partial(list_orders, wanted=wanted, after=place, limit=limit + 1)
    )
    page: dict[str, object] = {"orders": [render_order(it) for it in found[:limit]]}
    if len(found) > limit:
        page["next_after"] = mark_place([found[limit - 1].order.id])
    return page


@router.get("/orders/at-risk")
async def get_orders_at_risk(
    request: Request,
    credential: AsReader,
    *,
    soon_s: SoonQuery = 86_400,
    warehouse: IdQuery = None,
    limit: OrderLimit = 100,
    after: AfterQuery = None,
) -> dict[str, object]:
    """Orders that may not leave within 72 hours, the most urgent first, each with the reasons:
    late, due (within soon_s), short (goods are missing), dark (a warehouse is not heard of)."""
    wanted = OrderFilter(None, None, reach(credential, warehouse))
    now_us = context_of(request).wall_us()
    script = partial(
        at_risk,
        wanted=wanted,
        now_us=now_us,
        soon_us=soon_s * SECOND_US,
        after=_due_place(after),
        limit=limit,
    )
    return await context_of(request).database.read(script)


def _due_place(after: str | None) -> tuple[int, str]:
    ship_by, order_id = place_of(after, n=2) or ("-1", "")
    if re.fullmatch("-1|[0-9]{1,16}", ship_by) is None:
        raise Refused("malformed", "after: not of this list")
    return int(ship_by), order_id


async def at_risk(
    tx: Transaction,
    *,
    wanted: OrderFilter,
    now_us: int,
    soon_us: int,
    after: tuple[int, str],
    limit: int,
) -> dict[str, object]:
    """A page of orders at risk, behind a place in the order of their due times."""
    darkness = await read_darkness(tx, await read_rules(tx), now_us)
    found = await list_at_risk(
        tx,
        wanted,
        due_before_us=now_us + soon_us,
        dark=sorted(darkness.dark_for_us),
        after=after,
        limit=limit + 1,
    )
    orders = []
    for state in found[:limit]:
        parts = state.parts
        missing = state.missing_of(parts)
        is_dark = any(it.status == OPEN and darkness.of(it.warehouse) for it in state.parcels)
        risks = risks_of(
            status=state.status,
            ship_by_us=state.order.ship_by_us,
            now_us=now_us,
            soon_us=soon_us,
            missing=missing,
            dark=is_dark,
        )
        left_s = (state.order.ship_by_us - now_us) // SECOND_US
        told = _rendered(state, parts, missing)
        orders.append({**told, "risks": risks, "seconds_left": left_s})
    page: dict[str, object] = {"orders": orders}
    if len(found) > limit:
        last = found[limit - 1].order
        page["next_after"] = mark_place([str(last.ship_by_us), last.id])
    return page


@router.get("/orders/{order_id}")
async def get_order(
    request: Request, credential: AsReader, order_id: OrderPath
) -> dict[str, object]:
    """One order."""
    found = await context_of(request).database.read(partial(load_orders, ids=[order_id]))
    if not found:
        raise Refused("not_found", f"there is no order {order_id}")
    _in_scope(credential, found[0])
    return render_order(found[0])


def _in_scope(credential: Credential, state: OrderState) -> None:
    """Raises Refused unless one of the order's warehouses is in scope."""
    if credential.scope is not None and not any(
        credential.reaches(it.warehouse) for it in state.parcels
    ):
        raise Refused("forbidden", f"order {state.order.id} is out of scope")


# ------------------------------------------------------------------ writing


@router.post("/orders", status_code=201, openapi_extra=documented(CustomerOrder))
async def post_order(mutation: OrderMutation) -> Response:
    """Place an order and give it to the nearest warehouses in scope that can fill it."""
    placing = Placing(mutation.parse(CustomerOrder), mutation.credential.reaches, mutation.now_us)
    return await mutation.run(partial(_place, placing=placing), status=201)


async def _place(tx: Transaction, *, placing: Placing) -> Mapping[str, object]:
    state = await place_order(tx, placing)
    if state is None:
        raise Refused("exists", f"there is an order {placing.order.id} already")
    return render_order(state)


@router.post("/orders/{order_id}/allocate")
async def post_allocate(mutation: OrderMutation, order_id: OrderPath) -> Response:
    """Look again for what an order is missing."""
    without_body(mutation)
    return await mutation.run(partial(_allocate, mutation=mutation, order_id=order_id))


async def _allocate(tx: Transaction, *, mutation: Mutation, order_id: str) -> Mapping[str, object]:
    reaches = mutation.credential.reaches
    await _locked(tx, mutation, order_id)
    state = await allocate_order(tx, order_id, reaches=reaches, now_us=mutation.now_us)
    if state is None:
        raise AssertionError(f"order {order_id} was there a moment ago and is locked")
    return render_order(state)


@router.post("/orders/{order_id}/cancel")
async def post_cancel(mutation: OrderMutation, order_id: OrderPath) -> Response:
    """End an order. What was picked for it has to be put back."""
    without_body(mutation)
    return await mutation.run(partial(_cancel, mutation=mutation, order_id=order_id))


async def _cancel(tx: Transaction, *, mutation: Mutation, order_id: str) -> Mapping[str, object]:
    state = await _locked(tx, mutation, order_id)
    within(mutation.credential, (it.warehouse for it in state.parcels if it.status == OPEN))
    if state.status in ENDED:
        raise Refused("ended", f"order {order_id} is {state.status}")
    await cancel_order(tx, state)
    return render_order(state)


@router.post("/orders/{order_id}/move", openapi_extra=documented(MoveBody))
async def post_move(mutation: OrderMutation, order_id: OrderPath) -> Response:
    """Take from a warehouse what it has not begun to pick and give it to others."""
    body = mutation.parse(MoveBody)
    within(mutation.credential, (body.warehouse,))
    script = partial(_move, mutation=mutation, order_id=order_id, warehouse=body.warehouse)
    return await mutation.run(script)


async def _move(
    tx: Transaction, *, mutation: Mutation, order_id: str, warehouse: str
) -> Mapping[str, object]:
    await _locked(tx, mutation, order_id)
    try:
        reaches = mutation.credential.reaches
        await move_order(tx, order_id, warehouse, reaches=reaches, now_us=mutation.now_us)
    except NothingBetter as error:
        raise Refused("short", f"no other warehouse can send all of it: {order_id}") from error
    (state,) = await load_orders(tx, [order_id])
    return render_order(state)


async def _locked(tx: Transaction, mutation: Mutation, order_id: str) -> OrderState:
    states = await load_orders(tx, [order_id], for_update=True)
    if not states:
        raise Refused("not_found", f"there is no order {order_id}")
    _in_scope(mutation.credential, states[0])
    return states[0]


def without_body(mutation: Mutation) -> None:
    """Raises Refused if somebody sent one."""
    if mutation.raw.strip() not in {b"", b"{}"}:
        raise Refused("malformed", "body: this call takes none")


# ------------------------------------------------------------------ telling


def render_order(state: OrderState) -> dict[str, object]:
    """An order as it is told: what was asked for, who sends what, what came of it."""
    found = state.parts
    return _rendered(state, found, state.missing_of(found))


def _rendered(
    state: OrderState, found: Sequence[Part], missing: Mapping[Goods, int]
) -> dict[str, object]:
    parts = {(it.parcel, it.warehouse): it for it in found}
    order = state.order
    parcels = [
        {
            "parcel": row.parcel,
            "warehouse": row.warehouse,
            "status": row.status,
            "distance_m": row.distance_m,
            "lines": _lines(parts.pop((row.parcel, row.warehouse))),
        }
        for row in state.parcels
    ]
    told: dict[str, object] = {
        **order.model_dump(exclude_none=True),
        "lines": [_priced(line) for line in order.lines],
        "status": state.status,
        "ship_by_us": order.ship_by_us,
        "parcels": parcels,
        "missing": quantities(missing),
    }
    totals = totals_of(order.lines)
    if totals is not None:
        whole = Amounts(
            sum(it.net_minor for _, it in totals), sum(it.vat_minor for _, it in totals)
        )
        rates = [{"vat_basis_points": rate, **it.told()} for rate, it in totals]
        told["amounts"] = {**whole.told(), "rates": rates}
    if parts:
        told["unasked"] = [
            {"document": it.parcel, "warehouse": it.warehouse, "lines": _lines(it)}
            for it in parts.values()
        ]
    return told


def _priced(line: PricedLine) -> dict[str, object]:
    amounts = amounts_of(line)
    return {**line.model_dump(exclude_none=True), **({} if amounts is None else amounts.told())}


def _lines(part: Part) -> list[dict[str, object]]:
    goods = sorted({*part.wanted, *part.taken, *part.delivered, *part.short})
    return [
        {
            "item": it.item,
            "unit": it.unit,
            "quantity": part.wanted.get(it, 0),
            "taken": part.taken.get(it, 0),
            "delivered": part.delivered.get(it, 0),
            "short": part.short.get(it, 0),
        }
        for it in goods
    ]


def quantities(lines: Mapping[Goods, int]) -> list[dict[str, object]]:
    """Amounts as they are told."""
    return [
        {"item": goods.item, "unit": goods.unit, "quantity": quantity}
        for goods, quantity in sorted(lines.items())
    ]
