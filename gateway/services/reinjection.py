"""Takes messages out of quarantine once more, when a person asked for it.

`forepost-gateway quarantine reinject ID` leaves an empty file named ID in the directory `reinject`
of the state directory; the running gateway decodes the message again, as the program and the
master data are now, and sends it down the normal path. Its own numbers were answered long ago,
so it travels under (device, boot "quarantine", seq ID): asked for twice, or asked again after a
crash, it counts once. The file leaves when the message's fate is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from gateway.codecs.mqtt_payloads import Status, parse_payload
from gateway.core.readings import Malformed, Reading
from gateway.ports import Arrival, Intake, Quarantined, Receipt
from gateway.services.supervisor import Heartbeats

logger = logging.getLogger(__name__)

DIRECTORY: Final = "reinject"
BOOT: Final = "quarantine"
CHANNELS: Final = ("scan", "climate", "reads")
CONSUMER: Final = "reinjection"
TICK_S: Final = 2.0


class QuarantineJournal(Protocol):
    """A journal whose quarantine can be read."""

    async def read_quarantine(
        self, *, after_id: int, limit: int
    ) -> Sequence[tuple[int, Quarantined]]:
        """Messages that were set aside, by id."""
        ...


def read_again(id_: int, message: Quarantined) -> Reading | None:
    """The message as its device would send it now; None if no device's message can be read."""
    for channel in CHANNELS:
        reading = parse_payload(
            channel, message.raw, device=message.device, received_at_us=message.received_at_us
        ).reading
        if not isinstance(reading, (Malformed, Status)):
            stamp = replace(reading.stamp, boot=BOOT, seq=id_)
            return replace(reading, stamp=stamp)
    return None


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
        while True:
            self._heartbeats.beat(CONSUMER)
            for id_ in requests_in(self._directory):
                self._heartbeats.beat(CONSUMER)
                await self._take(id_)
                (self._directory / str(id_)).unlink(missing_ok=True)
            await asyncio.sleep(TICK_S)

    async def _take(self, id_: int) -> None:
        """Return when what became of the message is durable."""
        found = await self._journal.read_quarantine(after_id=id_ - 1, limit=1)
        message = found[0][1] if found and found[0][0] == id_ else None
        reading = None if message is None else read_again(id_, message)
        if message is None or reading is None:
            logger.warning(
                "not taken out of quarantine",
                extra={
                    "action": "reinject_failed",
                    "id": id_,
                    "reason": "not there" if message is None else "no message of a device",
                },
            )
            return
        fate: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        await self._intake.put(Arrival(reading, fate.set_result, message.raw))
        receipt = await fate
        logger.info(
            "taken out of quarantine",
            extra={"action": "reinjected", "id": id_, "status": receipt.status},
        )


def requests_in(directory: Path) -> list[int]:
    """The ids that were asked for, lowest first. A look at a small directory: no thread for it."""
    if not directory.is_dir():
        return []
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdecimal())
