"""A simulated LLRP reader without its wires: bytes in, bytes out, time and chance as arguments.

It keeps what a reader keeps: operations and their states, its configuration, the reports that it
holds while nobody is connected (as many as `held_max`; then it loses the new ones and says so),
which antennas are connected, and which tags stand before them. Written from the standard
(EPCglobal Low Level Reader Protocol 1.1); what it refuses, it refuses with the standard's codes.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from device_sim import llrp_wire as wire
from device_sim.llrp_wire import Request, RequestWrong, RoSpec, Sighting

HELD_MAX: Final = 10_000
ROUND_US: Final = 100_000
"""How long the reader takes to read all tags before all its antennas once."""
DISABLED, INACTIVE, ACTIVE = 0, 1, 2
POWERS_CENTI_DBM: Final = tuple(range(1000, 3001, 100))
MODES: Final = (0, 2, 1002)

ROSPEC_EVENT, BUFFER_EVENT, EXCEPTION_EVENT, ANTENNA_EVENT = 2, 3, 4, 8


@dataclass(frozen=True, slots=True)
class ReaderModel:
    """What kind of reader it is."""

    n_antennas: int = 4
    has_utc: bool = True
    can_hold: bool = True
    speaks_1_1: bool = False
    manufacturer: int = wire.IMPINJ
    firmware: str = "sim 1.0"


@dataclass(frozen=True, slots=True)
class TagFaults:
    """What the air does to reads, as shares of them: miss some, see some twice, see strangers."""

    missed: float = 0.0
    repeated: float = 0.0
    stray: float = 0.0


@dataclass(slots=True)
class Operation:
    """A reader operation, its state, and what it has seen and not yet reported."""

    spec: RoSpec
    state: int = DISABLED
    seen: dict[tuple[bytes, int], Sighting] = field(default_factory=dict)
    round_us: int = 0
    period_began_us: int = 0


@dataclass(slots=True)
class _Memory:
    """What a reader forgets when it is switched off.

    waits: reports and events are held until the client asks for them. held: reports, each with
    how many tags are in it.
    """

    operations: dict[int, Operation] = field(default_factory=dict)
    events: set[int] = field(default_factory=set)
    keepalive_us: int = 0
    kept_alive_us: int = 0
    holds: bool = False
    waits: bool = False
    version: int = 1
    has_extensions: bool = False
    has_overflown: bool = False
    held: deque[tuple[bytes, int]] = field(default_factory=deque)
    out: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Reader:
    """One reader. tags: antenna to (EPC to RSSI in 1/100 dBm), as they stand now.

    boot_us: when it was started; its clock is `now_us`, its uptime counts from there.
    n_reads: tags put into reports, held ones too. n_lost: of these, what nobody will ever get.
    n_added: operations that were ever set up. held_max: reports held while nobody is connected.
    """

    model: ReaderModel
    random: Random
    boot_us: int
    tags: dict[int, dict[bytes, int]] = field(default_factory=dict)
    faults: TagFaults = TagFaults()
    lost_antennas: set[int] = field(default_factory=set)
    is_connected: bool = False
    n_acks: int = 0
    n_reads: int = 0
    n_lost: int = 0
    n_strays: int = 0
    n_added: int = 0
    held_max: int = HELD_MAX
    _memory: _Memory = field(default_factory=_Memory)

    def operations(self) -> list[RoSpec]:
        """What the reader has been told to do, in whatever state."""
        return [operation.spec for operation in self._memory.operations.values()]

    # ------------------------------------------------------------ connections

    def connect(self, now_us: int) -> list[bytes]:
        """A client is there: greet it."""
        self.is_connected = True
        self._memory.waits = self._memory.holds
        self._memory.version = 1
        self._memory.kept_alive_us = now_us
        return [self.connection_event(0, now_us)]

    def connection_event(self, code: int, now_us: int) -> bytes:
        """ConnectionAttemptEvent (17.2.7.6.10): 0 is success, 2 another client is there."""
        return self._notification(wire.tlv(256, struct.pack("!H", code)), now_us)

    def disconnect(self) -> None:
        """The client is gone; operations go on (10.2)."""
        self.is_connected = False
        self._memory.has_extensions = False

    def restart(self, now_us: int) -> None:
        """Power off and on: everything is forgotten but what stands before the antennas."""
        self.n_lost += sum(n_tags for _, n_tags in self._memory.held)
        self._memory = _Memory()
        self.boot_us = now_us
        self.is_connected = False

    # ------------------------------------------------------------ requests

    def take(self, request: Request, now_us: int) -> list[bytes]:
        """What is sent for a request of the client's."""
        answer = self._answer(request, now_us)
        out, self._memory.out = self._memory.out, []
        return [*answer, *out]

    def _answer(self, request: Request, now_us: int) -> list[bytes]:
        kind, body = request.kind, request.body
        if kind == 72:
            self.n_acks += 1
            return []
        if kind == 64:
            self._release(now_us)
            return []
        is_negotiation = kind in (46, 47)
        if request.version != (2 if is_negotiation else self._memory.version):
            return [self._error(request, wire.UNSUPPORTED_VERSION)]
        if is_negotiation and not self.model.speaks_1_1:
            return [self._error(request, wire.UNSUPPORTED_VERSION)]
        try:
            inside = self._obey(kind, body, now_us)
        except RequestWrong as wrong:
            inside = wire.status(wrong.code, str(wrong))
            if kind == 46:
                inside = b"\0\0" + inside
        if inside is None:
            return [self._error(request, wire.UNSUPPORTED_MESSAGE)]
        answer = 1023 if kind == 1023 else 4 if kind == 14 else kind + 10
        if kind == 1023:
            inside = struct.pack("!LB", wire.IMPINJ, 22) + inside
        version = 2 if is_negotiation else self._memory.version
        return [wire.message(answer, request.identity, inside, version=version)]

    def _error(self, request: Request, code: int) -> bytes:
        inside = wire.status(code, f"message {request.kind}")
        return wire.message(100, request.identity, inside, version=self._memory.version)

    def _obey(self, kind: int, body: bytes, now_us: int) -> bytes | None:
        """The inside of the answer; None for a message that this reader does not know."""
        ok = wire.status()
        match kind:
            case 1:
                return ok + self._capabilities()
            case 2:
                return ok + self._config(*wire.fields("HB", body))
            case 3:
                self._configure(wire.parse_config(body))
            case 14:
                pass
            case 20:
                self._add(wire.parse_rospec(body))
            case 21 | 22 | 23 | 24 | 25:
                self._change(kind, wire.fields("L", body)[0], now_us)
            case 26:
                listed = self._memory.operations.values()
                return ok + b"".join(each.spec.as_listed(each.state) for each in listed)
            case 46:
                return bytes((self._memory.version, 2)) + ok
            case 47:
                self._memory.version = wire.fields("B", body)[0]
            case 1023 if self.model.manufacturer == wire.IMPINJ and body[:5].hex() == "0000651a15":
                self._memory.has_extensions = True
            case _:
                return None
        return ok

    def _capabilities(self) -> bytes:
        model = self.model
        return wire.capabilities(
            n_antennas=model.n_antennas,
            has_utc=model.has_utc,
            can_hold=model.can_hold,
            manufacturer=model.manufacturer,
            firmware=model.firmware,
            powers_centi_dbm=POWERS_CENTI_DBM,
            modes=MODES,
        )

    def _config(self, antenna: int, asked: int) -> bytes:
        if asked not in (0, 2):
            return b""
        every = range(1, self.model.n_antennas + 1) if antenna == 0 else (antenna,)
        return b"".join(
            wire.tlv(221, struct.pack("!BHh", 0x80 * (each not in self.lost_antennas), each, 0))
            for each in every
        )

    def _configure(self, config: wire.Config) -> None:
        if config.holds is not None and not self.model.can_hold:
            raise RequestWrong(wire.UNSUPPORTED_PARAMETER, "EventsAndReports")
        if config.resets:
            self._memory.operations.clear()
        for event, wanted in config.events.items():
            (self._memory.events.add if wanted else self._memory.events.discard)(event)
        if config.keepalive_us is not None:
            self._memory.keepalive_us = config.keepalive_us
        if config.holds is not None:
            self._memory.holds = config.holds

    def _add(self, spec: RoSpec) -> None:
        if spec.identity in self._memory.operations:
            raise RequestWrong(wire.FIELD_ERROR, f"there is a ROSpec {spec.identity}")
        if max(spec.antennas, default=0) > self.model.n_antennas:
            raise RequestWrong(wire.OVERFLOW_FIELD, "an antenna that there is not")
        if spec.power > len(POWERS_CENTI_DBM) or spec.mode not in (None, *MODES):
            raise RequestWrong(wire.OVERFLOW_FIELD, "a power or mode that there is not")
        if spec.wants_impinj_rssi and not self._memory.has_extensions:
            raise RequestWrong(wire.UNSUPPORTED_PARAMETER, "extensions are not enabled")
        self._memory.operations[spec.identity] = Operation(spec)
        self.n_added += 1

    def _change(self, kind: int, identity: int, now_us: int) -> None:
        if identity == 0 and kind == 21:
            for each in list(self._memory.operations):
                self._change(kind, each, now_us)
            return
        operation = self._memory.operations.get(identity)
        if operation is None:
            raise RequestWrong(wire.FIELD_ERROR, f"there is no ROSpec {identity}")
        before = {22: INACTIVE, 23: ACTIVE, 24: DISABLED}.get(kind)
        if before is not None and operation.state != before:
            raise RequestWrong(
                wire.FIELD_ERROR, f"ROSpec {identity} is in state {operation.state}"
            )
        was_active = operation.state == ACTIVE
        operation.state = {22: ACTIVE, 23: INACTIVE, 24: INACTIVE}.get(kind, DISABLED)
        if kind == 22:
            operation.round_us = operation.period_began_us = now_us
            self._tell(ROSPEC_EVENT, wire.tlv(249, struct.pack("!BLL", 0, identity, 0)), now_us)
        elif was_active:
            self._report(operation)
            self._tell(ROSPEC_EVENT, wire.tlv(249, struct.pack("!BLL", 1, identity, 0)), now_us)
        if kind == 21:
            del self._memory.operations[identity]

    # ------------------------------------------------------------ what it says by itself

    def tick(self, now_us: int) -> list[bytes]:
        """Read what stands there, and give what is to be sent by now."""
        if (
            self.is_connected
            and 0 < self._memory.keepalive_us <= now_us - self._memory.kept_alive_us
        ):
            self._memory.kept_alive_us = now_us
            self._memory.out.append(wire.message(62, 0, version=self._memory.version))
        for operation in self._memory.operations.values():
            if operation.state == ACTIVE:
                self._read_round(operation, now_us)
        out, self._memory.out = self._memory.out, []
        return out

    def pass_by(self, epc: bytes, antenna: int, rssi_centi_dbm: int, now_us: int) -> None:
        """A tag is read once by an antenna, by every operation that uses it."""
        for operation in self._memory.operations.values():
            wanted = operation.spec.antennas
            is_read = operation.state == ACTIVE and antenna not in self.lost_antennas
            if is_read and (antenna in wanted or 0 in wanted):
                self._see(operation, epc, antenna, rssi_centi_dbm, now_us)

    def fail(self, text: str, now_us: int) -> None:
        """Something goes wrong inside (ReaderExceptionEvent)."""
        words = text.encode()
        body = wire.tlv(252, struct.pack("!H", len(words)), words)
        self._tell(EXCEPTION_EVENT, body, now_us)

    def set_antenna(self, antenna: int, *, is_connected: bool, now_us: int) -> None:
        """Somebody pulls an antenna's cable, or puts it back."""
        (self.lost_antennas.discard if is_connected else self.lost_antennas.add)(antenna)
        body = wire.tlv(255, struct.pack("!BH", is_connected, antenna))
        self._tell(ANTENNA_EVENT, body, now_us)

    def end_operations(self, now_us: int) -> None:
        """Stop what runs, as a reader does that somebody else gives orders to."""
        for identity, operation in self._memory.operations.items():
            if operation.state == ACTIVE:
                self._change(23, identity, now_us)

    def _read_round(self, operation: Operation, now_us: int) -> None:
        if now_us - operation.round_us >= ROUND_US:
            operation.round_us = now_us
            for antenna, tags in self.tags.items():
                for epc, rssi in tags.items():
                    if self.random.random() < self.faults.missed:
                        continue
                    for _ in range(1 + (self.random.random() < self.faults.repeated)):
                        self.pass_by(epc, antenna, rssi, now_us)
            if self.random.random() < self.faults.stray:
                self.n_strays += 1
                stray = b"\x30" + self.random.randbytes(11)
                self.pass_by(stray, 1, -8800, now_us)
        period_us = operation.spec.period_us
        if 0 < period_us <= now_us - operation.period_began_us:
            operation.period_began_us = now_us
            self._report(operation)

    def _see(
        self, operation: Operation, epc: bytes, antenna: int, rssi_centi_dbm: int, now_us: int
    ) -> None:
        at_us = now_us if self.model.has_utc else now_us - self.boot_us
        seen = operation.seen.get((epc, antenna))
        if seen is None:
            seen = Sighting(epc, antenna, rssi_centi_dbm, 0, at_us, at_us)
        operation.seen[epc, antenna] = replace(
            seen,
            count=seen.count + 1,
            rssi_centi_dbm=max(seen.rssi_centi_dbm, rssi_centi_dbm),
            last_us=at_us,
        )
        if 0 < operation.spec.n_tags <= len(operation.seen):
            self._report(operation)

    def _report(self, operation: Operation) -> None:
        """Send or hold what an operation has seen."""
        if not operation.seen:
            return
        spec, has_utc = operation.spec, self.model.has_utc
        tags = [wire.tag_report(each, spec, has_utc=has_utc) for each in operation.seen.values()]
        n_tags = len(tags)
        operation.seen.clear()
        self.n_reads += n_tags
        report = wire.message(61, 0, b"".join(tags), version=self._memory.version)
        if self.is_connected and not self._memory.waits:
            self._memory.out.append(report)
        elif self._memory.holds and len(self._memory.held) < self.held_max:
            self._memory.held.append((report, n_tags))
        else:
            self._memory.has_overflown = self._memory.holds
            self.n_lost += n_tags

    def _release(self, now_us: int) -> None:
        """The client wants what was held (16.1.34)."""
        self._memory.waits = False
        self._memory.out += [report for report, _ in self._memory.held]
        self._memory.held.clear()
        if self._memory.has_overflown:
            self._memory.has_overflown = False
            self._memory.out.append(self._notification(wire.tlv(251), now_us))

    def _tell(self, event: int, body: bytes, now_us: int) -> None:
        if event in self._memory.events and self.is_connected and not self._memory.waits:
            self._memory.out.append(self._notification(body, now_us))

    def _notification(self, event: bytes, now_us: int) -> bytes:
        has_utc, version = self.model.has_utc, self._memory.version
        at_us = now_us if has_utc else now_us - self.boot_us
        return wire.notification(at_us, event, has_utc=has_utc, version=version)
