"""Pins the list of certificates that the gateway reads: what `broker-config` and `devices` made,
with the end of the last one of each; a file that is damaged is none."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.broker.listing import FILE, encode_listing, read_listing
from gateway.services.certificates import BROKER_CA, CLOUD, GATEWAY, MONTH_S, ends_of, patience_s
from gateway.settings import load_settings

DAY_S = 86_400.0
CONFIG = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "{here}/state"
[mqtt]
host = "localhost"
ca_file = "{here}/credentials/mqtt-ca"
cert_file = "{here}/credentials/mqtt-cert"
key_file = "{here}/credentials/mqtt-key"
[cloud]
url = "https://cloud.example.com"
token_file = "{here}/token"
key_file = "{here}/key"
"""

Run = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG.format(here=tmp_path))
    where = [f"--{it}={tmp_path / it}" for it in ("authority", "mosquitto", "credentials")]

    def it(*command: str) -> None:
        assert main([*command, "--config", str(config), *where, "--no-reload"]) == 0

    return it


def test_what_was_given_out_is_listed_with_its_end(run: Run, tmp_path: Path) -> None:
    run("broker-config", "--host", "box")
    assert set(read_listing(tmp_path / FILE)) == {"broker"}
    run("devices", "issue", "pda-1", "--out", str(tmp_path / "out"), "--days", "10")
    run("devices", "issue", "pda-2", "--out", str(tmp_path / "out"))
    before = read_listing(tmp_path / FILE)
    assert set(before) == {"broker", "pda-1", "pda-2"}
    assert before["pda-2"] - before["pda-1"] > 1000 * DAY_S
    run("devices", "issue", "pda-1", "--out", str(tmp_path / "again"), "--days", "20")
    run("devices", "revoke", "pda-2")
    after = read_listing(tmp_path / FILE)
    assert after.keys() == {"broker", "pda-1"}
    assert after["pda-1"] - before["pda-1"] == pytest.approx(10 * DAY_S, abs=600)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o644, "the service must read it"


def test_the_boxs_own_are_read_where_they_are_used(run: Run, tmp_path: Path) -> None:
    run("broker-config", "--host", "box")
    settings = load_settings(tmp_path / "gateway.toml")
    ends = ends_of(settings, tmp_path / FILE)
    assert set(ends) == {"broker", BROKER_CA, GATEWAY}
    assert ends[BROKER_CA] > ends[GATEWAY]
    (tmp_path / "token").write_text("t")
    assert CLOUD in ends_of(settings, None)
    (tmp_path / "credentials/mqtt-cert").write_bytes(b"no certificate")
    assert GATEWAY not in ends_of(settings, None)


def test_a_token_that_renews_itself_is_told_when_it_has_not_for_a_month() -> None:
    assert patience_s("pda-1") == MONTH_S
    assert 90 * DAY_S - patience_s(CLOUD) == 28 * DAY_S


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"a": "x", "b": null}'])
def test_a_damaged_list_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE
    assert read_listing(path) == {}
    path.write_bytes(content)
    assert read_listing(path) == {}
    path.write_bytes(encode_listing({"b": 2.0, "a": 1.0}))
    assert read_listing(path) == {"a": 1.0, "b": 2.0}
    assert list(json.loads(path.read_bytes())) == ["a", "b"]
