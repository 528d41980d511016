# Pins that the driver shown in docs/writing-a-driver.md works as it stands there.

import asyncio
import re
from types import ModuleType

import pytest

from gateway.core.readings import ClimateSample, Malformed
from gateway.errors import ConfigError
from gateway.links.memory import MemoryLink, memory_pair
from gateway.ports import ByteLink
from gateway.registry import DriverContext
from gateway.services.intake_queue import IntakeQueue
from gateway.settings import DeviceSettings
from tests.fakes.clock import FakeClock
from tests.house.tracked import read_tracked
from tests.rigs.guard import GUARD_S


@pytest.fixture
def page() -> ModuleType:
    code = re.search(r"```python\n(.*?)```", read_tracked("docs/writing-a-driver.md"), re.DOTALL)
    assert code is not None
    module = ModuleType("probe")
    exec(compile(code[1], "docs/writing-a-driver.md", "exec"), module.__dict__)
    return module


def context(link: MemoryLink) -> DriverContext:
    async def open_link(url: str) -> ByteLink:
        return link

    return DriverContext(
        warehouse="J1", clock=FakeClock(), mqtt=None, open_link=open_link, random=lambda: 0.0
    )


def device(**options: object) -> DeviceSettings:
    return DeviceSettings(
        name="probe-1", driver="probe", link="serial:///dev/ttyUSB0", zone="C", options=options
    )


async def test_the_driver_of_the_page_reads_lines_however_they_are_cut(page: ModuleType) -> None:
    box, probe = memory_pair()
    driver = page.make_driver(device(offset_c="0.5"), context(box))
    intake = IntakeQueue(10)
    for piece in (b"4.", b"25\n-1", b"8\nrub\xffbish\n"):
        await probe.write(piece)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(driver.run(intake), name="probe")
        async with asyncio.timeout(GUARD_S):
            while intake.n_received < 3:
                await asyncio.sleep(0)
        task.cancel()
    readings = [arrival.reading for arrival in await intake.get_group(10, 1.0)]
    samples = [reading for reading in readings if isinstance(reading, ClimateSample)]
    assert [sample.temperature_centi_c for sample in samples] == [475, -1750]
    assert {sample.zone for sample in samples} == {"C"}
    assert isinstance(readings[2], Malformed)
    (health,) = driver.health()
    assert (health.n_reads, health.errors) == (3, {"line": 1})


def test_the_driver_of_the_page_refuses_unknown_options(page: ModuleType) -> None:
    box, _ = memory_pair()
    with pytest.raises(ConfigError, match="offset_f"):
        page.make_driver(device(offset_f="1"), context(box))
