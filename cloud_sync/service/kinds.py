"""The kinds of documents that people write: one row each, and all calls follow from the row.

A kind has a path, a key made of fields of its body, the action that writing and reading it asks
for, and what it becomes in the store: most become one document, a transfer becomes two, a recall
as many as it has lots. What it became last time and does not become now is taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel

from cloud_sync.contract import documents as doc
from cloud_sync.contract import keys, rights
from cloud_sync.contract import master as own
from cloud_sync.contract.campaigns import CAMPAIGN
from cloud_sync.contract.counting import COUNTING_PLAN
from cloud_sync.contract.plans import asn_of
from cloud_sync.service import master
from cloud_sync.service.campaigns import CampaignBody
from cloud_sync.store.documents import (
    EVERYBODY,
    OF_THE_CLOUD,
    Draft,
    asn_draft,
    transfer_draft,
)

Body = TypeVar("Body", bound=BaseModel)
Drafts = Callable[[BaseModel], list[Draft]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. parts: the fields that are its key, in the path and joined by dots.

    is_followed: its state follows from the goods and is brought up to date after writing.
    """

    name: str
    plural: str
    model: type[BaseModel]
    parts: tuple[str, ...]
    write: str
    drafts: Drafts
    read: str = rights.READ
    is_followed: bool = False

    @property
    def path(self) -> str:
        """Of one document."""
        return "/" + "/".join([self.plural, *(f"{{{part}}}" for part in self.parts)])

    def key_of(self, body: BaseModel) -> str:
        """The document's key. Raises ValueError if it is too long."""
        return self.join([str(getattr(body, part)) for part in self.parts])

    def join(self, values: Sequence[str]) -> str:
        """The key made of the values of its parts. Raises ValueError."""
        key = ".".join(values)
        if not keys.is_id(key):
            raise ValueError(f"{self.parts[0]}: {key} is no key of 1 to 64 of A-Z a-z 0-9 . _ -")
        return key


def _one(kind: str, parts: Sequence[str], place: Callable[[BaseModel], str]) -> Drafts:
    def drafts(body: BaseModel) -> list[Draft]:
        key = ".".join(str(getattr(body, part)) for part in parts)
        return [Draft(kind, key, place(body), body.model_dump(exclude_none=True))]

    return drafts


def _everybody(body: BaseModel) -> str:
    return EVERYBODY


def _cloud(body: BaseModel) -> str:
    return OF_THE_CLOUD


def _its_own(body: BaseModel) -> str:
    warehouse = getattr(body, "warehouse", None)
    return warehouse if isinstance(warehouse, str) else EVERYBODY


def _asn(body: BaseModel) -> list[Draft]:
    return [asn_draft(_as(master.AsnBody, body))]


def _transfer(body: BaseModel) -> list[Draft]:
    it = _as(master.TransferBody, body)
    ordered: list[doc.ShipmentLine] = [*it.ordered]
    transfer = doc.Transfer(
        id=it.id,
        source=it.source,
        destination=it.destination,
        status="ordered",
        ordered=ordered,
    )
    asn = doc.Asn(
        id=asn_of(it.id, None),
        warehouse=it.destination,
        source=it.source,
        transfer=it.id,
        status="planned",
        expected_at_us=it.expected_at_us,
        ordered=ordered,
        shrink_per_mille=it.shrink_per_mille,
    )
    return [transfer_draft(transfer), asn_draft(asn)]


def _recall(body: BaseModel) -> list[Draft]:
    it = _as(master.RecallBody, body)
    lots: list[str | None] = [*sorted(set(it.lots))] or [None]
    holds = [
        doc.Hold(id=f"{it.id}.{n}", kind="recall", item=it.item, lot=lot, reason=it.reason)
        for n, lot in enumerate(lots, 1)
    ]
    return [
        Draft(own.RECALL, it.id, OF_THE_CLOUD, it.model_dump(exclude_none=True)),
        *(
            Draft(doc.HOLD, hold.id, EVERYBODY, hold.model_dump(exclude_none=True))
            for hold in holds
        ),
    ]


def _as(model: type[Body], body: BaseModel) -> Body:
    if not isinstance(body, model):
        raise AssertionError(f"expected a {model.__name__}, got {type(body).__name__}")
    return body


def _kind(  # noqa: PLR0917 -- a table's columns, in the order of its head
    name: str,
    plural: str,
    model: type[BaseModel],
    parts: tuple[str, ...],
    write: str,
    place: Callable[[BaseModel], str],
    *,
    read: str = rights.READ,
) -> Kind:
    return Kind(name, plural, model, parts, write, _one(name, parts, place), read)


KINDS: Final = (
    _kind(doc.ITEM, "items", master.ItemBody, ("gtin",), rights.WRITE_MASTER, _everybody),
    _kind(
        doc.POLICY,
        "policies",
        master.PolicyBody,
        ("warehouse", "gtin"),
        rights.WRITE_MASTER,
        _its_own,
    ),
    _kind(
        own.WAREHOUSE,
        "warehouses",
        master.WarehouseBody,
        ("id",),
        rights.WRITE_PLACES,
        _everybody,
    ),
    _kind(
        doc.LOCATION,
        "locations",
        master.LocationBody,
        ("warehouse", "id"),
        rights.WRITE_PLACES,
        _its_own,
    ),
    _kind(
        doc.CLIMATE,
        "climates",
        master.ClimateBody,
        ("warehouse", "zone"),
        rights.WRITE_CERTIFICATES,  # as papers: by those who answer for the goods' safety
        _its_own,
    ),
    _kind(
        CAMPAIGN,
        "campaigns",
        CampaignBody,
        ("id",),
        rights.WRITE_MASTER,
        _its_own,
    ),
    _kind(own.SUPPLIER, "suppliers", master.SupplierBody, ("id",), rights.WRITE_MASTER, _cloud),
    _kind(
        own.SUPPLY,
        "supplies",
        master.SupplyBody,
        ("supplier", "gtin"),
        rights.WRITE_MASTER,
        _cloud,
        read=rights.READ_COSTS,
    ),
    _kind(own.PRICE, "prices", master.PriceBody, ("market", "gtin"), rights.WRITE_MASTER, _cloud),
    _kind(own.STOCKING, "stocking", master.StockingBody, ("id",), rights.WRITE_MASTER, _cloud),
    _kind(own.VAT, "vat", master.VatBody, ("country", "category"), rights.WRITE_MASTER, _cloud),
    Kind(
        doc.ASN, "asns", master.AsnBody, ("id",), rights.WRITE_DELIVERIES, _asn, is_followed=True
    ),
    Kind(
        doc.TRANSFER,
        "transfers",
        master.TransferBody,
        ("id",),
        rights.WRITE_DELIVERIES,
        _transfer,
        is_followed=True,
    ),
    _kind(
        COUNTING_PLAN,
        "counting-plans",
        master.CountingPlanBody,
        ("warehouse",),
        rights.WRITE_COUNTS,
        _its_own,
    ),
    _kind(doc.COUNT, "counts", master.CountBody, ("id",), rights.WRITE_COUNTS, _its_own),
    _kind(doc.HOLD, "holds", master.HoldBody, ("id",), rights.WRITE_HOLDS, _its_own),
    Kind(own.RECALL, "recalls", master.RecallBody, ("id",), rights.WRITE_HOLDS, _recall),
    _kind(
        doc.CERTIFICATE,
        "certificates",
        master.CertificateBody,
        ("id",),
        rights.WRITE_CERTIFICATES,
        _everybody,
    ),
    _kind(
        doc.WORKER,
        "workers",
        master.WorkerBody,
        ("id",),
        rights.ADMINISTER,
        _everybody,
        read=rights.ADMINISTER,
    ),
)

BY_PLURAL: Final = {kind.plural: kind for kind in KINDS}
"""In the order in which documents refer to each other."""
