"""The proof at the end: sent against received, edge against cloud against truth.

Pure. Every check gives its name, whether it holds, and what is wrong in a few lines; the
summary holds them all together with the numbers of the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract.plans import asn_id
from device_sim.stage.ledger import Ledger, Mark
from device_sim.world import Place

MAX_SHOWN: Final = 8
PLAN_PROPOSED: Final = "plan.proposed"
TRIGGERED: Final = "replenishment.triggered"
LOT_CREATED: Final = "lot.created"
PICK_ALLOCATED: Final = "pick.allocated"
BESIDE: Final = frozenset({LOT_CREATED, PICK_ALLOCATED})
"""What a scan may make besides its own event: the first sight of a lot, a pick list made anew."""

SAMPLED: Final = "climate.sampled"

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Check:
    """One claim about the run. problems: what contradicts it, the first few."""

    name: str
    holds: bool
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As the summary shows it."""
        return {"name": self.name, "holds": self.holds, "problems": list(self.problems)}


def verdict(name: str, problems: Iterable[str]) -> Check:
    """Holds if there are no problems."""
    found = list(problems)
    more = [f"… and {len(found) - MAX_SHOWN} more"] if len(found) > MAX_SHOWN else []
    return Check(name, not found, tuple(found[:MAX_SHOWN] + more))


def check_scans(
    ledgers: Sequence[Ledger], events: Sequence[Row], *, where: str = "cloud"
) -> Check:
    """Every scan that must be recorded is one event there, every other one is none."""
    found: Counter[Mark] = Counter()
    beside: Counter[tuple[Mark, object]] = Counter()
    for row in events:
        mark, event_type = mark_of(event_of(row)), event_of(row).get("type")
        if mark is not None and event_type in BESIDE:
            beside[mark, event_type] += 1
        elif mark is not None:
            found[mark] += 1
    recorded = {mark for ledger in ledgers for mark in ledger.marks("recorded")}
    others = {
        mark
        for ledger in ledgers
        for expect in ("refused", "answered")
        for mark in ledger.marks(expect)
    }
    asked = {mark for ledger in ledgers for mark in ledger.marks("asked")}
    ours = {(ledger.device, boot) for ledger in ledgers for boot in ledger.boots}
    problems = [f"{_shown(m)}: {found[m]} events" for m in sorted(recorded) if found[m] != 1]
    problems += [f"{_shown(m)}: must not be there" for m in sorted(others) if found[m]]
    problems += [f"{_shown(m)}: {found[m]} events" for m in sorted(asked) if found[m] > 1]
    problems += [f"{_shown(m)}: {n} × {it}" for (m, it), n in sorted(beside.items()) if n > 1]
    problems += [
        f"{_shown(m)}: was never sent"
        for m in sorted(found.keys() | {mark for mark, _ in beside})
        if (m.device, m.boot) in ours and m not in recorded | others | asked
    ]
    return verdict(f"every scan is in the {where} exactly once", problems)


def check_receipts(ledgers: Sequence[Ledger]) -> Check:
    """Every scan has its receipt, and it says what it must."""
    return verdict(
        "every scan was receipted as it must be",
        (surprise for ledger in ledgers for surprise in ledger.surprises()),
    )


def check_journal_order(
    events: Sequence[Row],
    last_seqs: Mapping[str, int],
    *,
    after: Mapping[str, int] | None = None,
) -> Check:
    """The cloud has each row of each journal once. after, last_seqs: by gateway, which rows."""
    problems = []
    for gateway, last_seq in last_seqs.items():
        seqs = Counter(row.get("seq") for row in events if row.get("gateway") == gateway)
        repeated = [seq for seq, count in seqs.items() if count > 1]
        first_seq = (after or {}).get(gateway, 0) + 1
        missing = [seq for seq in range(first_seq, last_seq + 1) if seq not in seqs]
        problems += [f"{gateway} row {seq}: more than once" for seq in repeated]
        problems += [f"{gateway} row {seq}: missing" for seq in missing]
    return verdict("the cloud has every journal row once", problems)


def check_stock(
    truth: Mapping[Place, int], edges: Sequence[Sequence[Row]], cloud: Sequence[Row]
) -> list[Check]:
    """Edge, cloud and truth agree, place by place and lot by lot."""
    in_cloud = balances(cloud)
    at_edge: Counter[Place] = Counter()
    for rows in edges:
        at_edge.update(balances(rows))
    return [
        verdict("edge stock equals the truth", _differences("edge", at_edge, truth)),
        verdict("cloud stock equals the truth", _differences("cloud", in_cloud, truth)),
        verdict("edge stock equals cloud stock", _differences("edge", at_edge, in_cloud)),
    ]


def balances(rows: Iterable[Row]) -> Counter[Place]:
    """Stock rows as balances by place. Raises ValueError for stock not counted in pieces."""
    found: Counter[Place] = Counter()
    for row in rows:
        if row.get("unit") != "EA" or row.get("status") != "available":
            raise ValueError(f"{row!r}: only available pieces are simulated")
        place = Place(
            *(str(row.get(key) or "") for key in ("warehouse", "location", "item", "lot"))
        )
        found[place] += int(str(row["quantity"]))
    return found


def _differences(name: str, left: Mapping[Place, int], right: Mapping[Place, int]) -> list[str]:
    return [
        f"{place.warehouse or '-'} {place.location} {place.item} {place.lot}: "
        f"{name} {left.get(place, 0)}, expected {right.get(place, 0)}"
        for place in sorted(left.keys() | right.keys())
        if left.get(place, 0) != right.get(place, 0)
    ]


def check_conserved(cloud: Sequence[Row]) -> Check:
    """Nothing was made or lost: all balances of a lot, virtual places included, sum to zero."""
    sums: Counter[tuple[str, str]] = Counter()
    for place, units in balances(cloud).items():
        sums[place.item, place.lot] += units
    return verdict(
        "stock is conserved", (f"{key}: sums to {units}" for key, units in sums.items() if units)
    )


def check_replenished(
    events: Sequence[Row], plans: Sequence[Row], asns: Sequence[Row]
) -> list[Check]:
    """A trigger led to a plan, and every plan's delivery was received."""
    triggers = {event_of(row).get("event_id") for row in events if _is(row, TRIGGERED)}
    answered = {
        str(trigger)
        for plan in plans
        for trigger in _list(plan, "triggers")
        if trigger in triggers
    }
    status = {str(asn.get("id")): str(asn.get("status")) for asn in asns}
    open_plans = [
        f"{plan.get('plan_id')}: delivery is {status.get(asn_id(str(plan.get('plan_id'))))}"
        for plan in plans
        if status.get(asn_id(str(plan.get("plan_id")))) != "received"
    ]
    no_plan = [] if plans else ["there is no plan"]
    return [
        verdict("a trigger led to a plan", [] if answered else ["no plan answers a trigger"]),
        verdict("every plan's delivery was received", no_plan + open_plans),
    ]


def check_orders(orders: Sequence[Row], sent: Mapping[tuple[str, str], int]) -> list[Check]:
    """Every order was delivered, and the cloud has of each parcel what was put into its boxes.

    sent: units by parcel and item, as the workers remember it.
    """
    told: Counter[tuple[str, str]] = Counter()
    open_orders = []
    for order in orders:
        if order.get("status") != "delivered":
            open_orders.append(f"{order.get('id')}: {order.get('status')}")
        for parcel in _rows(order, "parcels"):
            for line in _rows(parcel, "lines"):
                told[str(parcel["parcel"]), str(line["item"])] += int(str(line["delivered"]))
    wrong = [
        f"{parcel} {item}: {told[parcel, item]}, says the cloud; {units} were sent"
        for parcel, item in sorted(told.keys() | sent.keys())
        if told[parcel, item] != (units := sent.get((parcel, item), 0))
    ]
    return [
        verdict("every order of the cloud was delivered", open_orders),
        verdict("the cloud delivered what was sent, parcel by parcel", wrong),
    ]


def count_types(events: Sequence[Row]) -> dict[str, int]:
    """How many events of each type."""
    return dict(sorted(Counter(str(event_of(row).get("type")) for row in events).items()))


def is_scan(row: Row) -> bool:
    """Whether the row is what a scan was recorded as, not the first sight of its lot."""
    event = event_of(row)
    return mark_of(event) is not None and event.get("type") not in {*BESIDE, SAMPLED}


def mark_of(event: Row) -> Mark | None:
    """What names the scan an event was made of; None if it was made of none."""
    device = event.get("device")
    if not isinstance(device, Mapping):
        return None
    seq, boot = device.get("seq"), device.get("boot")
    if not isinstance(seq, int) or not isinstance(boot, str):
        return None
    return Mark(str(device.get("id")), boot, seq)


def event_of(row: Row) -> Row:
    """The event in a row of the cloud's or of a journal."""
    event = row.get("event")
    return event if isinstance(event, Mapping) else {}


def _is(row: Row, event_type: str) -> bool:
    return event_of(row).get("type") == event_type


def _list(row: Row, key: str) -> list[object]:
    value = row.get(key)
    return value if isinstance(value, list) else []


def _rows(row: Row, key: str) -> list[Row]:
    return [each for each in _list(row, key) if isinstance(each, Mapping)]


def _shown(mark: Mark) -> str:
    return f"{mark.device} scan {mark.seq}"
