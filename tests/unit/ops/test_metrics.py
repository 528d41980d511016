"""Pins the metrics' form: what is unknown is left out, names carry units, labels cannot break a
line, and nothing of the report is needed."""

from gateway.ops.metrics import METRICS, render_metrics


def test_nothing_is_known_of_an_empty_report() -> None:
    told = render_metrics({})
    assert "forepost_gateway_info 1" in told
    assert len([line for line in told.splitlines() if not line.startswith("#")]) == 1


def test_a_devices_name_cannot_forge_a_line() -> None:
    row = {"name": 'a"} 1\nforepost_gateway_running 0\\', "driver": "pda", "state": "online"}
    told = render_metrics({"devices": [row]})
    assert r'device="a\"} 1\nforepost_gateway_running 0\\"' in told
    assert all(line.startswith(("#", "forepost_")) for line in told.splitlines())
    assert not any(line.startswith("forepost_gateway_running") for line in told.splitlines())


def test_numbers_are_in_units_of_their_names() -> None:
    climate = {"zone": "C", "device": "t", "temperature_centi_c": -1812, "at_us": 1_500_000}
    told = render_metrics({"climate": [climate], "clock": {"is_set": True}})
    assert 'forepost_zone_temperature_celsius{zone="C",device="t"} -18.12\n' in told
    assert 'forepost_zone_measured_time_seconds{zone="C",device="t"} 1.5\n' in told
    assert "forepost_clock_set 1\n" in told
    assert "humidity" not in told


def test_every_family_has_a_name_of_its_own_and_says_what_it_is() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert metric.name.startswith("forepost_")
        assert metric.about.endswith(".")
        assert (metric.kind == "counter") == metric.name.endswith("_total")
