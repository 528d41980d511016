"""The flows as rows of text, so that they can be kept beside the read model and read back.

kind      key                body
order     order              OrderFlow            receipt   ASN          ReceiptFlow
transfer  transfer           DispatchFlow         unit      SSCC         Unit
count     count/place        CountFlow
hold      item/lot           {"reason"}           doubt     place        {"at_us"}
recent    device             [event, …], as text of their canonical bytes
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from cloud_sync.contract import events as ev
from gateway.core.flows.goods import number
from gateway.core.flows.records import CountFlow, DispatchFlow, OrderFlow, ReceiptFlow, Unit
from gateway.core.flows.state import AD_HOC, Flows, Recent

Row = tuple[str, str, str]


def kept_rows(flows: Flows, dirty: Iterable[tuple[str, str]]) -> tuple[list[Row], list[Row]]:
    """The rows of what changed: those to put, and (with an empty body) those to take away."""
    rows = [(kind, key, _body(flows, kind, key)) for kind, key in sorted(dirty)]
    return [row for row in rows if row[2]], [row for row in rows if not row[2]]


def _body(flows: Flows, kind: str, key: str) -> str:
    if kind == "recent":
        events = flows.recent.get(key)
        return _text([it.encoded() for it in events]) if events else ""
    if kind == "hold":
        item, _, lot = key.partition("/")
        reason = flows.holds.get((item, lot))
        return "" if reason is None else _text({"reason": reason})
    if kind == "doubt":
        return _text({"at_us": flows.doubts[key]}) if key in flows.doubts else ""
    record = _records(flows, kind).get(key)
    return "" if record is None else _text(record.to_body())


def _records(
    flows: Flows, kind: str
) -> (
    dict[str, OrderFlow]
    | dict[str, ReceiptFlow]
    | dict[str, DispatchFlow]
    | dict[str, CountFlow]
    | dict[str, Unit]
):
    if kind == "order":
        return flows.orders
    if kind == "receipt":
        return flows.receipts
    if kind == "transfer":
        return flows.transfers
    return flows.counts if kind == "count" else flows.units


def restored(rows: Iterable[Row]) -> Flows:
    """The flows that were kept; a kind of a newer version is left alone."""
    flows = Flows()
    for kind, key, text in rows:
        body = json.loads(text)
        match kind:
            case "order":
                flows.orders[key] = OrderFlow.from_body(body)
            case "receipt":
                flows.receipts[key] = ReceiptFlow.from_body(body)
            case "transfer":
                flows.transfers[key] = DispatchFlow.from_body(body)
            case "count":
                flows.counts[key] = CountFlow.from_body(body)
                count = key.partition("/")[0]
                if count.startswith(AD_HOC):
                    flows.ad_hoc[count.removeprefix(AD_HOC)] = key
            case "unit":
                flows.units[key] = Unit.from_body(body)
            case "hold":
                item, _, lot = key.partition("/")
                flows.holds[item, lot] = str(body["reason"])
            case "doubt":
                flows.doubts[key] = number(body["at_us"])
            case "recent":
                flows.recent[key] = [_recent(it.encode()) for it in body]
    return flows


def _recent(body: bytes) -> Recent:
    return Recent(ev.parse_event(body), body)


def _text(body: object) -> str:
    return ev.canonical(body).decode()
