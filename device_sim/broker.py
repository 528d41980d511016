"""A simulated device's connection to the broker: paho with its own thread, like most firmware.

Speaks MQTT 5 where the broker does and 3.1.1 where not. Reconnects by itself. A device's last
will says `offline` on its status topic, its first word is `online`, both retained.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

KEEP_ALIVE_S: Final = 15
PROBE_S: Final = 5.0
ONLINE: Final = b'{"v":1,"status":"online"}'
OFFLINE: Final = b'{"v":1,"status":"offline"}'


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """From HOST:PORT. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ValueError(f"{text!r} is not HOST:PORT")
        return cls(host.strip("[]"), int(port))


def topic(warehouse: str, device: str, channel: str) -> str:
    """The contract's topic of a device's channel."""
    return f"forepost/v1/{warehouse}/{device}/{channel}"


def find_protocol(endpoint: Endpoint) -> MQTTProtocolVersion:
    """MQTT 5 if the broker takes such a connection, else 3.1.1. Raises OSError if none answers."""
    answered = threading.Event()
    codes: list[ReasonCode] = []
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"probe-{secrets.token_hex(4)}",
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
    )

    def on_connect(
        _c: mqtt.Client, _u: object, _f: mqtt.ConnectFlags, code: ReasonCode, _p: object
    ) -> None:
        codes.append(code)
        answered.set()

    client.on_connect = on_connect
    client.on_disconnect = lambda *_: answered.set()
    client.connect(endpoint.host, endpoint.port, KEEP_ALIVE_S)
    client.loop_start()
    answered.wait(PROBE_S)
    client.disconnect()
    client.loop_stop()
    is_5 = bool(codes) and not codes[0].is_failure
    return MQTTProtocolVersion.MQTTv5 if is_5 else MQTTProtocolVersion.MQTTv311


class DeviceClient:
    """One device at the broker. `on_message(topic, payload)` runs on the event loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        warehouse: str,
        device: str,
        subscriptions: Sequence[str] = (),
        on_message: Callable[[str, bytes], None] | None = None,
        on_state: Callable[[bool], None] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._device = device
        self._status_topic = topic(warehouse, device, "status")
        self._subscriptions = subscriptions
        self._on_message = on_message
        self._on_state = on_state
        self._client: mqtt.Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.protocol = MQTTProtocolVersion.MQTTv5
        self.is_connected = False

    async def start(self) -> None:
        """Begin to connect; goes on in the background. Raises OSError if no broker is there."""
        self._loop = asyncio.get_running_loop()
        self.protocol = await asyncio.to_thread(find_protocol, self._endpoint)
        self._connect()

    def _connect(self) -> None:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self._device, protocol=self.protocol
        )
        client.max_inflight_messages_set(1000)
        client.reconnect_delay_set(1, 5)
        client.will_set(self._status_topic, OFFLINE, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_disconnect = lambda *_: self._call(self._set_state, False)
        client.on_message = lambda _c, _u, message: self._call(
            self._received, message.topic, bytes(message.payload)
        )
        client.connect_async(self._endpoint.host, self._endpoint.port, KEEP_ALIVE_S)
        client.loop_start()
        self._client = client

    def publish(self, topic_name: str, payload: bytes) -> bool:
        """Hand a QoS 1 message to the connection; False if there is none now."""
        if self._client is None or not self.is_connected:
            return False
        info = self._client.publish(topic_name, payload, qos=1)
        return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    async def leave(self) -> None:
        """Be out of reach without a word, as behind a steel door; `come_back` ends it."""
        client, self._client = self._client, None
        if client is None:
            return
        await asyncio.to_thread(client.loop_stop)
        sock = client.socket()
        if isinstance(sock, socket.socket):
            # Reset, so that the broker hears of it; a clean goodbye would send no last will.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        self._set_state(False)

    def come_back(self) -> None:
        """Be in reach again; nothing if it never left."""
        if self._client is None:
            self._connect()

    async def stop(self) -> None:
        """Say goodbye and close."""
        client, self._client = self._client, None
        if client is not None:
            client.publish(self._status_topic, OFFLINE, qos=1, retain=True)
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)

    def _connected(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        code: ReasonCode,
        _properties: object,
    ) -> None:
        if code.is_failure:
            return
        for topic_filter in self._subscriptions:
            client.subscribe(topic_filter, qos=1)
        client.publish(self._status_topic, ONLINE, qos=1, retain=True)
        self._call(self._set_state, True)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        """Run a callback on the loop, unless the loop has ended."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _set_state(self, is_connected: bool) -> None:
        self.is_connected = is_connected
        if self._on_state is not None:
            self._on_state(is_connected)

    def _received(self, topic_name: str, payload: bytes) -> None:
        if self._on_message is not None:
            self._on_message(topic_name, payload)
