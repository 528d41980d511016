"""The messages between PDA and gateway, as models: what may be sent, and what is answered.

docs/flows.md tells what they mean. Scans are parsed by codecs.mqtt_payloads, which names what is
wrong with a key and is several times as fast; tests hold it, and all results and lists, to these.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.contract.documents import Sscc
from cloud_sync.contract.events import Gtin, Id, Location

_UP = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)
_DOWN = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

Unit = Literal["EA", "g"]
Kind = Literal[
    "receive", "putaway", "move", "pick", "short", "pack", "unpack", "ship", "count", "waste",
    "return", "inspect", "hold", "release", "lookup", "start", "close", "approve", "undo",
    "exceptions", "resolve",
]  # fmt: skip


class PdaTask(BaseModel):
    """What the worker is doing."""

    model_config = _UP

    type: Kind
    id: Id | None = None
    location: Id | None = None
    quantity: Annotated[int, Field(ge=-(10**9), le=10**9)] | None = None
    unit: Unit = "EA"
    worker: Id | None = None
    reason: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    sscc: Sscc | None = None
    condition: Literal["good", "damaged", "suspect"] | None = None
    supervisor: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    temperature_c: Annotated[float, Field(ge=-100, le=150)] | None = None
    action: Id | None = None


class PdaScan(BaseModel):
    """Up, on `scan`. data may be absent for what is done without scanning."""

    model_config = _UP

    v: Literal[1]
    boot: Id
    seq: Annotated[int, Field(ge=0, le=2**53)]
    time: Annotated[str, Field(max_length=64)] | None = None
    data: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    symbology: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    task: PdaTask | None = None


class Goods(BaseModel):
    """So many of an item, of one lot if it has lots."""

    model_config = _DOWN

    item: Gtin
    quantity: int
    unit: Unit
    lot: str | None = None
    expiry: str | None = None
    sscc: Sscc | None = None


class Stop(BaseModel):
    """Where to go: to pick (with goods), or to count (with the round)."""

    model_config = _DOWN

    location: Id
    item: Gtin | None = None
    lot: str | None = None
    quantity: int | None = None
    unit: Unit | None = None
    round: int | None = None


class Held(BaseModel):
    """What is somewhere."""

    model_config = _DOWN

    item: Gtin
    quantity: int
    unit: str
    name: str | None = None
    location: Location | None = None
    status: Id | None = None
    lot: str | None = None
    expiry: str | None = None


class ResultItem(BaseModel):
    """The item of a scan, in the worker's language. on_hand: pieces that may be sold today."""

    model_config = _DOWN

    gtin: Gtin
    name: str
    on_hand: int | None = None
    on_hand_g: int | None = None


class Label(BaseModel):
    """What a label names."""

    model_config = _DOWN

    kind: Literal["location", "container", "worker", "document", "logistic_unit"]
    id: str


class Progress(BaseModel):
    """How far the task is. left: pieces, left_g: grams of an order. next: where to go."""

    model_config = _DOWN

    id: Id
    left: int | None = None
    left_g: int | None = None
    expected: int | None = None
    received: int | None = None
    next: Stop | None = None


class Missing(BaseModel):
    """What did not come with a delivery."""

    model_config = _DOWN

    item: Gtin
    unit: Unit
    missing: int
    lot: str | None = None


class Difference(BaseModel):
    """What a count found and what the book said."""

    model_config = _DOWN

    item: Gtin
    unit: Unit
    counted: int
    book: int
    lot: str | None = None


class Undone(BaseModel):
    """The scan that was taken back."""

    model_config = _DOWN

    event_id: str
    type: str
    item: str


class Action(BaseModel):
    """What can be done about an exception, and what people call it."""

    model_config = _DOWN

    action: Id
    text: str


class Shown(BaseModel):
    """One event that shows an exception. text: its detail in the worker's language."""

    model_config = _DOWN

    event_id: str
    at_us: int
    detail: str
    text: str


class Exceptional(BaseModel):
    """What somebody must look into. id: names it as it stands; with more evidence it is another.

    evidence: the newest first, where one was asked for by its id.
    """

    model_config = _DOWN

    id: Id
    kind: Id
    key: list[str]
    text: str
    about: str
    n_events: int
    first_at_us: int | None = None
    last_at_us: int | None = None
    actions: list[Action]
    evidence: list[Shown] | None = None


class PdaResult(BaseModel):
    """Down, on `result`: after the commit, once per message and again for each repeat."""

    model_config = _DOWN

    v: Literal[1]
    boot: Id | None = None
    seq: int | None = None
    status: Literal["accepted", "duplicate", "refused", "flagged"]
    event_id: str | None = None
    message_key: str | None = None
    message: str | None = None
    item: ResultItem | None = None
    label: Label | None = None
    task: Progress | None = None
    stops: list[Stop] | None = None
    short: list[Missing] | None = None
    counted: int | None = None
    round: int | None = None
    book: int | None = None
    outcome: Literal["matched", "recount", "unresolved", "approved"] | None = None
    differences: list[Difference] | None = None
    places: list[Held] | None = None
    contents: list[Held] | None = None
    location: Location | None = None
    order: Id | None = None
    undone: Undone | None = None
    exceptions: list[Exceptional] | None = None
    n_open: int | None = None


class DockLine(BaseModel):
    """What stands on the dock, and the zone it belongs in."""

    model_config = _DOWN

    item: Gtin
    quantity: int
    unit: str
    status: Id
    lot: str | None = None
    zone: Id | None = None


class OpenTask(BaseModel):
    """One thing there is to do; which keys it has depends on its type."""

    model_config = _DOWN

    type: Literal["receive", "ship", "pick", "putaway", "count"]
    id: Id | None = None
    source: Location | None = None
    destination: Id | None = None
    location: Id | None = None
    ship_by_us: int | None = None
    blind: bool | None = None
    items: list[Gtin] | None = None
    lines: list[Goods | DockLine] | None = None
    received: list[Goods] | None = None
    shipped: list[Goods] | None = None
    sent: list[Goods] | None = None
    picked: list[Goods] | None = None
    stops: list[Stop] | None = None


class TaskList(BaseModel):
    """Down, retained, on `all/task`: everything there is to do."""

    model_config = _DOWN

    v: Literal[1]
    tasks: list[OpenTask]
