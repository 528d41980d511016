"""Takes messages out of quarantine once more, when a person asked for it.

`forepost-gateway quarantine reinject ID` leaves an empty file named ID in the directory `reinject`
of the state directory; the running gateway decodes the message again, as the program and the
master data are now, and sends it down the normal path. Its own numbers were answered long ago,
so it travels under (device, boot "quarantine", seq ID): asked for twice, or asked again after a
crash, it counts once. The file leaves when the message's fate is durable.

What says all that it means can be taken in again: whatever the contract's channels carry. The rest
is refused, and the refusal says what to do instead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from gateway.codecs.mqtt_payloads import Status, parse_payload
from gateway.core.readings import Malformed, Reading
from gateway.journal.salvage import UNPROVEN
from gateway.ports import Arrival, Intake, Quarantined, Receipt
from gateway.services.following import rest
from gateway.services.supervisor import Heartbeats

logger = logging.getLogger(__name__)

DIRECTORY: Final = "reinject"
BOOT: Final = "quarantine"
CHANNELS: Final = ("scan", "climate", "reads")
UNREAD: Final = ("json", "contract")
"""The kinds of what came on a channel of the contract and could not be read."""
CONSUMER: Final = "reinjection"
TICK_S: Final = 2.0


class QuarantineJournal(Protocol):
    """A journal whose quarantine can be read."""

    async def read_quarantine(
        self, *, after_id: int, limit: int
    ) -> Sequence[tuple[int, Quarantined]]:
        """Messages that were set aside, by id."""
        ...


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Why a message can never be taken in as it lies there, and what to do."""

    reason: str


_HOPELESS: Final = {
    UNPROVEN: "a row of a damaged journal that nothing proves; if what it tells of is not in the"
    " stock, have it counted",
    "line": "a line of a scanner without the task that it was scanned for; have it scanned again",
    **dict.fromkeys(
        ("m100", "uhfreader18", "llrp", "impinj", "zebra-fx", "zebra-rfd"),
        "what a reader saw then, not what is there now; the reader tells that by itself",
    ),
    "datawedge": "a scan without the task of its device; have it scanned again",
}
"""By the kind of what was set aside: what no channel of the contract carries."""
_SCANNED: Final = Hopeless(
    "it came from a scanner that sends codes and no tasks, and the code alone does not say what"
    " was done; have it scanned again"
)


def read_again(id_: int, message: Quarantined) -> Reading | Hopeless:
    """The message as its device would send it now."""
    if message.kind in _HOPELESS:
        return Hopeless(_HOPELESS[message.kind])
    for channel in CHANNELS:
        reading = parse_payload(
            channel, message.raw, device=message.device, received_at_us=message.received_at_us
        ).reading
        if not isinstance(reading, (Malformed, Status)):
            stamp = replace(reading.stamp, boot=BOOT, seq=id_)
            return replace(reading, stamp=stamp)
    if message.kind not in UNREAD:
        return _SCANNED
    return Hopeless(f"still no message of a device: {message.reason}")


class Reinjection:
    """One gateway's way back out of quarantine."""

    def __init__(
        self,
        *,
        journal: QuarantineJournal,
        intake: Intake,
        state_dir: Path,
        heartbeats: Heartbeats,
    ) -> None:
        self._journal = journal
        self._intake = intake
        self._directory = state_dir / DIRECTORY
        self._heartbeats = heartbeats

    async def run(self) -> None:
        """Look for requests for ever."""
        self._heartbeats.beat(CONSUMER)
        while True:
            for id_ in requests_in(self._directory):
                self._heartbeats.beat(CONSUMER)
                await self._take(id_)
                (self._directory / str(id_)).unlink(missing_ok=True)
            await rest(TICK_S, consumer=CONSUMER, heartbeats=self._heartbeats)

    async def _take(self, id_: int) -> None:
        """Return when what became of the message is durable."""
        found = await self._journal.read_quarantine(after_id=id_ - 1, limit=1)
        message = found[0][1] if found and found[0][0] == id_ else None
        if message is None:
            _failed(id_, "not there")
            return
        reading = read_again(id_, message)
        if isinstance(reading, Hopeless):
            _failed(id_, reading.reason)
            return
        fate: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        await self._intake.put(Arrival(reading, fate.set_result, message.raw))
        receipt = await fate
        logger.info(
            "taken out of quarantine",
            extra={"action": "reinjected", "id": id_, "status": receipt.status},
        )


def _failed(id_: int, reason: str) -> None:
    logger.warning(
        "not taken out of quarantine",
        extra={"action": "reinject_failed", "id": id_, "reason": reason},
    )


def requests_in(directory: Path) -> list[int]:
    """The ids that were asked for, lowest first. A look at a small directory: no thread for it."""
    if not directory.is_dir():
        return []
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdecimal())
