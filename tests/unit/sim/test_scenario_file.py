"""Pins scenario files: what ships can be played, what cannot be played is refused with its key."""

from pathlib import Path

import pytest

from device_sim.errors import ScenarioRefused
from device_sim.scenario.file import load_scenario, parse_scenario, shipped_names
from device_sim.scenario.model import FITS, Scenario
from device_sim.scenario.orders import field_order, orders_of

PDA = '[[devices]]\nname = "pda-1"\nkind = "pda"\n'
BUS = '[[devices]]\nname = "bus-1"\nkind = "xy-md02"\nunits = { 1 = "frozen" }\n'
DOCK = '[[devices]]\nname = "dock-1"\nkind = "m100"\n'
HEAD = 'title = "t"\nduration_s = 30\n'


def fault(kind: str, more: str = "", *, at_s: float = 1, for_s: float = 2) -> str:
    return f'[[faults]]\nkind = "{kind}"\nat_s = {at_s}\nfor_s = {for_s}\n{more}\n'


def parse(text: str) -> Scenario:
    return parse_scenario(HEAD + text, source="s.toml")


@pytest.mark.parametrize("name", shipped_names())
def test_what_ships_can_be_played(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.title
    for each in scenario.faults:
        assert list(scenario.times(each)), each


def test_everything_holds_every_kind_of_fault() -> None:
    kinds = {each.kind for each in load_scenario("everything").faults}
    others = {"burst", "broker_restart", "gateway_kill", "uplink_down"}
    assert kinds == FITS.keys() | others


def test_a_scenario_is_found_by_path_and_its_numbers_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + PDA)
    assert load_scenario(str(path)).duration_s == 30
    changed = load_scenario(str(path), duration_s=60.0, seed=7)
    assert (changed.duration_s, changed.seed) == (60, 7)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "devices: missing"),
        (PDA + "colour = 1\n", "devices.0.colour: unknown key"),
        (PDA.replace("pda-1", "a b"), "devices.0.name: String should match"),
        ('[[devices]]\nname = "x"\n', "devices.0.kind: missing"),
        (PDA.replace('"pda"', '"fax"'), "devices.0.kind: Input tag 'fax'"),
        (PDA + PDA, "devices.1.name: 'pda-1' is used more than once"),
        (BUS, "devices: J1 has no PDA to fill its shelves"),
        ("[work]\nmissed_share = 0.1\n" + PDA, "work.missed_share: what is short comes from a"),
        (PDA + "line = { corrupt = 0.1 }\n", "devices.0.line: corrupt cannot happen on MQTT"),
        (PDA + "line = { drop = 2.0 }\n", "devices.0.line: drop: expected 0 to 1"),
        (PDA + BUS.replace("frozen", "hot"), "devices.1.units: 1: 'hot' is no zone"),
        (PDA + fault("meteor"), "faults.0.kind: Input tag 'meteor'"),
        (PDA + fault("burst", "factor = 1000.0"), "faults.0.factor: Input should be less than"),
        (PDA + fault("burst", at_s=29), "faults.0.at_s: with for_s it ends after 31 s"),
        (PDA + fault("burst", "every_s = 2"), "faults.0.every_s: must be more than for_s (2)"),
        (PDA + fault("id_clash", 'device = "x"'), "faults.0.device: 'x' is no device"),
        (
            PDA + DOCK + fault("id_clash", 'device = "dock-1"'),
            "faults.0.device: id_clash cannot happen to 'dock-1', a m100",
        ),
        (
            PDA + BUS + fault("sensor_dead", 'device = "bus-1"\nunit = 2'),
            "faults.0.unit: 'bus-1' has the units 1",
        ),
        (PDA + fault("gateway_kill", 'warehouse = "K9"'), "faults.0.warehouse: 'K9' has no"),
        (
            PDA + fault("line", 'device = "pda-1"\nrates = { noise = 0.1 }'),
            "faults.0.rates: noise cannot happen on MQTT",
        ),
        (
            PDA + fault("uplink_down", for_s=10) + fault("uplink_down", at_s=5),
            "faults.1.at_s: still faults.0 at 5 s",
        ),
        (
            PDA + BUS + fault("sensor_drifting", 'device = "bus-1"\nunit = 1\ncelsius_per_s = 1'),
            "faults.0.device: 'bus-1.1' has no second sensor in its zone",
        ),
        ("[[devices]", "not TOML"),
    ],
)
def test_what_cannot_be_played_is_one_line_with_its_key(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioRefused) as refused:
        parse(text)
    assert str(refused.value).startswith(f"s.toml: {complaint}"), str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(ScenarioRefused, match=r"no scenario of ours: .*everything"):
        load_scenario("no-such-day")


def test_a_fault_comes_again_until_it_would_outlast_the_scenario() -> None:
    scenario = parse(PDA + fault("burst", "every_s = 10", at_s=1, for_s=9))
    assert list(scenario.times(scenario.faults[0])) == [1, 11, 21]
    longer = parse(PDA + fault("burst", "every_s = 10", at_s=1, for_s=9.5))
    assert list(longer.times(longer.faults[0])) == [1, 11]


def test_the_end_of_a_line_fault_is_the_lines_own_rates() -> None:
    text = PDA + "line = { drop = 0.02 }\n"
    scenario = parse(text + fault("line", 'device = "pda-1"\nrates = { repeat = 0.5 }'))
    orders = orders_of(scenario.faults[0], scenario.device("pda-1"))
    assert orders == (
        {"do": "line", "rates": {"drop": 0.02, "repeat": 0.5}},
        {"do": "line", "rates": {"drop": 0.02}},
    )


def test_a_dead_unit_of_a_bus_is_named_by_its_address() -> None:
    scenario = parse(PDA + BUS + fault("sensor_dead", 'device = "bus-1"\nunit = 1'))
    orders = orders_of(scenario.faults[0], scenario.device("bus-1"))
    assert orders == (
        {"do": "unit", "state": "dead", "address": 1},
        {"do": "unit", "state": "ok", "address": 1},
    )


def test_a_skewed_clock_goes_back_to_what_it_usually_is() -> None:
    text = PDA + "clock_skew_s = -5.0\n"
    scenario = parse(text + fault("clock_skew", 'device = "pda-1"\nskew_s = 90.0'))
    orders = orders_of(scenario.faults[0], scenario.device("pda-1"))
    assert orders == ({"do": "clock", "skew_s": 90.0}, {"do": "clock", "skew_s": -5.0})


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ('kind = "m100"', {"do": "stray", "tags": [["AB", -60]]}),
        ('kind = "impinj"', {"do": "stray", "tags": [["AB", -60]]}),
        ('kind = "uhfreader18"', {"do": "stray", "tags": [["AB", 69]]}),
        ('kind = "llrp"', {"do": "pass", "tags": [["AB", 1, -6000]]}),
    ],
)
def test_tags_are_told_to_a_reader_as_its_kind_counts_them(
    device: str, expected: dict[str, object]
) -> None:
    scenario = parse(f'{PDA}[[devices]]\nname = "r"\n{device}\n')
    assert field_order(scenario.device("r"), [("AB", -60)], "stray") == expected
