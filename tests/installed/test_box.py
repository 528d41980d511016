"""Pins the Debian package on a machine of its own with a real systemd: it asks nothing, works in
its sandbox, survives power cuts, keeps data through upgrades, and goes back from a bad version."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs import debian_package, tier
from tests.rigs.box import (
    AS_HANDHELD,
    CONFIG,
    GATEWAY,
    JOURNAL,
    configure,
    is_up,
    leave,
    received,
    scan,
    version_in_use,
)
from tests.rigs.guard import wait_until
from tests.rigs.machine import Machine, running_machine
from tests.rigs.mounts import NEEDS_ROOT
from tests.rigs.solver_jobs import central_job, is_sound

pytestmark = [
    *NEEDS_ROOT,
    pytest.mark.slow,
    pytest.mark.skipif(tier.chosen() == "quick", reason="make test-installed builds the package"),
]

ASK_SOLVER = """
import socket, sys
asking = socket.socket(socket.AF_UNIX)
asking.connect("/run/forepost-solver.socket")
asking.sendall(b"2048\\n" + sys.stdin.buffer.read())
asking.shutdown(socket.SHUT_WR)
sys.stdout.buffer.write(asking.makefile("rb").read())
"""


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return debian_package.build(tmp_path_factory.mktemp("package"), "1.0.0")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with running_machine(tmp_path / "machine") as it:
        yield it


def install(machine: Machine, package: Path) -> str:
    """dpkg -i, with nobody there to answer; gives what was said."""
    shutil.copy(package, machine.exchange)
    done = machine.run("dpkg", "--install", f"/exchange/{package.name}")
    assert done.returncode == 0, done.stdout + done.stderr + machine.log()
    return done.stderr


def test_it_installs_without_a_question_and_works_in_its_sandbox(
    machine: Machine, package: Path
) -> None:
    install(machine, package)
    assert machine.state(GATEWAY) == "inactive", "nobody has said which warehouse this is"
    assert not machine.do("systemctl", "list-units", "--failed", "--no-legend", "--plain").strip()
    for unit in ("forepost-gateway.service", "forepost-solver.socket"):
        assert machine.do("systemctl", "is-enabled", unit).strip() == "enabled"
        assert not machine.run("systemd-analyze", "verify", "--man=no", unit).stderr
    assert "dialout" in machine.do("id", "-Gn", "forepost")

    configure(machine)
    scan(machine, 1)
    assert received(machine) == 1
    secret = machine.do("sed", "-n", "2p", "/etc/forepost/credentials/mqtt-key").strip()
    assert len(secret) == 64
    assert secret not in machine.do("journalctl", "--no-pager")
    as_gateway = ("setpriv", "--reuid", "forepost", "--regid", "forepost", "--clear-groups")
    assert machine.run(*as_gateway, "cat", "/etc/forepost/credentials/mqtt-key").returncode
    job = central_job()
    answer = machine.do(
        *as_gateway, "python3", "-c", ASK_SOLVER, standard_input=json.dumps(job.model_dump())
    )
    assert is_sound(job, json.loads(answer)["result"])

    machine.cut_power()
    machine.boot()
    assert wait_until(lambda: is_up(machine)), machine.log()
    assert received(machine) == 1
    scan(machine, 2)
    assert received(machine) == 2


def test_the_runbook_is_followed_to_the_letter(machine: Machine, package: Path) -> None:
    install(machine, package)
    configure(machine)
    scan(machine, 1)
    config = ("--config", CONFIG)
    assert "\ndevices\n  pda-01" in machine.do("forepost-gateway", "status", *config)

    # A change of the configuration: a bad one is refused with its reason, a good one is taken.
    good = machine.do("cat", CONFIG)
    machine.do("tee", CONFIG, standard_input=good + 'zonne = "C"\n')
    assert machine.run("systemctl", "reload", GATEWAY).returncode
    assert "devices.0.zonne: unknown key" in machine.log()
    sensors = '[[devices]]\nname = "t-1"\ndriver = "mqtt-climate"\nlink = "mqtt"\n'
    machine.do("tee", CONFIG, standard_input=good + sensors)
    before = machine.state(GATEWAY, "MainPID")
    machine.do("systemctl", "reload", GATEWAY)
    assert wait_until(lambda: "t-1" in machine.do("forepost-gateway", "status", *config))
    assert machine.state(GATEWAY, "MainPID") == before
    assert wait_until(lambda: is_up(machine)), "the reload is told to be over"
    scan(machine, 2)

    # It does not answer; whoever looks as root leaves nothing behind that stops the next start.
    machine.do("systemctl", "stop", GATEWAY)
    looked = machine.run("forepost-gateway", "status", *config)
    assert (looked.returncode, "DOES NOT ANSWER" in looked.stdout) == (1, True)
    machine.do("forepost-gateway", "journal", "refold", *config)
    machine.do("systemctl", "start", GATEWAY)
    scan(machine, 3)

    # The box is destroyed and restored from its backup, by root, for the service's own user.
    backup = "/exchange/backup.db"
    machine.do("forepost-gateway", "journal", "backup", backup, *config)
    machine.do("systemctl", "stop", GATEWAY)
    machine.do("sh", "-c", "rm -r /var/lib/forepost/*")
    machine.do("forepost-gateway", "journal", "restore", backup, *config)
    machine.do("systemctl", "start", GATEWAY)
    scan(machine, 4)
    assert received(machine) == 4
    assert machine.do("stat", "-c", "%U", JOURNAL).strip() == "forepost"

    # Somebody far away is sent what helps.
    machine.do("forepost-gateway", "support-bundle", "/exchange/bundle.tar.gz", *config)
    secret = machine.do("sed", "-n", "2p", "/etc/forepost/credentials/mqtt-key").strip()
    with tarfile.open(machine.exchange / "bundle.tar.gz") as bundle:
        packed = {Path(it.name).name: bundle.extractfile(it).read() for it in bundle}  # type: ignore[union-attr]
    assert b"action=config_reloaded" in packed["log-forepost-gateway.txt"]
    assert not any(secret.encode() in content for content in packed.values())


def test_a_broker_killed_in_its_first_minute_still_knows_who_listens(
    machine: Machine, package: Path
) -> None:
    install(machine, package)
    configure(machine)
    scan(machine, 1)
    # Long before the broker would write its store by itself.
    mark, store = "/var/lib/forepost/broker-session", "/var/lib/mosquitto/mosquitto.db"
    is_saved = ("sh", "-c", f"test -e {mark} && test {store} -nt {mark}")
    assert wait_until(lambda: machine.run(*is_saved).returncode == 0), machine.log()

    machine.do("systemctl", "stop", GATEWAY)
    machine.do("systemctl", "kill", "--signal=SIGKILL", "mosquitto.service")
    assert wait_until(lambda: machine.run("mosquitto_pub", *AS_HANDHELD, "-n").returncode == 0)
    leave(machine, 2)
    machine.do("systemctl", "start", GATEWAY)
    assert wait_until(lambda: received(machine) == 2), machine.log()


def test_installing_again_changes_nothing_and_remove_keeps_what_purge_takes(
    machine: Machine, package: Path
) -> None:
    install(machine, package)
    configure(machine)
    scan(machine, 1)
    sums = ("sh", "-c", "find /etc/forepost /etc/mosquitto -type f -exec sha256sum {} + | sort")
    before, n_goods = machine.do(*sums), received(machine)
    install(machine, package)
    assert machine.do(*sums) == before
    assert is_up(machine)
    assert received(machine) == n_goods

    machine.do("dpkg", "--remove", "forepost-gateway")
    assert not is_up(machine)
    assert machine.run("test", "-e", "/opt/forepost").returncode == 1
    machine.do("test", "-s", JOURNAL)
    install(machine, package)
    assert is_up(machine)
    assert received(machine) == n_goods

    machine.do("dpkg", "--purge", "forepost-gateway")
    left = machine.do("sh", "-c", "find / -xdev -name '*forepost*' -not -path '/proc/*'").split()
    # Logs are the machine's, and so are the lines of a name that was here.
    assert [it for it in left if not it.startswith(("/var/log", "/sys", "/run/systemd"))] == []
    machine.do("systemctl", "restart", "mosquitto")


def test_an_upgrade_keeps_the_data_and_the_version_before(machine: Machine, package: Path) -> None:
    newer = debian_package.altered(package, "1.1.0", add_a_table)
    install(machine, package)
    configure(machine)
    scan(machine, 1)
    n_goods = received(machine)
    install(machine, newer)
    assert is_up(machine)
    assert version_in_use(machine) == "1.1.0"
    assert received(machine) == n_goods
    assert scan(machine, 1)["status"] == "duplicate", "the newer version knows it, too"
    assert received(machine) == n_goods
    machine.do("test", "-x", "/opt/forepost/versions/1.0.0/bin/forepost-gateway")

    # Once it has recorded anything, going back would lose what devices have receipts for.
    scan(machine, 2)
    assert machine.run("/usr/lib/forepost/forepost-box", "rollback", "a test").returncode == 3
    assert version_in_use(machine) == "1.1.0"
    assert received(machine) == n_goods + 1
    assert is_up(machine)


@pytest.mark.parametrize("fault", ["it ends at once", "it migrates and ends"])
def test_a_version_that_does_not_start_makes_place_for_the_one_before(
    machine: Machine, package: Path, fault: str
) -> None:
    bad = debian_package.altered(
        package, "1.1.0", end_at_once if fault == "it ends at once" else migrate_and_end
    )
    install(machine, package)
    configure(machine)
    scan(machine, 1)
    n_goods = received(machine)
    assert "back to 1.0.0" in install(machine, bad)
    assert version_in_use(machine) == "1.0.0"
    assert wait_until(lambda: is_up(machine)), machine.log()
    assert received(machine) == n_goods
    scan(machine, 2)
    assert received(machine) == n_goods + 1
    machine.do("forepost-gateway", "journal", "verify", "--journal", JOURNAL)
    machine.cut_power()
    machine.boot()
    assert wait_until(lambda: is_up(machine)), machine.log()


def test_a_version_that_fails_later_goes_back_too_until_it_is_confirmed(
    machine: Machine, package: Path
) -> None:
    newer = debian_package.altered(package, "1.1.0")
    install(machine, package)
    configure(machine)
    install(machine, newer)
    assert version_in_use(machine) == "1.1.0"
    machine.do("systemctl", "start", "forepost-gateway-confirm.service")
    machine.do("test", "-s", "/var/lib/forepost-box/probation")
    # What systemd starts after the tenth failure (OnFailure=).
    machine.do("systemctl", "start", "forepost-gateway-failed.service")
    assert version_in_use(machine) == "1.0.0"
    assert is_up(machine)
    assert "1.1.0 -> 1.0.0" in machine.do("cat", "/var/lib/forepost-box/rolled-back")


def next_schema(site: Path) -> Path:
    schema = site / "gateway/journal/schema"
    return schema / f"{len(list(schema.glob('*.sql'))) + 1:04d}_later.sql"


def add_a_table(site: Path) -> None:
    next_schema(site).write_text("create table later(number integer primary key) strict;\n")


def end_at_once(site: Path) -> None:
    (site / "gateway/__main__.py").write_text("def main() -> int:\n    return 1\n")


def migrate_and_end(site: Path) -> None:
    add_a_table(site)
    app = site / "gateway/app.py"
    text = app.read_text()
    assert "        notifier.ready()\n" in text
    app.write_text(text.replace("        notifier.ready()\n", "        raise SystemExit(1)\n"))
