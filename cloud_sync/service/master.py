"""What people write: the documents of the contract, with nothing unknown in them.

A gateway ignores what it does not know, because it may be older than the cloud; a person who
writes a key that does not exist has made a mistake and is told so.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud_sync.contract import documents as doc
from cloud_sync.contract import keys
from cloud_sync.store.documents import EVERYBODY, Draft, asn_draft

CLOSED = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

NETWORK_KEY = "network"
ENTRIES_MAX = 20_000


def _checked(gtin: str) -> None:
    if not keys.is_gtin(gtin):
        raise ValueError(f"gtin: the check digit of {gtin} is wrong")


class ItemBody(doc.Item):
    """A trade item."""

    model_config = CLOSED

    @model_validator(mode="after")
    def _has_check_digit(self) -> ItemBody:
        _checked(self.gtin)
        return self


class PolicyBody(doc.Policy):
    """How an item is kept at a warehouse."""

    model_config = CLOSED

    @model_validator(mode="after")
    def _has_key(self) -> PolicyBody:
        _checked(self.gtin)
        if not keys.is_id(policy_key(self)):
            raise ValueError(f"warehouse: {self.warehouse} is too long to be part of a key")
        return self


class LineBody(doc.ShipmentLine):
    """Goods in a delivery."""

    model_config = CLOSED

    @model_validator(mode="after")
    def _has_check_digit(self) -> LineBody:
        _checked(self.item)
        return self


class AsnBody(doc.Asn):
    """An expected delivery."""

    model_config = CLOSED

    ordered: Annotated[list[LineBody], Field(max_length=ENTRIES_MAX)]  # type: ignore[assignment]  # narrower on the way in, the same on the way out
    shipped: Annotated[list[LineBody], Field(max_length=ENTRIES_MAX, default_factory=list)]  # type: ignore[assignment]  # as above


class NetworkBody(BaseModel):
    """A planning network; what is inside is the planner's to judge."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, allow_inf_nan=False)

    format: Literal["forepost-network/1"]


class ImportBody(BaseModel):
    """Many documents at once, all or none."""

    model_config = CLOSED

    items: Annotated[list[ItemBody], Field(max_length=ENTRIES_MAX)] = []
    policies: Annotated[list[PolicyBody], Field(max_length=ENTRIES_MAX)] = []
    network: NetworkBody | None = None
    asns: Annotated[list[AsnBody], Field(max_length=ENTRIES_MAX)] = []


def item_draft(item: doc.Item) -> Draft:
    """An item is everybody's."""
    return Draft(doc.ITEM, item.gtin, EVERYBODY, item.model_dump(exclude_none=True))


def policy_draft(policy: doc.Policy) -> Draft:
    """A policy is its warehouse's."""
    return Draft(doc.POLICY, policy_key(policy), policy.warehouse, policy.model_dump())


def policy_key(policy: doc.Policy) -> str:
    """A policy's key in the feed."""
    return f"{policy.warehouse}.{policy.gtin}"


def network_draft(network: NetworkBody) -> Draft:
    """The network is everybody's, and there is one."""
    return Draft(doc.NETWORK, NETWORK_KEY, EVERYBODY, network.model_dump())


def import_drafts(body: ImportBody) -> list[Draft]:
    """All documents of an import."""
    network = [] if body.network is None else [network_draft(body.network)]
    return [
        *map(item_draft, body.items),
        *map(policy_draft, body.policies),
        *network,
        *map(asn_draft, body.asns),
    ]
