"""The messages that a client of a reader sends: pure builders.

Every number here is the standard's (LLRP 1.1, sections 9 to 14); what they are for is said by
the names. The id of a request comes back with its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.codecs.llrp import Message, Parameter
from gateway.codecs.llrp_layout import CUSTOM
from gateway.codecs.llrp_reports import IMPINJ

ALL: Final = 0
"""All antennas, all capabilities, all of a configuration."""

ACTIVE: Final = 2
"""The state of a reader operation that runs (0 is disabled, 1 waits for its start)."""

_CONTENT: Final = 0x1780
"""Of a tag's report: antenna, peak RSSI, first and last time seen, count."""

_EVENTS: Final = (2, 4, 8)
"""Of the reader's events: operations, exceptions, antennas."""
_BUFFER_FILLING: Final = 3


@dataclass(frozen=True, slots=True)
class Inventory:
    """How tags are to be read, and how they are reported.

    antennas: none is all. power: transmit power, index of the reader's table and number of its
    hop table; None leaves it as it is. n_tags: a report is sent after so many; 0 at the end of a
    period only. period_ms: all antennas are gone through for so long, then what was not yet
    reported is; None goes on for ever.
    """

    rospec_id: int
    antennas: Sequence[int]
    session: int
    tag_population: int
    mode: int | None
    power: tuple[int, int] | None
    n_tags: int
    period_ms: int | None
    has_impinj_rssi: bool


def get_capabilities() -> Message:
    """Asks what the reader can."""
    return Message(1, 0, (ALL,))


def get_supported_version() -> Message:
    """Asks for the versions that the reader speaks; itself always in version 1.1."""
    return Message(46, 0, version=2)


def set_protocol_version(version: int) -> Message:
    """Changes the version of all that follows."""
    return Message(47, 0, (version,), version=2)


def enable_impinj_extensions() -> Message:
    """Wakes the parameters that Impinj's readers add."""
    return Message(CUSTOM, 0, (IMPINJ, 21, bytes(4)))


def set_reader_config(*, keepalive_ms: int, holds: bool | None, warns_of_buffer: bool) -> Message:
    """Sets keep-alives, events, and whether reports are held while nobody is connected.

    holds: None leaves the reader's own behaviour, for one that knows only that.
    """
    events = sorted((*_EVENTS, *((_BUFFER_FILLING,) if warns_of_buffer else ())))
    wanted = tuple(Parameter(245, (event, 0x80)) for event in events)
    holding = () if holds is None else (Parameter(226, (0x80 if holds else 0,)),)
    keepalive = Parameter(220, (1, keepalive_ms))
    return Message(3, 0, (0,), (Parameter(244, (), wanted), keepalive, *holding))


def get_antenna_properties() -> Message:
    """Asks which antennas are connected."""
    return Message(2, 0, (ALL, 2, 0, 0))


def get_rospecs() -> Message:
    """Asks for the reader operations that there are."""
    return Message(26, 0)


def add_rospec(inventory: Inventory) -> Message:
    """Adds the operation, disabled."""
    return Message(20, 0, (), (make_rospec(inventory),))


def enable_rospec(rospec_id: int) -> Message:
    """Enables an operation, so that it can be started."""
    return Message(24, 0, (rospec_id,))


def start_rospec(rospec_id: int) -> Message:
    """Starts an enabled operation."""
    return Message(22, 0, (rospec_id,))


def delete_rospec(rospec_id: int) -> Message:
    """Removes an operation, stopped or not."""
    return Message(21, 0, (rospec_id,))


def enable_events_and_reports() -> Message:
    """Asks for what the reader has held since the last connection, and for all that follows."""
    return Message(64, 0)


def keepalive_ack(keepalive: Message) -> Message:
    """The answer to a keep-alive."""
    return Message(72, keepalive.id, version=keepalive.version)


def make_rospec(inventory: Inventory) -> Parameter:
    """The reader operation of an inventory: started and stopped by the client alone."""
    period = inventory.period_ms
    boundary = Parameter(178, (), (Parameter(179, (0,)), Parameter(182, (0, 0))))
    ai_stop = Parameter(184, (0, 0) if period is None else (1, period))
    gen2 = Parameter(186, (1, 1), (_antenna_configuration(inventory),))
    ai = Parameter(183, (tuple(inventory.antennas) or (ALL,),), (ai_stop, gen2))
    content: tuple[Parameter, ...] = (Parameter(238, (_CONTENT,)),)
    if inventory.has_impinj_rssi:
        content += (_impinj_content(),)
    report = Parameter(237, (2 if period is None else 1, inventory.n_tags), content)
    return Parameter(177, (inventory.rospec_id, 0, 0), (boundary, ai, report))


def _antenna_configuration(inventory: Inventory) -> Parameter:
    commands: list[Parameter] = []
    if inventory.mode is not None:
        commands.append(Parameter(335, (inventory.mode, 0)))
    commands.append(Parameter(336, (inventory.session << 6, inventory.tag_population, 0)))
    parts: list[Parameter] = []
    if inventory.power is not None:
        index, hop_table = inventory.power
        parts.append(Parameter(224, (hop_table, 1, index)))
    parts.append(Parameter(330, (0,), tuple(commands)))
    return Parameter(222, (ALL,), tuple(parts))


def _impinj_content() -> Parameter:
    """ImpinjTagReportContentSelector (50) holding ImpinjEnablePeakRSSI (53) with mode 1."""
    peak = bytes.fromhex("03ff000e") + IMPINJ.to_bytes(4) + (53).to_bytes(4) + (1).to_bytes(2)
    return Parameter(CUSTOM, (IMPINJ, 50, peak))


def is_same_rospec(wanted: Parameter, found: Parameter) -> bool:
    """True if a listed operation is the wanted one, in whatever state."""
    return replace(found, values=(*found.values[:2], wanted.values[2])) == wanted
