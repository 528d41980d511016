"""One warehouse in real programs, for faults: broker, gateway and cloud, each to be killed.

The office's papers are small: one item with a reorder point of 5, and the M Company network, so
that the gateway also triggers and plans.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.rigs.broker import Mosquitto, free_port, running_broker, running_mosquitto
from tests.rigs.cloud import CloudProcess, enrolled
from tests.rigs.gateway import GatewayProcess, Status
from tests.rigs.guard import GUARD_S
from tests.rigs.handheld import Handheld

ROOT = Path(__file__).resolve().parents[2]
GATEWAY, WAREHOUSE = "gw-J1", "J1"
GTIN = "09506000134352"
LOT = "L1"
LABEL = f"]C101{GTIN}1726123110{LOT}"
PATIENCE_S = 120.0
"""Before a wait is called in vain, on a machine that others use as well."""
STOPS_MAX = 5
READERS = ("projector", "planner", "uplink")
CONFIG = """
[gateway]
id = "{gateway}"
warehouse = "J1"
state_dir = "{state}"

[mqtt]
host = "127.0.0.1"
port = {port}

[planner]
gather_s = 0.2
quiet_s = 3600
time_limit_s = 5

[cloud]
url = "{url}"
token_file = "{token}"
batch_events = 50
batch_wait_ms = 20
poll_s = 0.5
deadline_s = 5

[[devices]]
name = "pda-*"
driver = "pda"
link = "mqtt"
"""


class Site:
    """The programs of one warehouse, and where their files are."""

    def __init__(self, directory: Path, broker: Mosquitto, *, url: str | None = None) -> None:
        self.directory, self.broker = directory, broker
        self.cloud = CloudProcess(directory)
        self.n_papers = 0
        self.log = directory / "devices.jsonl"
        self.state = directory / "state"
        self.token_file = directory / "token"
        self.token_file.touch(0o600)
        database, (token, self.admin) = enrolled(
            ("gateways", "enrol", GATEWAY, "--warehouse", WAREHOUSE),
            ("tokens", "create", "office", "--role", "admin"),
        )
        shutil.copy(database, self.cloud.database)
        self.token_file.write_text(token)
        self.cloud.start()
        self.gateway = self.gateway_at(directory / "gw", self.state, url or self.cloud.url)

    @property
    def journal(self) -> Path:
        """The gateway's journal."""
        return self.state / "journal.db"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no row and no log may hold."""
        return self.token_file.read_text().strip(), self.admin

    def gateway_at(self, directory: Path, state: Path, url: str) -> GatewayProcess:
        """A gateway of this site's id on some state; not started."""
        directory.mkdir(exist_ok=True)
        config = CONFIG.format(
            gateway=GATEWAY, state=state, port=self.broker.port, url=url, token=self.token_file
        )
        return GatewayProcess(directory, config)

    def open_office(self, *, is_planning: bool) -> None:
        """Write what the office has on file into the cloud. Without policy no planning."""
        network = json.loads((ROOT / "device_sim/cases/m_company.json").read_text())
        item = {"gtin": GTIN, "names": {"en": "Milk"}, "zone": "refrigerated",
                "grams_per_unit": 1000, "case_pack_units": 6, "minimum_order_units": 6,
                "shelf_life_days": 21}  # fmt: skip
        policy = {"warehouse": WAREHOUSE, "gtin": GTIN, "demand_units_per_day": 10.0,
                  "demand_sd_units_per_day": 1.0, "reorder_point_units": 5,
                  "lead_time_days": 1.0}  # fmt: skip
        body = {"items": [item], "policies": [policy] * is_planning, "network": network}
        headers = {"Authorization": f"Bearer {self.admin}"}
        self.n_papers = 2 + is_planning
        httpx.post(
            f"{self.cloud.url}/v1/import", json=body, headers=headers, timeout=GUARD_S
        ).raise_for_status()

    def until_papers_are_there(self) -> None:
        """Return once the office's papers are in the gateway's journal, and folded."""

        def is_there(status: Status) -> bool:
            with contextlib.closing(
                sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)
            ) as journal:
                sql = "select count(*) from journal where type = 'document.changed'"
                (n,) = journal.execute(sql).fetchone()
            cursors = status["cursors"]
            return n >= self.n_papers and isinstance(cursors, dict) and cursors["projector"] >= n

        self.gateway.until(is_there, PATIENCE_S)

    def until_drained(self, limit_s: float = PATIENCE_S) -> Status:
        """The report when every reader of the journal stands at its end."""

        def is_drained(status: Status) -> bool:
            cursors, journal = status["cursors"], status["journal"]
            if not isinstance(cursors, dict) or not isinstance(journal, dict):
                raise AssertionError(f"a report without cursors: {status}")
            return all(cursors[name] == journal["last_seq"] for name in READERS)

        return self.gateway.until(is_drained, limit_s)

    def stop_drained(self) -> None:
        """Stop the gateway when all is told; what came up on its way down is told by a new start.

        How a device is may be news at any moment, also between the last look and the stop.
        """
        for _ in range(STOPS_MAX):
            self.until_drained()
            assert self.gateway.stop() == 0
            if self._is_told():
                return
            self.gateway.start()
        raise AssertionError("every stop of the gateway left something untold")

    def _is_told(self) -> bool:
        with contextlib.closing(sqlite3.connect(self.journal)) as journal:
            (last,) = journal.execute("select max(seq) from journal").fetchone()
            cursors = dict(journal.execute("select consumer, seq from cursor").fetchall())
        return all(cursors.get(name) == last for name in READERS)

    def must_pass(self, *options: str) -> None:
        """Stop everything once it is told, and ask the auditor."""
        self.stop_drained()
        self.cloud.terminate()
        audited = self.audit(*options)
        assert audited.returncode == 0, audited.stdout + audited.stderr

    def audit(
        self, *options: str, journals: tuple[Path, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """The auditor's word on the run, from its files."""
        return subprocess.run(
            [sys.executable, "-m", "tests.auditor", "--drained", "--log", str(self.log),
             "--cloud", self.cloud.database, "--text", str(self.gateway.log),
             "--secret", *self.secrets, *options,
             "--journal", *map(str, (*journals, self.journal))],
            capture_output=True, text=True, timeout=GUARD_S, check=False, cwd=ROOT,
        )  # fmt: skip

    def write_truth(self, *handhelds: Handheld) -> None:
        """Close the device log with what the handhelds' people know they moved."""
        stock = [[*key, quantity] for it in handhelds for key, quantity in it.books.items()]
        with self.log.open("a") as log:
            log.write(json.dumps({"kind": "truth", "stock": stock}) + "\n")

    def close(self) -> None:
        """kill -9 for what still runs."""
        for program in (self.gateway, self.cloud):
            with contextlib.suppress(AssertionError):
                if program.process is not None and program.process.poll() is None:
                    program.kill()


def receive(pda: Handheld, quantity: int = 1, location: str = "R-01") -> int:
    """Receive goods, and write it into the handheld's own books."""
    pda.books[WAREHOUSE, location, GTIN, LOT, "available", "EA"] += quantity
    return pda.scan(LABEL, type="receive", location=location, quantity=quantity)


def waste(pda: Handheld, quantity: int, location: str = "R-01") -> int:
    """Throw goods away, likewise."""
    pda.books[WAREHOUSE, location, GTIN, LOT, "available", "EA"] -= quantity
    return pda.scan(LABEL, type="waste", location=location, quantity=quantity)


@contextlib.contextmanager
def running_site(
    directory: Path, *, plain_broker: bool = False, url: str | None = None
) -> Iterator[Site]:
    """A site with its gateway not yet started.

    plain_broker: Mosquitto's own defaults. url: the gateway's way to the cloud, if not direct.
    """
    store = directory / "broker"
    store.mkdir()
    with contextlib.ExitStack() as stack:
        if plain_broker:
            port = free_port()
            config = f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            config += f"persistence true\npersistence_location {store}/\n"
            broker = stack.enter_context(running_broker(store, port, config))
        else:
            broker = stack.enter_context(running_mosquitto(store))
        site = Site(directory, broker, url=url)
        stack.callback(site.close)
        yield site
