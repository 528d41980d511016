"""Reservations: goods kept for somebody for a while, or for good; docs/orders.md."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import keys
from cloud_sync.contract.events import Id, Time
from cloud_sync.fulfilment.placed import CLOSED, LINES_MAX, GoodsLine, one_line_each, wanted_of
from cloud_sync.fulfilment.promise import SECOND_US, Shelf
from cloud_sync.service.access import as_reader, reach, within
from cloud_sync.service.bodies import documented
from cloud_sync.service.context import context_of
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.service.orders import as_order_writer, without_body
from cloud_sync.service.pages import AfterQuery, PageLimit, mark_place, place_of
from cloud_sync.service.problems import Refused
from cloud_sync.store import reservations as store
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import Transaction
from cloud_sync.store.promises import lock_shelves, read_promises

router = APIRouter(prefix="/v1", tags=["orders"])

KEPT_S_MAX: Final = 30 * 86_400

AsReader = Annotated[Credential, Depends(as_reader)]
OrderMutation = Annotated[Mutation, Depends(mutation_by(as_order_writer))]
KeyedMutation = Annotated[Mutation, Depends(mutation_by(as_order_writer, needs_key=True))]
ReservationPath = Annotated[str, Path(pattern=keys.ID_PATTERN)]
IdQuery = Annotated[str | None, Query(pattern=keys.ID_PATTERN)]
StateQuery = Literal["held", "confirmed", "released", "expired", "consumed"] | None


class ReservationBody(BaseModel):
    """Goods at one warehouse, all or none. good_until_us: when they must not be past their last
    day; now, where it is absent."""

    model_config = CLOSED

    warehouse: Id
    expires_in_s: Annotated[int, Field(ge=1, le=KEPT_S_MAX)]
    good_until_us: Time | None = None
    lines: Annotated[list[GoodsLine], Field(min_length=1, max_length=LINES_MAX)]

    @model_validator(mode="after")
    def _has_one_line_each(self) -> ReservationBody:
        one_line_each(self.lines)
        return self


@router.get("/reservations")
async def get_reservations(
    request: Request,
    credential: AsReader,
    *,
    warehouse: IdQuery = None,
    state: StateQuery = None,
    limit: PageLimit = 1000,
    after: AfterQuery = None,
) -> dict[str, object]:
    """Reservations by id, those of orders (under their parcels' ids) among them."""
    (place,) = place_of(after, n=1) or ("",)
    context = context_of(request)
    found = await context.database.read(
        partial(
            store.read_reservations,
            warehouses=reach(credential, warehouse),
            state=state,
            after=place,
            limit=limit + 1,
            now_us=context.wall_us(),
        )
    )
    page: dict[str, object] = {"reservations": [_render(it) for it in found[:limit]]}
    if len(found) > limit:
        page["next_after"] = mark_place([found[limit - 1].reservation])
    return page


@router.post("/reservations", status_code=201, openapi_extra=documented(ReservationBody))
async def post_reservation(mutation: KeyedMutation) -> Response:
    """Reserve goods for a while: all lines, or 409 `short` and none. Its id is ours, so only the
    `Idempotency-Key` tells a repeat from a second reservation."""
    body = mutation.parse(ReservationBody)
    within(mutation.credential, (body.warehouse,))
    wanted = store.Wanted(
        reservation=f"R-{secrets.token_hex(12)}",
        warehouse=body.warehouse,
        lines=wanted_of(body.lines),
        expires_at_us=mutation.now_us + body.expires_in_s * SECOND_US,
    )
    at_us = mutation.now_us if body.good_until_us is None else body.good_until_us
    script = partial(_reserve, wanted=wanted, now_us=mutation.now_us, at_us=at_us)
    return await mutation.run(script, status=201)


async def _reserve(
    tx: Transaction, *, wanted: store.Wanted, now_us: int, at_us: int
) -> Mapping[str, object]:
    await lock_shelves(tx, [Shelf(wanted.warehouse, *goods) for goods in wanted.lines])
    items = {goods.item for goods in wanted.lines}
    promises = await read_promises(tx, items, now_us=now_us, at_us=max(now_us, at_us))
    short = await store.reserve(tx, wanted, promises, now_us)
    if short:
        held = [promises.get(Shelf(wanted.warehouse, *goods)) for goods in short]
        told = [
            f"{goods.item}: {wanted.lines[goods]} {goods.unit} wanted, "
            f"{max(0, it.available) if it is not None else 0} left"
            for goods, it in zip(short, held, strict=True)
        ]
        raise Refused("short", "; ".join(told))
    return _render(await _found(tx, wanted.reservation, now_us))


@router.get("/reservations/{reservation}")
async def get_reservation(
    request: Request, credential: AsReader, reservation: ReservationPath
) -> dict[str, object]:
    """One reservation."""
    context = context_of(request)
    script = partial(_found, reservation=reservation, now_us=context.wall_us())
    found = await context.database.read(script)
    within(credential, (found.warehouse,))
    return _render(found)


@router.post("/reservations/{reservation}/confirm")
async def post_confirm(mutation: OrderMutation, reservation: ReservationPath) -> Response:
    """Keep a reservation for good. 409 `ended` once its time is over or it was given back."""
    without_body(mutation)
    script = partial(_end, mutation=mutation, reservation=reservation, is_kept=True)
    return await mutation.run(script)


@router.post("/reservations/{reservation}/release")
async def post_release(mutation: OrderMutation, reservation: ReservationPath) -> Response:
    """Give back what is reserved and not yet consumed."""
    without_body(mutation)
    script = partial(_end, mutation=mutation, reservation=reservation, is_kept=False)
    return await mutation.run(script)


async def _end(
    tx: Transaction, *, mutation: Mutation, reservation: str, is_kept: bool
) -> Mapping[str, object]:
    now_us = mutation.now_us
    await store.lock_reservation(tx, reservation, now_us)
    found = await _found(tx, reservation, now_us)
    within(mutation.credential, (found.warehouse,))
    if found.order_id is not None:
        raise Refused("ended", f"{reservation} belongs to order {found.order_id}; cancel that")
    good = {store.HELD, store.CONFIRMED}
    is_as_wanted = found.state == (store.CONFIRMED if is_kept else store.RELEASED)
    if found.state not in good and not is_as_wanted:
        raise Refused("ended", f"reservation {reservation} is {found.state}")
    if is_as_wanted:
        return _render(found)  # a repeat, whatever became of the goods since
    if is_kept:
        await _still_there(tx, found, now_us)
        await store.confirm(tx, reservation)
    else:
        await store.release(tx, reservation)
    return _render(await _found(tx, reservation, now_us))


async def _still_there(tx: Transaction, found: store.Reservation, now_us: int) -> None:
    """Raises Refused where confirming would promise more than there is.

    Somebody whose clock said already that its time was over may have taken the goods meanwhile.
    """
    shelves = [Shelf(found.warehouse, *goods) for goods in found.lines]
    await lock_shelves(tx, shelves)
    items = {goods.item for goods in found.lines}
    promises = await read_promises(tx, items, now_us=now_us, at_us=now_us)
    if any(promises[shelf].available < 0 for shelf in shelves):
        raise Refused("short", f"what {found.reservation} holds is not there any more")


async def _found(tx: Transaction, reservation: str, now_us: int) -> store.Reservation:
    found = await store.find_reservation(tx, reservation, now_us)
    if found is None:
        raise Refused("not_found", f"there is no reservation {reservation}")
    return found


def _render(found: store.Reservation) -> dict[str, object]:
    told: dict[str, object] = {
        "reservation": found.reservation,
        "warehouse": found.warehouse,
        "state": found.state,
        "created_at_us": found.created_at_us,
        "lines": [
            {"item": goods.item, "unit": goods.unit, "quantity": quantity, "consumed": consumed}
            for goods, (quantity, consumed) in sorted(found.lines.items())
        ],
    }
    if found.expires_at_us is not None:
        told["expires_at_us"] = found.expires_at_us
    if found.order_id is not None:
        told["order"] = found.order_id
    return told
