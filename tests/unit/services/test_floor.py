"""Pins what scans are decided on after a crash, and what a sweep of tags is made of."""

from cloud_sync.contract import events as ev
from gateway.core.flows.goods import Goods
from gateway.core.readings import Stamp, Tag, TagRead, TaskContext
from gateway.services.projector import CONSUMER
from tests.fakes.memory_journal import MemoryJournal
from tests.rigs.flows import MILK, Hall
from tests.unit.services.test_intake import Bench as IntakeBench
from tests.unit.services.test_intake import running
from tests.unit.services.test_projector import Bench

SGTIN = "3034257BF7194E4000001A85"


def line(quantity: int) -> ev.Line:
    return ev.Line(
        item=MILK, lot="L1", from_location="@supplier", to_location="R-01", quantity=quantity
    )


async def test_what_was_committed_and_not_folded_before_a_crash_is_known_to_the_next_scan() -> (
    None
):
    bench = Bench()
    await bench.happen(ev.GOODS_RECEIVED, line(4))
    await bench.journal.advance(CONSUMER, to_seq=1)
    await bench.happen(ev.GOODS_RECEIVED, line(3))
    await bench.happen(ev.LOT_HELD, item=MILK, lot="L1", reason="smells")
    await bench.projector.load()
    await bench.projector.open_floor()
    floor = bench.projector.floor
    goods = Goods(MILK, "L1", "EA")
    assert floor.balance(floor.key(goods, "R-01")) == 3, "of the row that was not folded"
    assert floor.why_unusable(goods, "2026-11-21") == "lot_held"
    await bench.projector.load()
    async with bench.projecting():
        pass
    assert floor.balance(floor.key(goods, "R-01")) == 3, "folded now, and not twice"


async def test_rows_that_were_followed_change_nothing_when_they_come_again() -> None:
    hall = Hall()
    hall.put(MILK, "L1", "R-01", 5, None)
    hall.fold()
    before = hall.floor.flows
    hall.floor.follow(list(enumerate(hall.events, 1)))
    assert hall.floor.flows == before
    assert hall.on_hand(MILK, "L1", "R-01") == 5


async def test_a_sweep_counts_tags_once_and_leaves_aside_what_is_no_trade_item() -> None:
    bench = IntakeBench(MemoryJournal())
    tags = [Tag(epc, 1, None, 1) for epc in (SGTIN, SGTIN, "30" + "F" * 22, "E2" * 12)]
    task = TaskContext("count", None, "R-01")
    async with running(bench):
        await bench.say(TagRead(Stamp("sled-1", "b", 1, None, 5), tuple(tags), task))
        (receipt,) = await bench.settled(1)
    assert receipt.body["counted"] == 1
    (row,) = bench.journal.rows
    assertions = ev.parse_event(row.body).body["assertions"]
    assert isinstance(assertions, list)
    assert [(it["item"], it["serials"]) for it in assertions] == [("80614141123458", ["6789"])]
