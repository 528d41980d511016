"""Pins FEFO and its splits, that flows are one fold whenever it happens, and that stock is kept.

Whatever workers scan, in whatever order, and however far the projector is behind: nothing raises,
what the floor knows is the fold of all events, it survives being written down, and every unit is
somewhere.
"""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from gateway.codecs.mqtt_payloads import parse_payload
from gateway.codecs.pda_messages import PdaResult, PdaScan, PdaTask, TaskList
from gateway.core.facts import Facts
from gateway.core.flows.board import open_tasks
from gateway.core.flows.fefo import allocate, consume, drop, in_walking_order, put_back
from gateway.core.flows.goods import Candidate, Goods, Stop
from gateway.core.flows.kept import kept_rows, restored
from gateway.core.flows.state import Flows
from gateway.core.readings import COMMANDS, CONDITIONS, TASK_TYPES, Scan, Symbol, TaskContext
from tests.rigs.flows import BIN_WALKS, MILK, PEAS, RICE, SSCC, Hall, base_facts

pytestmark = pytest.mark.slow

BINS = st.sampled_from(sorted(BIN_WALKS))
ITEMS = st.sampled_from([MILK, RICE, PEAS])
LOTS = st.sampled_from(["L1", "L2", ""])
GOODS = st.builds(Goods, ITEMS, LOTS, st.just("EA"))
EXPIRIES = st.sampled_from([None, "2026-11-20", "2026-11-21", "2026-12-24"])
CANDIDATES = st.lists(
    st.builds(Candidate, BINS, GOODS, st.integers(0, 9), EXPIRIES, st.integers(0, 3)), max_size=8
)
STOPS = st.lists(st.builds(Stop, BINS, GOODS, st.integers(1, 9)), max_size=6)


@given(wanted=st.integers(0, 40), candidates=CANDIDATES)
def test_what_is_allocated_and_what_is_missing_is_what_is_wanted(
    wanted: int, candidates: list[Candidate]
) -> None:
    stops, missing = allocate(wanted, candidates)
    assert sum(stop.quantity for stop in stops) + missing == wanted
    assert missing == max(0, wanted - sum(it.quantity for it in candidates))
    there, taken = Counter[tuple[str, Goods]](), Counter[tuple[str, Goods]]()
    for it in candidates:
        there[it.location, it.goods] += it.quantity
    for stop in stops:
        assert stop.quantity > 0
        taken[stop.location, stop.goods] += stop.quantity
    assert taken <= there


@given(wanted=st.integers(0, 40), candidates=CANDIDATES)
def test_nothing_is_taken_while_something_that_expires_earlier_is_left(
    wanted: int, candidates: list[Candidate]
) -> None:
    stops, _ = allocate(wanted, candidates)
    taken = sum(stop.quantity for stop in stops)
    # What expires first, unit by unit, by sorting alone.
    by_day = sorted(it.expiry or "9999" for it in candidates for _ in range(it.quantity))[:taken]
    days: dict[tuple[str, Goods], list[str]] = {}
    for it in sorted(candidates, key=lambda it: it.expiry or "9999"):
        days.setdefault((it.location, it.goods), []).extend([it.expiry or "9999"] * it.quantity)
    chosen = []
    for stop in stops:
        pile = days[stop.location, stop.goods]
        chosen += pile[: stop.quantity]
        del pile[: stop.quantity]
    assert sorted(chosen) == by_day


@given(stops=STOPS, place=BINS, goods=GOODS, n=st.integers(0, 20))
def test_a_pick_takes_no_more_off_the_list_than_was_on_it(
    stops: list[Stop], place: str, goods: Goods, n: int
) -> None:
    def kin(of: list[Stop]) -> int:
        return sum(stop.quantity for stop in of if stop.goods.item == goods.item)

    after = consume(stops, place, goods, n)
    assert kin(after) == max(0, kin(stops) - n)
    others = [stop for stop in stops if stop.goods.item != goods.item]
    assert [stop for stop in after if stop.goods.item != goods.item] == others
    assert all(stop.quantity > 0 for stop in after)
    back = put_back(after, place, goods, n)
    assert sum(it.quantity for it in back) == sum(it.quantity for it in after) + n


@given(stops=STOPS, place=BINS, goods=GOODS, n=st.integers(0, 20))
def test_what_is_not_there_is_dropped_there_and_nowhere_else(
    stops: list[Stop], place: str, goods: Goods, n: int
) -> None:
    there = sum(it.quantity for it in stops if (it.location, it.goods) == (place, goods))
    after = drop(stops, place, goods, n)
    gone = sum(it.quantity for it in stops) - sum(it.quantity for it in after)
    assert gone == min(n, there)


@given(stops=STOPS)
def test_the_walk_passes_each_bin_once(stops: list[Stop]) -> None:
    walk = in_walking_order(stops, lambda place: BIN_WALKS[place], lambda _: None)
    assert sorted(walk) == sorted(stops)
    turns = [BIN_WALKS[stop.location] for stop in walk]
    assert turns == sorted(turns)


# ---------------------------------------------------------------- what a PDA may send

IDS = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
PDA_TASKS = st.builds(
    PdaTask,
    type=st.sampled_from(sorted(TASK_TYPES)),
    id=st.none() | IDS,
    location=st.none() | IDS,
    quantity=st.none() | st.integers(-(10**9), 10**9),
    unit=st.sampled_from(["EA", "g"]),
    worker=st.none() | IDS,
    reason=st.none() | st.text("abc ß漢", min_size=1, max_size=200),
    sscc=st.none() | st.just(SSCC),
    condition=st.none() | st.sampled_from(sorted(CONDITIONS)),
    supervisor=st.none() | st.text("abc-1", min_size=1, max_size=64),
    temperature_c=st.none() | st.floats(-100, 150),
)


@given(task=PDA_TASKS, boot=IDS, seq=st.integers(0, 2**53))
def test_whatever_the_models_allow_is_understood_as_it_is(
    task: PdaTask, boot: str, seq: int
) -> None:
    data = None if task.type in COMMANDS else "]C10109506000134352"
    message = PdaScan(v=1, boot=boot, seq=seq, data=data, task=task)
    raw = message.model_dump_json(exclude_none=True).encode()
    reading = parse_payload("scan", raw, device="pda-1", received_at_us=5).reading
    assert isinstance(reading, Scan)
    assert reading.task is not None
    for name in ("type", "id", "location", "quantity", "unit", "worker", "reason", "sscc"):
        assert getattr(reading.task, name) == getattr(task, name)
    assert (reading.task.condition, reading.task.supervisor) == (task.condition, task.supervisor)
    celsius = task.temperature_c
    assert reading.task.temperature_centi_c == (None if celsius is None else round(celsius * 100))


# ---------------------------------------------------------------- a day of bad scanning

DOCUMENTS = st.sampled_from(["O-1", "O-2", "ASN-1", "ASN-2", "TR-9", "C-1", SSCC, "X-1", None])
TASKS = st.builds(
    TaskContext,
    type=st.sampled_from(sorted(TASK_TYPES)),
    id=DOCUMENTS,
    location=BINS | st.sampled_from([None, "DOCK", "PACK"]),
    quantity=st.none() | st.integers(0, 6),
    worker=st.sampled_from([None, "w1", "w2", "w7"]),
    reason=st.none() | st.just("because"),
    sscc=st.none() | st.just(SSCC),
    condition=st.none() | st.sampled_from(sorted(CONDITIONS)),
    supervisor=st.none() | st.just("BADGE-2"),
    temperature_centi_c=st.none() | st.integers(-2500, 2500),
)
SYMBOLS = st.builds(
    Symbol,
    elements=st.just(()),
    gtin=ITEMS,
    lot=LOTS.map(lambda lot: lot or None),
    expiry=EXPIRIES,
    serial=st.none() | st.sampled_from(["s1", "s2"]),
) | st.just(Symbol((), sscc=SSCC))
STEPS = st.tuples(TASKS, SYMBOLS, st.sampled_from(["pda-1", "pda-2"]), st.integers(0, 4))


CODES = re.compile(r"[A-Za-z@]*[-0-9][-0-9A-Za-z.]*|DOCK|PACK| g\b|°C|refrigerated|ambient|frozen")
"""What is no word of any language: ids, units, and how the house calls its places and zones."""


def facts_of_the_day() -> Facts:
    facts = base_facts()
    facts.workers["w7"] = doc.Worker(id="w7", roles=["supervisor"], language="zh")
    for gtin, name in ((MILK, "牛奶"), (RICE, "大米"), (PEAS, "豌豆")):
        item = facts.items[gtin]
        facts.items[gtin] = item.model_copy(update={"names": {**item.names, "zh": name}})
    lines = [doc.ShipmentLine(item=MILK, quantity=9, lot="L1", sscc=SSCC)]
    facts.asns["ASN-1"] = doc.Asn(
        id="ASN-1", warehouse="J1", source="@supplier", status="dispatched", ordered=lines,
        shipped=lines,
    )  # fmt: skip
    facts.asns["ASN-2"] = doc.Asn(
        id="ASN-2", warehouse="J1", source="K1", transfer="TR-2", status="dispatched",
        ordered=lines, shrink_per_mille=500,
    )  # fmt: skip
    facts.transfers["TR-9"] = doc.Transfer(
        id="TR-9", source="J1", destination="J2", status="ordered", ordered=lines
    )
    for key in ("O-1", "O-2"):
        facts.orders[key] = doc.Order(
            id=key,
            warehouse="J1",
            lines=[doc.OrderLine(item=MILK, quantity=5), doc.OrderLine(item=RICE, quantity=2)],
        )
    facts.counts["C-1"] = doc.Count(id="C-1", warehouse="J1", zones=["refrigerated"])
    return facts


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, min_size=1, max_size=25))
def test_a_day_of_bad_scanning_is_one_fold_and_keeps_every_unit(
    steps: list[tuple[TaskContext, Symbol, str, int]],
) -> None:
    hall = Hall(facts_of_the_day())
    hall.put(MILK, "L1", "R-01", 6, "2026-12-24")
    hall.put(MILK, "L2", "R-02", 6, "2026-11-21")
    hall.put(RICE, "L1", "A-01", 6, None)
    for task, symbol, device, n_folded in steps:
        outcome = hall.scan(task, None if task.type in COMMANDS else symbol, device=device)
        PdaResult.model_validate_json(ev.canonical(outcome.result))
        TaskList.model_validate_json(ev.canonical({"v": 1, "tasks": open_tasks(hall.floor)}))
        if task.worker == "w7":
            told = CODES.sub("", str(outcome.result["message"]))
            assert not re.search("[A-Za-z]", told), "in his own language, all of it"
        assert (outcome.status == "refused") == (outcome.set_aside is not None) or outcome.events
        hall.fold(n_folded)
    whole = Flows()
    for event in hall.events:
        whole.apply(event)
    assert hall.floor.flows == whole, "the floor is ahead, and no other"
    hall.fold()
    assert hall.facts.flows == whole
    kept, _ = kept_rows(whole, whole.dirty)
    assert restored(kept) == whole, "a gateway that starts again knows the same"
    totals = Counter[tuple[str, str]]()
    for key, n in hall.facts.stock.items():
        totals[key.item, key.unit] += n
    assert not any(totals.values()), "every unit is somewhere"
