"""Pins the simulated world: scans say what the truth says, goods are conserved, seeds repeat."""

from collections import Counter
from datetime import date
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract.keys import is_gtin
from device_sim.catalog import make_catalog
from device_sim.stage.tags import TagMint
from device_sim.world import Place, World
from gateway.codecs.gs1 import symbol_or_flaw

TODAY = date(2026, 11, 21)


def make_world(seed: int = 1) -> World:
    return World(make_catalog(), Random(seed), TODAY)


def stocked(world: World, units: int = 50) -> World:
    for item in world.catalog:
        world.receive("J1", world.make_lot(item), units, asn="ASN-S1")
    return world


def test_every_catalogue_item_has_a_right_check_digit() -> None:
    assert all(is_gtin(item.gtin) for item in make_catalog())


def test_a_scan_reads_back_as_the_lot_it_was_made_of() -> None:
    world = make_world()
    for item in world.catalog:
        lot = world.make_lot(item)
        for _ in range(4):
            (scan,) = world.receive("J1", lot, 3, asn="ASN-S1")
            symbol, reason = symbol_or_flaw(scan.data)
            assert symbol is not None, reason
            assert (symbol.gtin, symbol.lot) == (lot.item, lot.code)
            assert symbol.expiry == lot.expiry.isoformat()


def test_a_sale_takes_what_expires_first() -> None:
    world = make_world()
    item = world.catalog[2]
    later, sooner = world.make_lot(item), world.make_lot(item)
    world.lots[item.gtin, sooner.code] = type(sooner)(item.gtin, sooner.code, TODAY)
    for lot in (later, sooner):
        world.receive("K1", lot, 10, asn="ASN-S1")
    scans = world.dispatch("K1", "TR-1", item.gtin, 12)
    lots = [symbol_or_flaw(scan.data)[0].lot for scan in scans]  # type: ignore[union-attr]
    assert lots == [sooner.code, later.code]
    assert [scan.task["quantity"] for scan in scans if scan.task] == [10, 2]


def test_no_more_is_sold_than_stands_on_the_shelf() -> None:
    world = stocked(make_world(), units=2)
    for _ in range(60):
        world.sell("J1", 3)
    assert all(units > 0 for place, units in world.truth.items() if place.warehouse)


@given(st.integers(0, 2**32), st.lists(st.integers(0, 6), max_size=60))
def test_whatever_workers_do_goods_are_conserved(seed: int, deeds: list[int]) -> None:
    world = stocked(make_world(seed), units=20)
    for deed in deeds:
        match deed:
            case 0:
                world.sell("J1", 2)
            case 1:
                world.dispatch("J1", "TR-9", world.catalog[0].gtin, 3)
            case 2:
                world.waste("J1")
            case 3:
                world.take_back("J1")
            case 4:
                world.unknown_item("J1")
            case 5:
                world.count("J1")
            case _:
                lot = world.make_lot(world.catalog[1])
                world.receive_at_dock("J1", lot, 5, asn="ASN-S2")
    sums: Counter[tuple[str, str]] = Counter()
    for place, units in world.truth.items():
        sums[place.item, place.lot] += units
    assert not any(sums.values())


def test_mistakes_are_refused_symbols_and_change_nothing() -> None:
    world = stocked(make_world())
    before = dict(world.truth)
    for _ in range(50):
        symbol, reason = symbol_or_flaw(world.wrong_check_digit().data)
        assert symbol is None
        assert reason is not None
        world.missing_place()
        world.internal_label()
        world.look_up()
    assert world.truth == before


def test_the_same_seed_gives_the_same_day() -> None:
    days = [[stocked(make_world(7)).sell("J1", 3) for _ in range(1)] for _ in range(2)]
    assert days[0] == days[1]
    assert stocked(make_world(7)).sell("J1", 3) != stocked(make_world(8)).sell("J1", 3)


def test_the_same_seed_gives_the_same_boxes_and_no_tag_twice() -> None:
    mints = [TagMint(make_world(), Random(5)) for _ in range(2)]
    days = [[mint.boxes() for _ in range(50)] for mint in mints]
    assert days[0] == days[1]
    epcs = [epc for load in days[0] for epc, _ in load]
    assert len(set(epcs)) == len(epcs) > 50


def test_virtual_places_belong_to_no_warehouse() -> None:
    world = stocked(make_world())
    assert {place.warehouse for place in world.truth if place.location[0] == "@"} == {""}
    assert Place("J1", "@supplier", "x", "y") not in world.truth
