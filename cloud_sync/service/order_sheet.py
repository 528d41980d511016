"""Orders as a file, a row per line, with what each line comes to; docs/orders.md."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.fulfilment.prices import amounts_of
from cloud_sync.service.access import as_reader, reach
from cloud_sync.service.context import context_of
from cloud_sync.service.orders import IdQuery, StatusQuery
from cloud_sync.service.problems import Refused
from cloud_sync.service.sheets import write_sheet
from cloud_sync.store.credentials import Credential
from cloud_sync.store.order_queries import OrderFilter, list_orders
from cloud_sync.store.orders import OrderState
from cloud_sync.store.ports import Transaction

router = APIRouter(prefix="/v1/export", tags=["exchange"])

ORDERS_MAX: Final = 20_000
_AT_ONCE: Final = 500


class OrderRow(BaseModel):
    """One line of an order. Amounts are of the whole line, in minor units of the currency."""

    order: str
    platform: str
    market: str
    currency: str
    ordered_at_us: int
    status: str
    item: str
    unit: str
    quantity: int
    price_minor: int | None = None
    includes_vat: bool | None = None
    vat_basis_points: int | None = None
    net_minor: int | None = None
    vat_minor: int | None = None
    gross_minor: int | None = None


@router.get("/orders", response_class=Response)
async def export_orders(
    request: Request,
    credential: Annotated[Credential, Depends(as_reader)],
    *,
    format: Literal["csv", "json"],  # noqa: A002 -- the wire's word
    status: StatusQuery = None,
    platform: IdQuery = None,
    warehouse: IdQuery = None,
) -> Response:
    """The lines of all orders in scope, by order."""
    wanted = OrderFilter(status, platform, reach(credential, warehouse))
    rows = await context_of(request).database.read(partial(_read_rows, wanted=wanted))
    if format == "csv":
        text, media = write_sheet(OrderRow, rows), "text/csv; charset=utf-8"
    else:
        text = json.dumps({"orders": rows}, ensure_ascii=False, indent=1)
        media = "application/json"
    name = f'attachment; filename="orders.{format}"'
    return Response(text.encode(), media_type=media, headers={"Content-Disposition": name})


async def _read_rows(tx: Transaction, *, wanted: OrderFilter) -> list[dict[str, object]]:
    """Raises Refused for more orders than one file takes."""
    rows: list[dict[str, object]] = []
    after, n_orders, found = "", 0, list[OrderState]()
    while not n_orders or len(found) == _AT_ONCE:
        found = await list_orders(tx, wanted, after=after, limit=_AT_ONCE)
        n_orders += len(found)
        if n_orders > ORDERS_MAX:
            raise Refused("too_large", f"more than {ORDERS_MAX} orders: page the list")
        if not found:
            break
        after = found[-1].order.id
        rows += [row for state in found for row in _rows(state)]
    return rows


def _rows(state: OrderState) -> list[dict[str, object]]:
    order = state.order
    about = {
        "order": order.id,
        "platform": order.platform,
        "market": order.market,
        "currency": order.currency,
        "ordered_at_us": order.ordered_at_us,
        "status": state.status,
    }
    rows = []
    for line in order.lines:
        amounts = amounts_of(line)
        told = {} if amounts is None else amounts.told()
        rows.append({**about, **line.model_dump(exclude_none=True), **told})
    return rows
