"""thingsboard-gateway under measure: its configuration, its uplink, one flood.

Its settings are the ones under which it is fastest: SQLite storage, a read batch of 1000, no rate
limits, no statistics, no remote configuration. Its platform is played by a counting client at a
second broker, which answers its question about limits and its requests for attributes.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from paho.mqtt import client as mqtt

from benchmarks.edge_programs import cpu_s, peak_mib, wait_until
from tests.rigs.broker import free_port, running_broker

LIMITS = {
    "maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": {}, "gatewayRateLimits": {}
}  # fmt: skip
NO_LIMITS = (
    "rateLimits", "dpRateLimits", "messagesRateLimits", "deviceMessagesRateLimits",
    "deviceRateLimits", "deviceDpRateLimits",
)  # fmt: skip
# It must not get its own calls back; a real platform is no plain broker.
ACL = (
    "user TOKEN\ntopic write #\ntopic read v1/devices/me/rpc/response/#\n"
    "topic read v1/devices/me/attributes/response/#\n\nuser cloud\ntopic readwrite #\n"
)


class Platform:
    """Counts readings by their identity."""

    def __init__(self, port: int) -> None:
        self.seen: Counter[int] = Counter()
        self.last_s = time.monotonic()
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="platform")
        client.username_pw_set("cloud")
        client.on_connect = lambda client, *_: client.subscribe("v1/#", qos=1)
        client.on_message = self._on_message
        client.connect("127.0.0.1", port)
        client.loop_start()
        self._client = client

    def _on_message(self, client: mqtt.Client, _userdata: object, said: mqtt.MQTTMessage) -> None:
        number = said.topic.rpartition("/")[2]
        if said.topic == "v1/gateway/telemetry":
            self.last_s = time.monotonic()
            for items in json.loads(said.payload).values():
                self.seen.update(int(item.get("values", item)["eid"]) for item in items)
        elif said.topic.startswith("v1/devices/me/rpc/request/"):
            if b"getSessionLimits" in said.payload:
                answer = json.dumps(LIMITS)
                client.publish(f"v1/devices/me/rpc/response/{number}", answer, qos=1)
        elif said.topic.startswith("v1/devices/me/attributes/request/"):
            client.publish(f"v1/devices/me/attributes/response/{number}", "{}", qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def write_configuration(directory: Path, device_port: int, up_port: int) -> Path:
    """Its configuration directory."""
    place = directory / "config"
    place.mkdir()
    (directory / "logs").mkdir()
    keys = {"eid": "integer", "t": "double", "h": "integer", "zone": "string", "pad": "string"}
    up = {
        "host": "127.0.0.1", "port": up_port, "remoteShell": False, "remoteConfiguration": False,
        "statistics": {"enable": False}, "maxPayloadSizeBytes": 65536, "minPackSendDelayMS": 50,
        "minPackSizeToSend": 500, "checkConnectorsConfigurationInSeconds": 60,
        "handleDeviceRenaming": False, "qos": 1, "reportStrategy": {"type": "ON_RECEIVED"},
        "security": {"type": "accessToken", "accessToken": "TOKEN"},
        "checkingDeviceActivity": {"checkDeviceInactivity": False},
        **dict.fromkeys(NO_LIMITS, "0:0,"),
    }  # fmt: skip
    storage = {
        "type": "sqlite", "data_file_path": f"{directory}/data/", "messages_ttl_in_days": 7,
        "data_folder_path": f"{directory}/data/", "messages_ttl_check_in_hours": 1,
        "max_read_records_count": 1000, "read_records_count": 1000,
        "max_records_count": 1_000_000, "max_file_count": 10, "max_records_per_file": 10_000,
    }  # fmt: skip
    connector = {"type": "mqtt", "name": "devices", "configuration": "mqtt.json"}
    main = {
        "thingsboard": up, "storage": storage, "grpc": {"enabled": False},
        "connectors": [connector],
    }  # fmt: skip
    name = {
        "deviceNameExpressionSource": "topic",
        "deviceNameExpression": "(?<=forepost/v1/)(.*?)(?=/climate)",
        "deviceProfileExpressionSource": "constant", "deviceProfileExpression": "climate",
    }  # fmt: skip
    converter = {
        "type": "json", "deviceInfo": name, "sendDataOnlyOnChange": False, "timeout": 60000,
        "attributes": [],
        "timeseries": [{"type": t, "key": k, "value": f"${{{k}}}"} for k, t in keys.items()],
    }  # fmt: skip
    broker = {
        "host": "127.0.0.1", "port": device_port, "clientId": "peer", "version": 4,
        "maxMessageNumberPerWorker": 10, "maxNumberOfWorkers": 100, "cleanSession": False,
        "cleanStart": False, "sessionExpiryInterval": 0, "security": {"type": "anonymous"},
    }  # fmt: skip
    topics = {
        "topicFilter": "forepost/v1/+/+/climate", "subscriptionQos": 1, "converter": converter
    }  # fmt: skip
    requests = (
        "connectRequests", "disconnectRequests", "attributeRequests", "attributeUpdates",
        "serverSideRpc",
    )  # fmt: skip
    devices = {
        "broker": broker, "mapping": [topics],
        "requestsMapping": {kind: [] for kind in requests},
    }  # fmt: skip
    (place / "tb_gateway.json").write_text(json.dumps(main))
    (place / "mqtt.json").write_text(json.dumps(devices))
    return place


def run_flood(
    command: str,
    directory: Path,
    port: int,
    start_publisher: Callable[[], Callable[[], None]],
    *,
    probe_topic: str,
    n_messages: int,
) -> dict[str, float]:
    """One flood from the device broker at `port`; start_publisher gives what waits for its end."""
    up_port = free_port()
    uplink = directory / "uplink"
    uplink.mkdir()
    place = write_configuration(directory, port, up_port)
    acl = uplink / "acl"
    acl.write_text(ACL)
    config = (
        f"listener {up_port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n"
        f"max_queued_messages 0\nmax_inflight_messages 200\nacl_file {acl}\n"
    )
    with running_broker(uplink, up_port, config):
        platform = Platform(up_port)
        log = directory / "peer.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                shlex.split(command),
                cwd=directory,
                env={**os.environ, "TB_GW_CONFIG_DIR": str(place)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        try:
            _probe(port, probe_topic, platform)
            before_s, begun_s = cpu_s(process.pid), time.monotonic()
            join = start_publisher()
            quiet_s = 8.0
            wait_until(
                lambda: (
                    len(platform.seen) >= n_messages
                    or time.monotonic() - max(platform.last_s, begun_s + quiet_s) > quiet_s
                ),
                "the flood is through",
            )
            join()
            time.sleep(1)
            spent_s, most = cpu_s(process.pid) - before_s, peak_mib(process.pid)
        finally:
            process.kill()
            process.wait(10)
            platform.close()
    n_seen = len(platform.seen)
    return {
        "per_s": n_seen / (platform.last_s - begun_s),
        "cpu_us": spent_s / max(1, n_seen) * 1e6,
        "peak_mib": most,
        "missing": n_messages - n_seen,
        "repeated": platform.seen.total() - n_seen,
    }


def _probe(port: int, topic: str, platform: Platform) -> None:
    """Return once a reading has gone all the way; then nothing was seen yet."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="probe")
    client.connect("127.0.0.1", port)
    client.loop_start()
    # What the platform has seen is looked at once a second: it is to be idle again after it.
    asked = threading.Event()
    body = {"eid": -1, "ts": 1_790_000_000_000, "zone": "frozen", "t": 1.0, "h": 60, "pad": "x"}
    deadline = time.monotonic() + 60
    while not platform.seen:
        if time.monotonic() > deadline:
            raise TimeoutError("no probe came out of thingsboard-gateway within 60 s")
        client.publish(topic, json.dumps(body).encode(), qos=1)
        asked.wait(1)
    client.disconnect()
    client.loop_stop()
    asked.wait(3)
    platform.seen.clear()
