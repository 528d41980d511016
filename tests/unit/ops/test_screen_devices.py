"""Pins the screen of a warehouse with many devices, and its lines on alarms, disk and cloud."""

from gateway.ops.screen import DEVICES_SHOWN, NO_CLOUD, render_status


def test_devices_in_trouble_stand_first_and_the_others_are_counted() -> None:
    rows = [{"name": f"pda-{n:02}", "state": "online", "n_reads": 1} for n in range(40)]
    rows[37]["state"] = "lost"
    lines = render_status({"devices": rows}).splitlines()
    shown = lines[lines.index("devices") + 1 : lines.index("climate") - 1]
    assert shown[0].startswith("  pda-37")
    assert len(shown) == DEVICES_SHOWN + 1
    assert shown[-1] == "  and 20 more, 20 of them online"


def test_an_alarm_says_what_it_is_about() -> None:
    alarm = {"name": "device_silent", "about": "belt", "title": "A device is silent", "text": "x"}
    assert "ALARM   device_silent/belt: A device is silent: x" in render_status(
        {"alarms": [alarm]}
    )


def test_an_alarm_whose_text_says_it_all_is_said_once() -> None:
    alarm = {"name": "broker", "title": "The broker is away", "text": "the broker is away; wait"}
    assert "ALARM   broker: The broker is away; wait\n" in render_status({"alarms": [alarm]})
    old = {"name": "broker", "text": "away", "since_us": 1}
    assert "ALARM   broker: Away\n" in render_status({"alarms": [old]})


def test_disk_clock_and_life_are_shown_with_what_is_wrong_with_them() -> None:
    report = {
        "time_us": 1_795_000_000_000_000,
        "process": {"started_us": 1_795_000_000_000_000 - 90_061_000_000},
        "clock": {"is_set": True, "is_trusted": False},
        "disk": {"free_bytes": 2**30, "size_bytes": 64 * 2**30, "is_read_only": True},
        "sync": {"is_connected": False, "last_error": NO_CLOUD},
    }
    screen = render_status(report)
    assert "disk    1024.0 MB free of 64 GB, READ-ONLY" in screen
    assert "NOT BELIEVED" in screen
    assert "up 1 d 1 h" in screen
    assert "cloud   none configured" in screen
    assert "NOT SET" in render_status(report | {"clock": {"is_set": False}})
