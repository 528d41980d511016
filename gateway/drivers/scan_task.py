"""What a scanner that knows no tasks is there for, told once in its configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.core.readings import TaskContext
from gateway.drivers.options import Options

ContractId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class ScanTask(Options):
    """The task of every scan, as a PDA would send it with each."""

    type: Literal[
        "receive", "putaway", "move", "pick", "pack", "ship",
        "count", "waste", "return", "inspect", "lookup",
    ]  # fmt: skip
    id: ContractId | None = None
    location: ContractId | None = None
    quantity: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    unit: Literal["EA", "g"] = "EA"
    worker: ContractId | None = None
    reason: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    def context(self) -> TaskContext:
        """The same as readings carry it."""
        return TaskContext(
            self.type,
            self.id,
            self.location,
            self.quantity,
            self.unit,
            self.worker,
            self.reason,
        )
