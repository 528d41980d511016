"""Pins that an answer is sent at once and does not wait for its headers to be acknowledged."""

from __future__ import annotations

import socket

from cloud_sync.service.server import listen


def test_connections_send_without_delay() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
