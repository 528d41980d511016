"""Pins what a person asks of a box, on the real programs: the status of a gateway that runs and of
one that does not, metrics that equal the database's counts, a support bundle without secrets."""

import gzip
import json
import re
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.rigs.broker import Mosquitto
from tests.rigs.device import device
from tests.rigs.gateway import ROOT, GatewayProcess, pda_config

pytestmark = pytest.mark.slow

SCAN = "]C101095060001343521726123110L1"
SECRETS = {
    "password": "Pl4nted-password-1",
    "token": "Pl4nted-token-2",
    "key": "Pl4ntedKey3AAAAAAAAAAAAAAAAAAAAAAAA",
    "url": "Pl4nted-url-4",
    "comment": "Pl4nted-comment-5",
    "option": "Pl4nted-option-6",
    "credential": "Pl4nted-credential-7",
}
DEVICES = f"""
# {SECRETS["comment"]}
[[devices]]
name = "reader"
driver = "impinj"
link = "http://root@127.0.0.1:9/stream?password_file={{secrets}}/url"
"""
SAMPLE = re.compile(
    r'^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+-]+)$'
)


@pytest.fixture
def gateway(tmp_path: Path, broker: Mosquitto) -> Iterator[GatewayProcess]:
    secrets = tmp_path / "credentials"
    secrets.mkdir()
    for name, secret in SECRETS.items():
        (secrets / name).write_text(secret + "\n")
    pem = f"-----BEGIN PRIVATE KEY-----\n{SECRETS['key']}\n-----END PRIVATE KEY-----\n"
    (secrets / "key").write_text(pem)
    more = f'username = "gw"\npassword_file = "{secrets}/password"\n'
    config = pda_config(tmp_path / "state", broker.port) + DEVICES.format(secrets=secrets)
    it = GatewayProcess(tmp_path, config.replace("[mqtt]\n", f"[mqtt]\n{more}"))
    it.start()
    it.until_listening()
    yield it
    if it.process.poll() is None:
        it.kill()


def asked(gateway: GatewayProcess, command: str, *more: str) -> str:
    done = gateway.command(command, "--config", str(gateway.config), *more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def metrics_in(text: str) -> dict[str, float]:
    """Every sample, by name and labels; each line must be as the format says."""
    found: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds, "a family stands once, whole"
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.match(line)
            assert match is not None, line
            assert list(kinds)[-1] == match[1], "samples follow their TYPE"
            assert (kinds[match[1]] == "counter") == match[1].endswith("_total"), line
            key = line.rpartition(" ")[0]
            assert key not in found, line
            found[key] = float(match[3])
    assert text.endswith("\n")
    return found


def counts_in(journal: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        return {
            name: connection.execute(sql).fetchone()[0]
            for name, sql in {
                "forepost_journal_rows_total": "select coalesce(max(seq), 0) from journal",
                "receipts": "select count(*) from receipt",
                "forepost_quarantine_messages": "select count(*) from quarantine",
            }.items()
        }


def test_metrics_equal_the_databases_counts(
    gateway: GatewayProcess, broker: Mosquitto, tmp_path: Path
) -> None:
    with device(broker.port) as pda:
        for seq in (1, 2, 3, 3):
            pda.scan(seq, SCAN, type="receive", quantity=1)
            pda.result()
        pda.publish("scan", b'{"v":1,"boot":"boot-1","seq":7}')
        pda.result()
    gateway.until(lambda s: bool(s["stock"]))
    out = tmp_path / "metrics" / "forepost.prom"
    out.parent.mkdir()
    asked(gateway, "metrics", "--out", str(out))
    found = metrics_in(out.read_text())
    counts = counts_in(tmp_path / "state/journal.db")
    outcomes = {
        name: found[f'forepost_settled_messages_total{{outcome="{name}"}}']
        for name in ("accepted", "flagged", "refused", "duplicate")
    }
    assert sum(outcomes.values()) == found["forepost_received_messages_total"] == 5
    assert outcomes["duplicate"] == 1
    assert sum(outcomes.values()) - outcomes["duplicate"] == counts.pop("receipts")
    # Rows come by themselves: how a device is, what was set aside of a trigger.
    assert found["forepost_journal_rows_total"] <= counts.pop("forepost_journal_rows_total")
    assert {name: found[name] for name in counts} == counts
    assert found["forepost_gateway_running"] == 1
    assert found['forepost_device_online{device="pda-1",driver="pda"}'] in (0, 1)
    assert found["forepost_disk_free_bytes"] > 0
    gateway.kill()
    dead = metrics_in(asked(gateway, "metrics"))
    assert dead["forepost_gateway_running"] == 0
    assert dead['forepost_alarm{alarm="gateway_down",about=""}'] == 1
    now = counts_in(tmp_path / "state/journal.db")
    assert dead["forepost_journal_rows_total"] == now["forepost_journal_rows_total"]


def test_status_is_one_screen_of_a_gateway_that_runs_and_of_one_that_does_not(
    gateway: GatewayProcess, broker: Mosquitto
) -> None:
    with device(broker.port) as pda:
        pda.scan(1, SCAN, type="receive", quantity=1)
        pda.result()
    gateway.until(lambda s: bool(s["stock"]))
    screen = asked(gateway, "status")
    for word in ("journal", "cloud", "disk", "clock", "devices", "last plan", "version", "up "):
        assert re.search(rf"^(gateway .*)?{word}", screen, re.MULTILINE), word
    assert "pda-1" in screen
    assert len(screen.splitlines()) < 50
    gateway.kill()
    done = gateway.command("status", "--config", str(gateway.config))
    assert done.returncode == 1
    assert "DOES NOT ANSWER" in done.stdout
    assert "ALARM   gateway_down: The gateway does not answer" in done.stdout
    assert re.search(r"^journal \d+ events", done.stdout, re.MULTILINE)
    assert "Traceback" not in done.stderr
    for name in ("journal.db", "journal.db-wal"):
        (gateway.config.parent / "state" / name).write_bytes(b"no journal at all" * 1000)
    done = gateway.command("status", "--config", str(gateway.config))
    assert "journal NOT READABLE" in done.stdout


def bundle_of(gateway: GatewayProcess, target: Path, path: Path) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "support-bundle", str(target),
         "--config", str(gateway.config)],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={"PATH": f"{path}:/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert target.stat().st_mode & 0o777 == 0o600
    with tarfile.open(target) as bundle:
        return {
            Path(member.name).name: bundle.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in bundle
        }


def test_a_support_bundle_holds_what_helps_and_no_secret(
    gateway: GatewayProcess, broker: Mosquitto, tmp_path: Path
) -> None:
    with device(broker.port) as pda:
        for n, secret in enumerate(SECRETS.values()):
            pda.publish("scan", json.dumps({"password": secret, "n": n}).encode())
            pda.result()
    cloud = tmp_path / "state/cloud"
    cloud.mkdir()
    (cloud / "token").write_text(SECRETS["token"])
    programs = tmp_path / "programs"
    programs.mkdir()
    logs = "".join(f"the log says {secret} once\n" for secret in SECRETS.values() if secret)
    (programs / "journalctl").write_text(f"#!/bin/sh\ncat <<'END'\n{logs}END\n")
    (programs / "journalctl").chmod(0o755)
    for is_alive in (True, False):
        if not is_alive:
            gateway.kill()
        target = tmp_path / f"bundle-{is_alive}.tar.gz"
        parts = bundle_of(gateway, target, programs)
        everything = gzip.decompress(target.read_bytes()).decode(errors="replace")
        for what, secret in SECRETS.items():
            assert secret not in everything, what
        assert parts["log-forepost-gateway.txt"].count("[redacted]") == len(SECRETS)
        status = json.loads(parts["status.json"])
        assert status["is_running"] == is_alive
        assert json.loads(parts["journal.json"])["verified"]["problems"] == []
        assert parts["quarantine.txt"].count("\n") == len(SECRETS)
        assert "password_file" in parts["configuration.json"]
        assert "aiosqlite" in parts["versions.json"]
        assert ("DOES NOT ANSWER" in parts["status.txt"]) == (not is_alive)
        assert target.stat().st_size < 2**20


def test_a_bundle_is_made_where_the_configuration_is_not_good(tmp_path: Path) -> None:
    it = GatewayProcess(tmp_path, '[gateway]\nid = "gw"\npassword = "Pl4nted-8"\n')
    parts = bundle_of(it, tmp_path / "b.tar.gz", tmp_path)
    told = json.loads(parts["configuration.json"])
    assert "unknown key" in told["trouble"] or "missing" in told["trouble"]
    assert told["told"]["gateway"]["password"] == "[redacted]"
    it.config.write_text('password = "Pl4nted-9')
    parts = bundle_of(it, tmp_path / "b.tar.gz", tmp_path)
    assert "Pl4nted" not in json.dumps(parts)
