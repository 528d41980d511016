"""Pins at real programs that what a lot suffered reaches the warehouse it was sent to, with papers
and without, though its sender could tell nobody until long after: it is held there, and neither
picking, promises nor the planner's books count it any more."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.cloud import CloudProcess
from tests.rigs.gateway import Status
from tests.rigs.troubles import SENSORS, SUPERVISOR, item, now_us, until
from tests.week.handheld import Handheld
from tests.week.office import Office, Row
from tests.week.programs import Site
from tests.week.symbols import goods

pytestmark = pytest.mark.slow

MILK = item(1)
SOON, LATER = "2070-01-31", "2070-12-31"
WARM = ("BLIND", "KNOWN")
"""Two lots that were warm at K1, each sent under a transfer of its own. Nobody at J1 names the
delivery of the first."""


class Network:
    """Two warehouses, each with a handheld; K1 has a probe, and is where it gets warm."""

    def __init__(self, directory: Path) -> None:
        self.cloud = CloudProcess(directory)
        token = self.cloud.token("tokens", "create", "office", "--role", "admin")
        self.sites = {name: Site(directory, self.cloud, name) for name in ("J1", "K1")}
        self.cloud.start()
        self.office = Office(self.cloud.url, token, random.Random(7))
        self.office.repeats = 0.0
        self.office.write("POST", "/v1/import", papers())
        self.pdas = {}
        for name, site in self.sites.items():
            site.connect(self.cloud)
            config = site.gateway.config
            config.write_text(config.read_text() + SENSORS)
            site.power_on()
            self.pdas[name] = Handheld(site.port, name, "pda-1", random.Random(name))
        self.probe = Handheld(self.sites["K1"].port, "K1", "probe-1", random.Random(7))
        for site in self.sites.values():
            site.gateway.until_listening()
        self.office.put("workers", SUPERVISOR, id=SUPERVISOR, roles=["supervisor"])
        for name in self.sites:
            until(lambda name=name: self.knows_the_papers(name), "papers")  # type: ignore[misc]  # bound now

    def knows_the_papers(self, name: str) -> bool:
        """Whether the last document is there, and so all are."""
        return self.say(name, None, type="exceptions", worker=SUPERVISOR)["status"] == "accepted"

    def say(self, name: str, data: str | None, **task: object) -> Row:
        """One message of a warehouse's handheld, and its answer."""
        pda = self.pdas[name]
        return pda.answer(pda.scan(data, task={"worker": "w1", **task}))

    def close(self) -> None:
        for device in (*self.pdas.values(), self.probe):
            device.close()
        self.office.close()
        for site in self.sites.values():
            site.close()
        self.cloud.kill()


def papers() -> Row:
    """What is too warm is the same at both; only J1 holds goods for it."""
    zone = {"zone": "chill", "high_centi_c": 800, "duration_s": 1, "hysteresis_centi_c": 0}
    return {
        "items": [{"gtin": MILK, "names": {"en": "Milk"}, "zone": "chill", "grams_per_unit": 500}],
        "climates": [
            {**zone, "warehouse": "K1", "locations": ["X-01"]},
            {**zone, "warehouse": "J1", "locations": ["R-01"], "hold": {"above_s": 1}},
        ],
        "transfers": [
            {"id": f"TR-{lot}", "source": "K1", "destination": "J1",
             "ordered": [{"item": MILK, "quantity": 5}]}
            for lot in WARM
        ],
        "workers": [{"id": "w1", "roles": ["picker"]}],
    }  # fmt: skip


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    it = Network(tmp_path)
    yield it
    it.close()


def warm_up(network: Network) -> None:
    """K1's cold room is too warm for longer than its rule allows."""

    def is_excursion(status: Status) -> bool:
        network.probe.scan(None, channel="climate", zone="chill", temperature_c=12.0)
        return bool(status["excursions"])

    for lot in WARM:
        symbol = goods(MILK, lot, expiry=SOON)
        network.say("K1", symbol, type="receive", location="X-01", quantity=5)
    network.sites["K1"].until(is_excursion)


def lots_to_pick(network: Network) -> set[object]:
    stops = network.say("J1", None, type="start", id="O-1.1")["stops"]
    assert isinstance(stops, list)
    return {stop["lot"] for stop in stops}


def test_what_a_lot_suffered_is_heard_of_late_and_counts(network: Network) -> None:
    warm_up(network)
    network.sites["K1"].line.cut()
    for lot in WARM:
        sent = network.say(
            "K1", goods(MILK, lot), type="ship", id=f"TR-{lot}", location="X-01", quantity=5
        )
        assert sent["status"] == "accepted", sent
    for lot, place, papers in (("BLIND", "R-01", {}), ("KNOWN", "R-01", {"id": "ASN-KNOWN"}),
                               ("COLD", "R-02", {})):  # fmt: skip
        symbol = goods(MILK, lot, expiry=LATER if lot == "COLD" else SOON)
        network.say("J1", symbol, type="receive", location=place, quantity=5, **papers)
    place_order(network, 7)
    assert lots_to_pick(network) == set(WARM), "they expire first, and nobody knows better"
    network.sites["K1"].line.mend()
    for lot in WARM:
        until(lambda lot=lot: is_held(network, lot), f"{lot} is held")  # type: ignore[misc]  # bound now
    assert network.say("J1", goods(MILK, "COLD"), type="lookup")["status"] == "accepted"
    looked_up = network.say("J1", goods(MILK, "COLD"), type="lookup")["item"]
    assert isinstance(looked_up, dict)
    assert looked_up["on_hand"] == 5, "what the planner counts on, too"
    assert lots_to_pick(network) == {"COLD"}
    until(lambda: sellable(network) == 5, "the cloud promises no more")


def is_held(network: Network, lot: str) -> bool:
    told = network.say("J1", goods(MILK, lot), type="lookup")
    return told["message_key"] == "lot_held"


def sellable(network: Network) -> int:
    """What J1 has that may be sold, as the cloud has it."""
    rows = network.office.read("/v1/promises", item=MILK)["promises"]
    assert isinstance(rows, list)
    return sum(row["usable"] for row in rows if row["warehouse"] == "J1")


def place_order(network: Network, quantity: int) -> None:
    """An order for J1; returns once it is there and J1's goods are on its list."""
    until(lambda: sellable(network) >= quantity, "goods to promise")
    network.office.write("POST", "/v1/orders", {
        "id": "O-1", "platform": "shop", "market": "DE", "currency": "EUR",
        "ordered_at_us": now_us(), "distances_m": {"J1": 1},
        "lines": [{"item": MILK, "quantity": quantity, "price_minor": 1}],
    })  # fmt: skip
    until(lambda: network.say("J1", None, type="start", id="O-1.1")["status"] == "accepted", "O-1")
