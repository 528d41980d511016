"""The end of the week: cloud, gateways and the outsider's ledger must be one."""

from __future__ import annotations

from collections import Counter

from tests.rigs.gateway import Status
from tests.week import papers
from tests.week.book import AVAILABLE, Key
from tests.week.programs import Site
from tests.week.week import Week


def differences(week: Week) -> list[str]:
    """Everything in which the three disagree, in words; none if the week is good."""
    for site in week.sites.values():
        site.until(_is_drained)
    ours = week.book.balances()
    found = _balances("the cloud", week.office.stock(), ours)
    for each, site in week.sites.items():
        here = {key: n for key, n in ours.items() if key.warehouse == each}
        found += _balances(f"gw-{each}", _own_stock(site), here)
    found += [f"{key}: {n} over all places" for key, n in week.book.sums().items() if n]
    found += _unbalanced(week.office.stock())
    found += _receipts(week)
    found += _parcels(week)
    found += _usable(week)
    found += _miscounts(week)
    return found


def _is_drained(status: Status) -> bool:
    journal, cursors = status["journal"], status["cursors"]
    assert isinstance(journal, dict)
    assert isinstance(cursors, dict)
    return all(cursors[name] == journal["last_seq"] for name in ("projector", "uplink"))


def _own_stock(site: Site) -> dict[Key, int]:
    """What the gateway says of itself, its virtual places left out."""
    stock = site.until(_is_drained)["stock"]
    assert isinstance(stock, list)
    return {
        Key(site.warehouse, row["location"], row["item"], row["lot"], row["status"],
            row["unit"]): row["quantity"]
        for row in stock
        if not row["location"].startswith("@") and row["quantity"]
    }  # fmt: skip


def _balances(who: str, theirs: dict[Key, int], ours: dict[Key, int]) -> list[str]:
    return [
        f"{who} has {theirs.get(key, 0)} of {key}, the ledger {ours.get(key, 0)}"
        for key in sorted({*theirs, *ours})
        if theirs.get(key, 0) != ours.get(key, 0)
    ]


def _unbalanced(stock: dict[Key, int]) -> list[str]:
    total: Counter[tuple[str, str, str]] = Counter()
    for key, n in stock.items():
        total[key.item, key.lot, key.unit] += n
    return [f"the cloud's {key} add up to {n}" for key, n in total.items() if n]


def _receipts(week: Week) -> list[str]:
    """Each receipt's event is in the cloud, once."""
    there = Counter(row["event"]["event_id"] for row in week.office.events())  # type: ignore[index]
    receipts = [
        (worker.pda.name, scan, event_id)
        for pair in week.workers.values()
        for worker in pair
        for scan, event_id in worker.pda.receipts.items()
    ]
    assert receipts
    lost = [f"{each}: {there[each[2]]} times in the cloud" for each in receipts
            if there[each[2]] != 1]  # fmt: skip
    several = Counter(event_id for *_, event_id in receipts)
    return lost + [f"{one} answers {n} scans" for one, n in several.items() if n > 1]


def _parcels(week: Week) -> list[str]:
    """What the cloud says was delivered to customers is what the workers sent."""
    told: Counter[tuple[str, str]] = Counter()
    for order in week.office.pages("/v1/orders", "orders"):
        for parcel in order["parcels"]:  # type: ignore[attr-defined]
            for line in parcel["lines"]:
                told[parcel["parcel"], line["item"]] += line["delivered"]
    return [
        f"{key}: {told[key]} delivered, says the cloud; {week.sent[key]} were sent"
        for key in sorted({*told, *week.sent})
        if told[key] != week.sent[key]
    ]


def _usable(week: Week) -> list[str]:
    """What may be sold: available, on the shelves or the dock, of no lot that was recalled."""
    ours: Counter[tuple[str, str, str]] = Counter()
    recalled = {(goods.item, goods.lot or "") for goods in week.unusable}
    for key, n in week.book.balances().items():
        is_shelf = key.warehouse != "" and key.location != "PACK"
        if is_shelf and key.status == AVAILABLE and (key.item, key.lot) not in recalled:
            ours[key.warehouse, key.item, key.unit] += n
    found = []
    for each in papers.WAREHOUSES:
        for item in papers.SHOWN:
            answer = week.office.read("/v1/sellable", item=item, warehouse=each)
            rows = answer["quantities"]
            assert isinstance(rows, list)
            theirs = {row["unit"]: row["usable"] for row in rows}
            for unit in ("EA", "g"):
                n = ours[each, item, unit]
                if theirs.get(unit, 0) != n:
                    found.append(
                        f"{each} {item}: {theirs} may be sold, says the cloud; {n} {unit}"
                    )
    return found


def _miscounts(week: Week) -> list[str]:
    return [
        f"{each} {place}: still not what really stands there"
        for each in week.sites
        for place in week.wrong_places(each)
    ]
