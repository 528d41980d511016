"""Tries out whether a broker does what the gateway relies on: a client of its own, gone after.

What is tried, in MQTT 3.1.1, which every broker speaks
    round trip  a message on the gateway's own topic comes back to who has subscribed to it
    absence     MESSAGES of them, published and acknowledged while their subscriber is away, wait
                for it. Brokers have failed here in silence: Mosquitto 2.0.12 to 2.0.18 with
                `per_listener_settings`, any broker whose queue is short, any that forgets sessions
Nothing of it stays in the broker. A broker that names its clients by their users
(`use_username_as_clientid`) takes a second client for the gateway itself: that is seen, because a
client that never was has a session then, and the trial ends before it touches anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from gateway.errors import LinkLost
from gateway.links.mqtt_client import set_credentials
from gateway.settings import MqttSettings

MESSAGES: Final = 200
"""More than the queue of a broker that was set up to forget."""
TRIAL_S: Final = 10.0
"""For all of it; what takes longer is called missing."""
CONNECT_S: Final = 5.0
STEP_S: Final = 0.1


class SameSession(LinkLost):
    """The broker takes the trial's client for the gateway."""


class Patience:
    """How long a trial may take. monotonic: seconds; is_over: whether nobody waits for it now."""

    def __init__(self, monotonic: Callable[[], float], is_over: Callable[[], bool]) -> None:
        self._monotonic, self._is_over = monotonic, is_over
        self._deadline_s = monotonic() + TRIAL_S

    def lasts(self, link: str) -> bool:
        """Whether there is time left. Raises LinkLost when nobody waits."""
        if self._is_over():
            raise LinkLost(link, "the trial was broken off")
        return self._monotonic() < self._deadline_s


class _Guest:
    """One connection; blocks. is_passing: the broker is to keep nothing for this name."""

    def __init__(
        self,
        settings: MqttSettings,
        name: str,
        patience: Patience,
        *,
        is_passing: bool,
    ) -> None:
        self.link = f"mqtt://{settings.host}:{settings.port}"
        self.heard: set[bytes] = set()
        self.has_session = False
        self._patience = patience
        self._is_connected: bool | None = None
        self._granted: list[bool] = []
        self._n_acknowledged = 0
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv311,
            clean_session=is_passing, manual_ack=True, reconnect_on_failure=False,
        )  # fmt: skip
        self.client.connect_timeout = CONNECT_S
        set_credentials(self.client, settings)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_publish = self._on_publish
        self.client.on_message = self._on_message

    def _on_connect(
        self, _c: object, _u: object, flags: mqtt.ConnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        self._is_connected, self.has_session = not reason.is_failure, flags.session_present

    def _on_subscribe(
        self, _c: object, _u: object, _mid: int, reasons: list[ReasonCode], _p: object
    ) -> None:
        self._granted = [not reason.is_failure for reason in reasons]

    def _on_publish(self, *_: object) -> None:
        self._n_acknowledged += 1

    def _on_message(self, client: mqtt.Client, _u: object, message: mqtt.MQTTMessage) -> None:
        self.heard.add(bytes(message.payload))
        client.ack(message.mid, message.qos)

    def arrive(self, settings: MqttSettings) -> None:
        """Connect. Raises OSError, LinkLost."""
        self.client.connect(settings.host, settings.port, settings.keep_alive_s)
        if not self.until(lambda: self._is_connected is not None) or not self._is_connected:
            raise LinkLost(self.link, "a second client was not let in")

    def may_hear(self, topic: str) -> bool:
        """Subscribe; False if the broker refuses."""
        self.client.subscribe(topic, qos=1)
        return self.until(lambda: bool(self._granted)) and all(self._granted)

    def say(self, topic: str, payloads: list[bytes]) -> bool:
        """Publish; whether the broker acknowledged all of it."""
        for payload in payloads:
            self.client.publish(topic, payload, qos=1)
        return self.until(lambda: self._n_acknowledged == len(payloads))

    def until(self, is_so: Callable[[], bool]) -> bool:
        """Serve the connection until something is so; False if it is not in time."""
        while not is_so():
            if not self._patience.lasts(self.link):
                return False
            if (code := self.client.loop(STEP_S)) != mqtt.MQTT_ERR_SUCCESS:
                raise LinkLost(self.link, mqtt.error_string(code))
        return True


@contextlib.contextmanager
def _guest(
    settings: MqttSettings, name: str, patience: Patience, *, is_passing: bool = False
) -> Iterator[_Guest]:
    """A guest that is there; it leaves in order."""
    guest = _Guest(settings, name, patience, is_passing=is_passing)
    guest.arrive(settings)
    try:
        yield guest
    finally:
        guest.client.disconnect()


def try_broker(settings: MqttSettings, *, name: str, topic: str, patience: Patience) -> str | None:
    """What the broker does not do, None if it does all; blocks.

    name: of the clients, which nobody ever used. Raises OSError or LinkLost when the broker is
    not reached, and then nothing is known of it, and SameSession.
    """
    with _guest(settings, name, patience) as guest:
        if guest.has_session:
            raise SameSession(guest.link, "the broker names its clients by their users")
    try:
        return _try_out(settings, name, topic, patience)
    finally:
        with (
            contextlib.suppress(OSError, LinkLost),
            _guest(settings, name, patience, is_passing=True),
        ):
            pass  # as a passing guest it has the broker drop the session


def _try_out(settings: MqttSettings, name: str, topic: str, patience: Patience) -> str | None:
    first = f"{name}/0".encode()
    rest = [f"{name}/{n}".encode() for n in range(1, MESSAGES + 1)]
    with _guest(settings, name, patience) as guest:
        if not guest.may_hear(topic):
            return f"it does not let the gateway subscribe to {topic}"
        try:
            is_acknowledged = guest.say(topic, [first])
            is_delivered = is_acknowledged and guest.until(lambda: first in guest.heard)
        except LinkLost:  # as Mosquitto 2.0.11 may do where its access list forbids it
            return f"it ends the connection of who publishes to {topic}"
    if not is_acknowledged:
        return f"it does not acknowledge what is published to {topic}"
    if not is_delivered:
        return f"it acknowledges what is published to {topic} and does not deliver it"
    with _guest(settings, f"{name}-out", patience, is_passing=True) as other:
        if not other.say(topic, rest):
            return f"it does not acknowledge {MESSAGES} messages in a row"
    with _guest(settings, name, patience) as guest:
        if not guest.has_session:
            return "it forgets the session of a client that is away"
        guest.until(lambda: guest.heard.issuperset(rest))
        n_kept = len(guest.heard.intersection(rest))
    if n_kept < MESSAGES:
        return (
            f"of {MESSAGES} messages that it acknowledged for a client that was away it kept"
            f" {n_kept}: its queue is too short, or it keeps none"
        )
    return None
