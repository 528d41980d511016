# Pins what charts and the map draw: round ticks, bars that add up, gaps that stay gaps, a table
# with the same numbers, names escaped, places where they are, and trips from place to place.

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.dashboard import charts, network_map
from cloud_sync.dashboard.charts import Band, Chart, Series
from cloud_sync.dashboard.network_map import EARTH_KM, Spot, Tour, Words, places_km
from cloud_sync.dashboard.scale import make_scale, round_step

EVIL = '<script>"&'


def chart(*series: Series, labels: tuple[str, ...] = ("a", "b")) -> Chart:
    return Chart("c", "Title", "About", "Label", "Numbers", labels, series, "{:g}".format)


def drawn(markup: str) -> ElementTree.Element:
    """The figure, which is also well-formed XML."""
    return ElementTree.fromstring(markup)


def rects(markup: str) -> list[dict[str, float]]:
    return [
        {name: float(it.attrib[name]) for name in ("x", "width")}
        for it in drawn(markup).iter("rect")
        if "x" in it.attrib
    ]


def test_ticks_are_round_and_hold_every_value() -> None:
    assert make_scale([3.0, 47.0], start=0, end=100, n_ticks=5).ticks == (0, 10, 20, 30, 40, 50)
    assert make_scale([-12.0, 30.0], start=0, end=1, n_ticks=4).ticks == (-20, 0, 20, 40)
    assert make_scale([], start=0, end=1, n_ticks=4).ticks[0] == 0
    assert [round_step(it) for it in (1.0, 1.01, 2.1, 2.6, 6, 70)] == [1, 2, 2.5, 5, 10, 100]


@given(st.lists(st.floats(-1e9, 1e9), max_size=9), st.integers(1, 9))
def test_every_value_has_its_place_between_the_ends(values: list[float], n_ticks: int) -> None:
    scale = make_scale(values, start=10, end=90, n_ticks=n_ticks)
    assert all(10 <= scale.place(it) <= 90 for it in values)
    hair = 1e-6 * (scale.ticks[1] - scale.ticks[0])  # less than anybody sees
    assert scale.ticks[0] - hair <= min([0, *values])
    assert scale.ticks[-1] + hair >= max([0, *values])
    assert len(scale.ticks) <= n_ticks + 2


def test_stacked_bars_stand_one_behind_the_other_and_end_at_their_sum() -> None:
    found = charts.stacked_bars(chart(Series("x", (10.0, 5.0)), Series("y", (30.0, None))))
    first, second, third = rects(found)
    assert first["x"] == third["x"]
    assert math.isclose(first["x"] + first["width"], second["x"], abs_tol=0.02)
    assert math.isclose(second["width"], 3 * first["width"], rel_tol=0.01)
    assert ">40<" in found
    assert ">5<" in found


def test_bars_below_nothing_go_the_other_way() -> None:
    gain, loss = rects(charts.bars(chart(Series("x", (20.0, -10.0)))))
    assert math.isclose(loss["x"] + loss["width"], gain["x"], abs_tol=0.02)
    assert math.isclose(gain["width"], 2 * loss["width"], rel_tol=0.01)


def test_a_gap_in_a_line_stays_a_gap_and_a_band_lies_behind_it() -> None:
    line = Series("x", (1.0, 2.0, None, 4.0, None))
    band = Band("range", (0.0, 1.0, None, 3.0, None), (2.0, 3.0, None, 5.0, None))
    found = charts.lines(chart(line, labels=tuple("abcde")), band)
    assert found.count("<polyline") == 1
    assert found.count("<circle") == 1, "a day by itself is a dot"
    assert found.count("<polygon") == 2
    assert "range ↓" in found


def test_the_table_has_the_numbers_and_every_text_is_escaped() -> None:
    found = charts.bars(chart(Series(EVIL, (1.5, None)), labels=(EVIL, "b")))
    cells = [it.text for it in drawn(found).iter("td")]
    assert cells == ["1.5", "–"]
    assert "<script" not in found
    assert "style=" not in found


@pytest.mark.parametrize("draw", [charts.bars, charts.stacked_bars, charts.lines])
def test_a_chart_of_nothing_is_a_chart(draw: object) -> None:
    assert callable(draw)
    for series in ((), (Series("x", ()),)):
        drawn(str(draw(chart(*series, labels=()))))


def test_degrees_are_projected_and_the_date_line_parts_nobody() -> None:
    spots = [
        Spot("A", "A", True, degrees=(60.0, 179.0)),
        Spot("B", "B", False, degrees=(60.0, -179.0)),
    ]
    found = places_km(spots)
    apart = found["B"][0] - found["A"][0]
    assert math.isclose(
        apart, EARTH_KM * math.radians(2) * math.cos(math.radians(60)), rel_tol=1e-9
    )
    assert found["A"][1] == found["B"][1] == 0.0
    mixed = [*spots, Spot("C", "C", False, xy_km=(3.0, 4.0))]
    assert places_km(mixed) == {"C": (3.0, 4.0)}, "two kinds of places are never mixed"


def plan(*tours: Tour, spots: list[Spot] | None = None) -> str:
    known = spots or [
        Spot("K", "Centre", True, xy_km=(0, 0)),
        Spot("N", "North", False, xy_km=(0, 10)),
        Spot("E", EVIL, False, xy_km=(20, 0)),
    ]
    return str(network_map.draw(known, tours, Words("m", "Map", "About"), zones=["cold", "dry"]))


def test_north_is_up_and_a_kilometre_is_as_long_both_ways() -> None:
    found = plan()
    square = next(it for it in drawn(found).iter("rect")).attrib
    k = float(square["x"]) + 8, float(square["y"]) + 8
    dots = [(float(it.attrib["cx"]), float(it.attrib["cy"])) for it in drawn(found).iter("circle")]
    north, east = dots
    assert north[1] < k[1]
    assert math.isclose(k[1] - north[1], (east[0] - k[0]) / 2, rel_tol=0.01)
    assert "<script" not in found


def test_a_trip_goes_along_its_stops_and_back() -> None:
    found = plan(Tour("dry", "K", ("N", "E"), 500.0, "said", "500 kg"))
    (leg,) = re.findall(r'class="leg (l\d)" stroke-width="([\d.]+)" d="([^"]+)"', found)
    assert (leg[0], leg[1]) == ("l1", "6.0"), "the colour is the zone's, the heaviest is thickest"
    assert leg[2].count("M") == 2
    assert found.count('class="back') == 1
    assert "500 kg" in found


def test_unknown_places_are_left_out_and_none_at_all_is_no_map() -> None:
    assert plan(Tour("dry", "K", ("X",), 1.0, "said")).count('class="leg') == 0
    assert plan(spots=[Spot("K", "Centre", True)]) == ""
    drawn(plan(spots=[Spot("K", "Centre", True, xy_km=(5, 5))]))
