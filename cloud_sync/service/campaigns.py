"""Campaigns as people write them: demand that is announced, for the forecasts (docs/demand.md)."""

from __future__ import annotations

from cloud_sync.contract.campaigns import Campaign
from cloud_sync.service.master import Written


class CampaignBody(Campaign, Written):
    """Demand that was announced."""
