"""A cloud that only counts: what of a gateway's events came, and what came more than once.

It speaks the gateway's side of the wire contract: takes batches in order, skips rows that it has
(a batch sent again is no double), and hands out an item and a delivery of it. What it counts is
each device's own word, by (device, boot, seq), in events of TYPES; boot PROBE is left out. It is
a program of its own, so that its work is nobody else's:
    POST /sync/v1/batches, GET /sync/v1/changes     for the gateway
    GET /counts         {"distinct", "repeated", "batches", "last_s"}; last_s: monotonic clock
    GET /reset          forget the words, keep the place in the journal
Usage: python benchmarks/cloud_double.py PORT
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TYPES = ("climate.sampled", "goods.received")
PROBE = "probe"
ITEM = "09506000134352"
DELIVERY = "ASN-1"
CHANGES = [
    {
        "cursor": 1,
        "kind": "item",
        "key": ITEM,
        "version": 1,
        "deleted": False,
        "data": {"gtin": ITEM, "names": {"en": "Milk"}, "zone": "cold", "grams_per_unit": 1000},
    },
    {
        "cursor": 2,
        "kind": "asn",
        "key": DELIVERY,
        "version": 1,
        "deleted": False,
        "data": {
            "id": DELIVERY,
            "warehouse": "W1",
            "source": "@supplier",
            "status": "dispatched",
            "ordered": [{"item": ITEM, "quantity": 10**9, "unit": "EA"}],
        },
    },
]
"""An item, and a delivery of more of it than any benchmark receives: its scans are ordinary."""


class Ledger:
    """What came. One lock: the gateway may have several batches under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._have: dict[str, int] = {}
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._words: Counter[tuple[str, str, int]] = Counter()
            self._n_batches = 0
            self._last_s = time.monotonic()

    def take(self, batch: dict[str, object]) -> dict[str, object]:
        """The answer to a batch, after the contract; a gap is told."""
        epoch, first, events = str(batch["epoch"]), batch["first_seq"], batch["events"]
        assert isinstance(first, int)
        assert isinstance(events, list)
        with self._lock:
            have = self._have.get(epoch, 0)
            if first > have + 1:
                return {"error": {"code": "gap", "message": "gap", "expected_seq": have + 1}}
            fresh = events[max(0, have + 1 - first) :]
            for event in fresh:
                device = event.get("device")
                is_word = event["type"] in TYPES and device is not None
                if is_word and device["boot"] != PROBE:
                    self._words[device["id"], device["boot"], device["seq"]] += 1
            self._have[epoch] = have + len(fresh)
            self._n_batches += 1
            self._last_s = time.monotonic()
            n_known = len(events) - len(fresh)
            return {
                "acknowledged_seq": self._have[epoch],
                "events": [
                    {"seq": first + n, "status": "duplicate" if n < n_known else "accepted"}
                    for n in range(len(events))
                ],
            }

    def counts(self) -> dict[str, float]:
        with self._lock:
            return {
                "distinct": len(self._words),
                "repeated": self._words.total() - len(self._words),
                "batches": self._n_batches,
                "last_s": self._last_s,
            }


class Handler(BaseHTTPRequestHandler):
    """One connection; ledger: of the program."""

    protocol_version = "HTTP/1.1"
    # Otherwise every answer waits for the gateway's delayed acknowledgement of its headers.
    disable_nagle_algorithm = True
    wbufsize = -1
    ledger: Ledger

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        raw = self.rfile.read(length)
        if len(raw) < length:  # its gateway was killed while it spoke
            self.close_connection = True
            return
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        answer = self.ledger.take(json.loads(raw))
        self._answer(409 if "error" in answer else 200, answer)

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/counts":
            self._answer(200, self.ledger.counts())
        elif path == "/reset":
            self.ledger.reset()
            self._answer(200, {})
        else:
            is_new = "cursor=0" in query.split("&")
            changes = CHANGES if is_new else []
            page = {"changes": changes, "next_cursor": len(CHANGES), "more": False}
            self._answer(200, page)

    def _answer(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
        self.wfile.flush()

    def handle(self) -> None:
        """Serve one connection; a killed gateway's ends without a word."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Count until killed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    Handler.ledger = Ledger()
    ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
