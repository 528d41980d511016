"""A bare MQTT device for tests: publishes what it is told, keeps what comes back."""

from __future__ import annotations

import contextlib
import json
import queue
from collections.abc import Iterator

import paho.mqtt.client as mqtt

from tests.rigs.guard import GUARD_S


class Device:
    """One PDA or sensor of warehouse J1, by paho's own threaded loop."""

    def __init__(self, port: int, name: str) -> None:
        self.name = name
        self._topic = f"forepost/v1/J1/{name}"
        self.results: queue.Queue[dict[str, object]] = queue.Queue()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5
        )
        self._client.on_message = self._on_message
        self._subscribed: queue.Queue[None] = queue.Queue()
        self._client.on_subscribe = lambda *_: self._subscribed.put(None)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(f"{self._topic}/result", qos=1)
        self._subscribed.get(timeout=GUARD_S)

    def _on_message(self, _client: object, _userdata: object, message: mqtt.MQTTMessage) -> None:
        self.results.put(json.loads(message.payload))

    def publish(self, channel: str, payload: bytes | dict[str, object]) -> None:
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._client.publish(f"{self._topic}/{channel}", raw, qos=1).wait_for_publish(GUARD_S)

    def scan(self, seq: int, data: str, **task: object) -> None:
        scan = {"v": 1, "boot": "boot-1", "seq": seq, "data": data, "symbology": "GS1_128"}
        self.publish("scan", scan | ({"task": task} if task else {}))

    def result(self, limit_s: float = GUARD_S) -> dict[str, object]:
        """The next result. Raises queue.Empty."""
        return self.results.get(timeout=limit_s)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def device(port: int, name: str = "pda-1") -> Iterator[Device]:
    """A device for the time of the context."""
    it = Device(port, name)
    try:
        yield it
    finally:
        it.close()
