"""Pins the list of open tasks at the broker: told at once, again when it changes, not when it does
not, and once more to a broker that forgot what it had retained."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from cloud_sync.contract import documents as doc
from gateway.services.task_board import LOOK_S, publish_tasks
from tests.simulation.virtual_time import VirtualLoop
from tests.unit.services.test_projector import Bench


class Broker:
    """A session that notes what is published."""

    def __init__(self) -> None:
        self.n_forgotten = 0
        self.told: list[list[object]] = []
        self.is_connected = True

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert topic == "forepost/v1/J1/all/task"
        assert retain
        self.told.append([task["id"] for task in json.loads(payload)["tasks"]])

    def subscribe(self, topic_filter: str, handler: Callable[..., object]) -> None:
        raise AssertionError("it hears nothing")

    def unsubscribe(self, topic_filter: str, handler: Callable[..., object]) -> None:
        raise AssertionError("it hears nothing")

    def resume(self) -> None:
        raise AssertionError("it hears nothing")


def test_the_list_is_told_when_it_changes_and_to_who_forgot_it() -> None:
    async def main() -> list[list[object]]:
        bench, broker = Bench(), Broker()
        async with asyncio.TaskGroup() as group:
            board = group.create_task(publish_tasks(bench.projector, broker))
            await asyncio.sleep(3 * LOOK_S)
            order = doc.Order(
                id="O-1", warehouse="J1", lines=[doc.OrderLine(item="09506000134352", quantity=1)]
            )
            bench.projector.facts.orders["O-1"] = order
            bench.projector.changed.notify()
            await asyncio.sleep(3 * LOOK_S)
            broker.n_forgotten += 1
            await asyncio.sleep(3 * LOOK_S)
            board.cancel()
        return broker.told

    loop = VirtualLoop()
    try:
        assert loop.run_until_complete(main()) == [[], ["O-1"], ["O-1"]]
    finally:
        loop.close()
