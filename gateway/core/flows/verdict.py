"""What is asked of a flow, and what it answers: events to be, and what the worker is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract.values import named_value, value
from gateway.core.flows.goods import Goods
from gateway.core.readings import Symbol, TaskContext

NO_GOODS: Final = Goods("", "", "EA")


@value
class Request:
    """One scan in its task. symbol: None for what is done without scanning goods.

    goods and quantity: what the scan means, after a look at the task and the symbol.
    """

    device: str
    task: TaskContext
    today: str
    symbol: Symbol | None = None
    goods: Goods = NO_GOODS
    quantity: int = 0

    @property
    def supervisor(self) -> str | None:
        """The badge of whoever answers for what is unusual."""
        return self.task.supervisor


@named_value
class Deed:
    """An event to be: everything but its id, its time, its device and its flags."""

    type: str
    place: str | None = None
    lines: tuple[ev.Line, ...] = ()
    body: Mapping[str, object] = field(default_factory=dict)
    documents: tuple[ev.Document, ...] = ()
    corrects: str | None = None


@named_value
class Told:
    """What happened. main: which of the deeds the result names.

    key: of the message; the first flag's if there are flags. values fill its blanks. extra: what
    the result holds besides. The main deed bears the flags.
    """

    deeds: tuple[Deed, ...] = ()
    main: int = -1
    key: str = "accepted"
    flags: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)


@value
class Refused:
    """Nothing happened, and why. kind and why name the bytes in quarantine."""

    key: str
    why: str
    kind: str = "task"
    values: Mapping[str, object] = field(default_factory=dict)


Verdict = Told | Refused


def document(kind: str, key: str | None) -> tuple[ev.Document, ...]:
    """The document of an event, if there is one."""
    return () if key is None else (ev.Document(type=kind, id=key),)
