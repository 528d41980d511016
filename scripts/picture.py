"""Draws docs/pictures/demo.svg: the demo's screen in a real run, once a plan was carried out."""

from __future__ import annotations

import asyncio
import io
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from device_sim.clock import today
from device_sim.demo.options import DemoOptions
from device_sim.demo.show import DemoState, Show, following
from device_sim.demo.view import make_screen

PICTURE = Path(__file__).resolve().parents[1] / "docs/pictures/demo.svg"
WIDTH, HEIGHT = 150, 33
LIMIT_S = 90.0


def is_worth_a_picture(state: DemoState) -> bool:
    """True once a delivery that a plan asked for has been received."""
    planned = {
        str(plan["plan_id"]).replace("PL-", "ASN-", 1)
        for report in state.reports.values()
        for plan in report.plans
    }
    return any(state.asn_status.get(asn) == "received" for asn in planned)


def draw(state: DemoState) -> str:
    """The screen as it is now, as SVG."""
    console = Console(
        record=True, width=WIDTH, height=HEIGHT, force_terminal=True, file=io.StringIO()
    )
    console.print(make_screen(state))
    svg = console.export_svg(title="forepost-sim demo")
    # rich names a font on the network; the reader's own monospaced one will do.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


async def main() -> int:
    """Run the demo until there is something to show; 0 once the picture is written."""
    with tempfile.TemporaryDirectory(prefix="forepost-") as directory:
        options = DemoOptions(
            directory=Path(directory),
            duration_s=LIMIT_S,
            kill_gateway_at_s=None,
            seed=1,
            broker="auto",
            today=today(),
        )
        show = Show(options)
        pictures: list[str] = []

        def look(show: Show) -> None:
            if not pictures and show.state.phase == "running" and is_worth_a_picture(show.state):
                pictures.append(draw(show.state))
                show.stop.set()

        async with following(show, look):
            summary = await show.run()
    if not pictures or summary["ok"] is not True:
        print(f"picture: no plan was carried out within {LIMIT_S:g} s", file=sys.stderr)
        return 1
    PICTURE.write_text(pictures[0], encoding="utf-8")
    print(f"{PICTURE.name}: {len(pictures[0])} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
