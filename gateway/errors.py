"""What can go wrong in the gateway, as one tree; the class says what to do about it.

GatewayError
├── ConfigError          the configuration is wrong: stop, exit code 2, one line
├── DeviceError          one device is in trouble: the others go on
│   ├── LinkLost         the cable, port or broker is gone: retry with back-off
│   └── FrameCorrupt     bytes broke the protocol: set aside, count, go on
├── JournalError         the journal cannot do what was asked
│   ├── JournalFull      no room: push back on devices, raise an alarm, retry
│   ├── JournalUnwritable the disk takes nothing, however much room it has: the same
│   └── JournalCorrupt   content contradicts its checksum: stop using the file
├── SyncError            the cloud could not be told
│   ├── CloudUnavailable no answer, or one that says "later": retry with back-off
│   └── BatchRefused     the cloud answered "never like this": do not resend unchanged
├── BrokerError          the broker's certificates or configuration cannot be made
└── PlanError            no plan could be made: fall back, say so
"""

from __future__ import annotations


class GatewayError(Exception):
    """Anything the gateway raises on purpose."""


class ConfigError(GatewayError):
    """A setting is missing or wrong; the message starts with the file and the key's path."""


class DeviceError(GatewayError):
    """One device is in trouble."""


class LinkLost(DeviceError):
    """The way to a device is gone; `cause` says how it went."""

    def __init__(self, link: str, reason: str) -> None:
        super().__init__(f"{link}: {reason}")
        self.link, self.reason = link, reason


class FrameCorrupt(DeviceError):
    """Bytes broke the protocol (length, checksum, reserved value or structure)."""

    def __init__(self, source: str, raw: bytes, reason: str) -> None:
        super().__init__(f"{source}: {reason} in {len(raw)} bytes {raw[:16].hex()}")
        self.source, self.raw, self.reason = source, raw, reason


class JournalError(GatewayError):
    """The journal cannot do what was asked."""


class JournalFull(JournalError):
    """There is no room for another event; nothing was written."""


class JournalUnwritable(JournalError):
    """The disk takes nothing: it is read-only or broken. What was written is unknown."""


class JournalCorrupt(JournalError):
    """A row contradicts its checksum, or SQLite found the file damaged."""


class SyncError(GatewayError):
    """The cloud could not be told."""


class CloudUnavailable(SyncError):
    """No answer, or one that says "later"; `retry_after_s` is what it asked for, if it did."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BatchRefused(SyncError):
    """The cloud refused for a reason that a retry cannot mend.

    `code` is the contract's word for it (`gap`, `forked`, `fenced`, `unauthorised` …) and
    `expected_seq` the sequence number the cloud wants next, where it said so.
    """

    def __init__(self, message: str, *, code: str, expected_seq: int | None = None) -> None:
        super().__init__(message)
        self.code, self.expected_seq = code, expected_seq


class BrokerError(GatewayError):
    """A certificate or the configuration of the broker cannot be made or read."""


class PlanError(GatewayError):
    """No plan could be made; the message names the binding constraint or the failure."""
