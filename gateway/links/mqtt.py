"""The gateway's session at its broker: paho-mqtt, driven by the event loop.

What this adds to paho
- PUBACK is sent when the message's owner says so (`manual_ack`), and only on the connection the
  message came on: packet ids start anew with every connection, and an old acknowledgement would
  hit somebody else's message. PUBACKs leave in the order the messages came, whatever the order
  their owners are done in (MQTT 5.0 and 3.1.1, 4.6); some brokers drop who does otherwise.
- Back-pressure: when a handler has no room the socket is not read any more, because brokers do
  not keep to their in-flight window.
- MQTT 5 first; a broker that drops that connection is spoken to in 3.1.1.
- Somebody else with our client id is recognised and named instead of fought.

Bounds: messages held back while paused: what was read already (a few); outgoing messages: those
of the outbox, which refuses and counts what is above.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.links.backoff import full_jitter
from gateway.links.mqtt_client import BufferedClient, BufferedSocket, first_connect, make_client
from gateway.links.mqtt_endings import STABLE_S, SilentEndings, is_listening
from gateway.links.mqtt_outbox import WINDOW_MAX, Outbox, Outgoing
from gateway.links.mqtt_routes import Handler, Routes
from gateway.links.rests import Rests
from gateway.ports import Clock, MqttMessage
from gateway.settings import MqttSettings

logger = logging.getLogger(__name__)

MISC_PERIOD_S: Final = 1.0
PACKETS_PER_TURN: Final = 200
BACKOFF_CAP_S: Final = 30.0
TAKEN_OVER: Final = 0x8E
"""Reason code "Session taken over" (MQTT 5.0, 3.14.2.1)."""
UNSUPPORTED_PROTOCOL: Final = 0x84


@dataclass(slots=True)
class _Unacknowledged:
    """A QoS 1 message the broker waits for; is_done: its owner has said so.

    generation: of its connection. packet_id: 0 for QoS 0.
    """

    session: PahoSession
    generation: int
    packet_id: int
    is_done: bool = False

    def acknowledge(self) -> None:
        """What the owner calls."""
        self.is_done = True
        self.session.acknowledge_in_order(self.generation)


class PahoSession:
    """Implements ports.MqttSession."""

    def __init__(
        self, settings: MqttSettings, *, client_id: str, clock: Clock, random: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._clock = clock
        self._rests = Rests(clock.monotonic())
        self._random = random
        self._routes = Routes()
        self._held: deque[MqttMessage] = deque()
        self._unacknowledged: deque[_Unacknowledged] = deque()
        self._outbox = Outbox()
        self._protocol: int = mqtt.MQTTv5
        self._client: BufferedClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lost: asyncio.Event = asyncio.Event()
        self._lost_reason = ""
        self._generation = 0
        self._is_connected = False
        self._ended_silently: bool | None = None
        self._endings = SilentEndings()
        self._is_reported_lost = False
        self._is_stopped = False
        self.n_pauses = self.n_forgotten = 0

    @property
    def is_connected(self) -> bool:
        """True between CONNACK and the loss of the connection."""
        return self._is_connected

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Route matching messages to `handler`, now and after every reconnect."""
        self._routes.add(topic_filter, handler)
        if self._client is not None and self._is_connected:
            self._client.subscribe(topic_filter, qos=1)

    def unsubscribe(self, topic_filter: str, handler: Handler) -> None:
        """Route no more of it to `handler`; the broker sends none if nobody else asks."""
        is_unused = self._routes.remove(topic_filter, handler)
        if is_unused and self._client is not None and self._is_connected:
            self._client.unsubscribe(topic_filter)

    @property
    def is_holding(self) -> bool:
        """Whether somebody had no room for a message, which waits with all behind it."""
        return bool(self._held)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Queue a QoS 1 message; it leaves as soon as the broker is there."""
        self._outbox.put(Outgoing(topic, payload, retain))

    def resume(self) -> None:
        """Offer what was held back and read on."""
        while self._held:
            if not self._offer(self._held[0]):
                return
            self._held.popleft()
        self._watch_reads()
        self._read()

    # ------------------------------------------------------------ life

    async def run(self) -> None:
        """Stay connected until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._is_stopped = False
        attempt = 0
        try:
            while True:
                began = self._clock.monotonic()
                try:
                    await self._serve_once()
                except (OSError, TimeoutError, ValueError) as error:
                    self._lost_reason = str(error) or "no answer"
                lived_s = self._clock.monotonic() - began
                attempt = 0 if lived_s > STABLE_S else attempt + 1
                await self._judge_silence(lived_s)
                self._report_lost()
                random, cap_s = self._random, BACKOFF_CAP_S
                await asyncio.sleep(full_jitter(attempt, base_s=0.25, cap_s=cap_s, random=random))
        finally:
            self._hang_up()

    async def _judge_silence(self, lived_s: float) -> None:
        """What a connection meant that ended without a word (mqtt_endings)."""
        was_connected, self._ended_silently = self._ended_silently, None
        if was_connected is None:
            return
        is_there = await asyncio.to_thread(is_listening, self._settings)
        if not was_connected:
            self._fall_back_from_5(is_there)
        elif self._endings.is_takeover(lived_s, is_there):
            self._report_taken_over(f"{self._endings.n_short} connections lost at once")

    def _report_lost(self) -> None:
        """One line for each loss, however many attempts follow."""
        if not self._is_reported_lost:
            logger.warning(
                "broker lost",
                extra={"action": "link_lost", "link": self._url, "reason": self._lost_reason},
            )
        self._is_reported_lost = True

    @property
    def _url(self) -> str:
        return f"mqtt://{self._settings.host}:{self._settings.port}"

    async def _serve_once(self) -> None:
        """One connection from beginning to end."""
        self._lost, self._lost_reason = asyncio.Event(), ""
        self._generation += 1
        self._held.clear()
        self._unacknowledged.clear()
        client = self._client or self._make_client()
        self._client = client
        # Connecting blocks on names and hosts that do not answer; the loop must not.
        await asyncio.to_thread(self._connect, client)
        while not self._lost.is_set():
            client.loop_misc()
            try:
                async with asyncio.timeout(MISC_PERIOD_S):
                    await self._lost.wait()
            except TimeoutError:
                continue

    def _connect(self, client: BufferedClient) -> None:
        """In a thread, which goes on if the session is stopped meanwhile: then it hangs up."""
        if client.socket() is None and self._generation == 1:
            first_connect(client, self._settings)
        else:
            client.reconnect()
        if self._is_stopped:
            self._call(self._hang_up)

    def _make_client(self) -> BufferedClient:
        client = make_client(self._settings, self._client_id, self._protocol)
        client.on_unsent = lambda sock: self._call(self._add_writer, sock)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish_received = self._on_publish
        client.on_acknowledged = self._outbox.acknowledged
        client.on_socket_open = lambda _c, _u, sock: self._call(self._on_open, sock)
        client.on_socket_close = lambda _c, _u, sock: self._call(self._on_close, sock)
        client.on_socket_register_write = lambda _c, _u, sock: self._call(self._add_writer, sock)
        client.on_socket_unregister_write = lambda _c, _u, sock: self._call(
            self._remove_writer, sock
        )
        return client

    def _hang_up(self) -> None:
        self._is_stopped, self._is_connected = True, False
        self._outbox.disconnected()
        if self._client is not None:
            self._client.hang_up()

    # ------------------------------------------------------------ paho's callbacks

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: object,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._lost_reason = f"refused: {reason}"
            self._fall_back_from_5(reason.value == UNSUPPORTED_PROTOCOL)
            client.disconnect()
            return
        self._is_connected = True
        self._is_reported_lost = False
        self.n_forgotten += not flags.session_present
        for topic_filter in self._routes.filters():
            client.subscribe(topic_filter, qos=1)
        if self._client is not None:
            self._outbox.connected(
                self._client.send_packet,
                self._client.new_packet_id,
                is_v5=self._protocol == mqtt.MQTTv5,
                has_session=flags.session_present,
                receive_maximum=getattr(properties, "ReceiveMaximum", WINDOW_MAX),
            )
        logger.info(
            "broker reached",
            extra={
                "action": "link_up",
                "link": self._url,
                "session_present": flags.session_present,
                "protocol": self._protocol,
            },
        )

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _flags: object,
        reason: ReasonCode,
        _p: object,
    ) -> None:
        was_connected, self._is_connected = self._is_connected, False
        self._outbox.disconnected()
        code = getattr(reason, "value", None)
        if was_connected and code == TAKEN_OVER:
            self._report_taken_over("the broker says so")
        elif was_connected or not self._lost_reason:
            self._lost_reason = str(reason) if was_connected else "dropped before CONNACK"
            self._ended_silently = was_connected
        self._call(self._lost.set)

    def _report_taken_over(self, evidence: str) -> None:
        self._lost_reason = "another client uses this gateway's id"
        logger.error(
            "another client uses this gateway's id; give one of them its own",
            extra={"action": "id_clash", "id": self._client_id, "evidence": evidence},
        )

    def _fall_back_from_5(self, is_too_new: bool) -> None:
        if is_too_new and self._protocol == mqtt.MQTTv5:
            self._protocol = mqtt.MQTTv311
            self._client = None
            self._generation = 0

    def _on_publish(self, topic: str, payload: bytes, packet_id: int, is_retained: bool) -> None:
        entry = _Unacknowledged(self, self._generation, packet_id)
        if packet_id:
            self._unacknowledged.append(entry)
        message = MqttMessage(topic, payload, is_retained, entry.acknowledge)
        self._rests.n_messages += 1
        if self._held or not self._offer(message):
            self._held.append(message)
            self._pause()

    def acknowledge_in_order(self, generation: int) -> None:
        """Send the PUBACKs that are due, if the connection `generation` is still the one."""
        client, waiting = self._client, self._unacknowledged
        if client is None or generation != self._generation or not self._is_connected:
            return
        while waiting and waiting[0].is_done:
            client.acknowledge(waiting.popleft().packet_id)

    def _offer(self, message: MqttMessage) -> bool:
        """Find somebody who takes the message; False if that somebody has no room."""
        for handler in self._routes.of(message.topic):
            is_taken = handler(message)
            if is_taken is not None:
                return is_taken
        message.acknowledge()  # a subscription of an older configuration, or a stranger
        return True

    # ------------------------------------------------------------ the socket

    def _call(self, what: Callable[..., None], *arguments: object) -> None:
        """Run on the event loop: paho's callbacks come from the connecting thread too."""
        if self._loop is not None and not self._loop.is_closed():
            try:
                is_inside = asyncio.get_running_loop() is self._loop
            except RuntimeError:
                is_inside = False
            if is_inside:
                what(*arguments)
            else:
                self._loop.call_soon_threadsafe(what, *arguments)

    def _on_open(self, sock: object) -> None:
        self._watch_reads()

    def _on_close(self, sock: object) -> None:
        if self._loop is not None and isinstance(sock, BufferedSocket) and sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
        self._lost.set()

    def _socket(self) -> BufferedSocket | None:
        sock = self._client.socket() if self._client is not None else None
        return sock if isinstance(sock, BufferedSocket) and sock.fileno() >= 0 else None

    def _watch_reads(self) -> None:
        sock = self._socket()
        if self._loop is not None and sock is not None and not self._held:
            self._loop.add_reader(sock, self._read)

    def _pause(self) -> None:
        sock = self._socket()
        if self._loop is not None and sock is not None and len(self._held) == 1:
            self.n_pauses += 1
            self._loop.remove_reader(sock)

    def _read(self) -> None:
        client, sock = self._client, self._socket()
        if client is None or sock is None or self._loop is None:
            return
        for n_read in range(PACKETS_PER_TURN):
            if self._held or sock is not self._socket():
                return
            if not client.read_packet():
                rest_s = self._rests.after(n_read, self._clock.monotonic())
                if rest_s and sock is self._socket():
                    self._loop.remove_reader(sock)
                    self._loop.call_later(rest_s, self._watch_reads)
                return
        # The descriptor knows nothing of what is in the buffer already; others go first.
        self._loop.call_soon(self._read)

    def _write(self) -> None:
        client, sock = self._client, self._socket()
        if client is None or sock is None:
            return
        client.loop_write()
        try:
            sock.flush()
        except OSError as error:
            self._lost_reason = str(error)
            self._lost.set()
        if not client.want_write():
            self._remove_writer(sock)

    def _add_writer(self, _sock: object) -> None:
        sock = self._socket()
        if self._loop is not None and sock is not None:
            self._loop.add_writer(sock, self._write)

    def _remove_writer(self, sock: object) -> None:
        if self._loop is None or not isinstance(sock, BufferedSocket) or sock.n_unsent:
            return
        if sock.fileno() >= 0:
            self._loop.remove_writer(sock)
