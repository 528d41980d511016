"""Tags on the boxes that pass a dock: every box has a tag of its own, none is seen twice."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from device_sim.world import World
from gateway.codecs.epc import encode_sgtin_96

COMPANY_DIGITS: Final = 7
RSSI_DBM: Final = (-62, -48)


@dataclass(slots=True)
class TagMint:
    """Makes tags, one number after the other; n_made: the last number given."""

    world: World
    random: Random
    n_made: int = 0

    def new_epc(self) -> str:
        """A tag nobody has seen, on a box of some item."""
        self.n_made += 1
        gtin = self.random.choice(self.world.catalog).gtin
        return encode_sgtin_96(gtin, self.n_made, company_digits=COMPANY_DIGITS)

    def boxes(self) -> list[tuple[str, int]]:
        """The tags of a few boxes, each with how strongly it is read in dBm."""
        n_boxes = self.random.randint(1, 4)
        return [(self.new_epc(), self.random.randint(*RSSI_DBM)) for _ in range(n_boxes)]
