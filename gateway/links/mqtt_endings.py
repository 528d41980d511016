"""What it means when a broker ends a connection and does not say why.

    taken over   somebody else connected with our client id. An MQTT 5 broker must say so (reason
                 code 0x8E; MQTT 5.0, 3.1.4), but Mosquitto 2.0.11 does not, and 3.1.1 knows no
                 word for it. Each of the two then throws the other out, again and again.
    too new      a broker that knows 3.1.1 alone drops a CONNECT of MQTT 5 without an answer.

A broker that is restarted ends connections without a word too, at any moment of their lives. But
then nobody listens at its address just now: so its address is tried at once.
"""

from __future__ import annotations

import socket
from typing import Final

from gateway.settings import MqttSettings

STABLE_S: Final = 30.0
"""A connection that lived this long was not taken over soon after it began."""
TAKEOVERS_SUSPECTED: Final = 3
"""So many short lives in a row at a broker that was there all the time."""
PROBE_S: Final = 1.0


def is_listening(settings: MqttSettings) -> bool:
    """Whether the broker accepts connections now; blocks, for PROBE_S at most."""
    try:
        with socket.create_connection((settings.host, settings.port), PROBE_S):
            return True
    except OSError:
        return False


class SilentEndings:
    """Counts the connections that ended without a word."""

    def __init__(self) -> None:
        self.n_short = 0

    def is_takeover(self, lived_s: float, broker_is_there: bool) -> bool:
        """Take in one; True if somebody else must be using our client id."""
        is_short = lived_s <= STABLE_S and broker_is_there
        self.n_short = self.n_short + 1 if is_short else 0
        return self.n_short >= TAKEOVERS_SUSPECTED
