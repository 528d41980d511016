"""Figures the publication states in its prose, for setting beside ours; tuned to neither.

"Two-Stage Warehousing-Distribution Strategy for Central and Pre-Positioned Warehouses with
Product Diversity", Mathematics 2026, 14(11), 1933. Our source has lost the formulas and tables,
so what stands here is all that is known of them, and the model is a reconstruction
(docs/model.md).
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "Mathematics 2026, 14(11), 1933"
RECONSTRUCTION = (
    "The model is reconstructed: formulas and tables of the publication are not available to "
    "us, only its prose. Published figures are shown where the prose states them."
)
BEST_GENERATION = 39
GENERATIONS = 100
CONTRADICTIONS = (
    "Ambient purchases (26 238 kg) are below the deliveries of 18 days (26 520 kg).",
    "Frozen purchases (10 873 kg) are below frozen deliveries over 4 days (11 127 kg).",
    "The two ambient load rates imply different capacities (3120.5 and 3112.4 kg).",
)


@dataclass(frozen=True, slots=True)
class PublishedTrip:
    cycle_days: int
    load_kg: float
    load_rate: float | None = None


@dataclass(frozen=True, slots=True)
class PublishedProduct:
    """What is stated of one temperature class in the optimum."""

    mean_cycle_days: float
    procurement_days: int
    purchase_kg: float
    trips: tuple[PublishedTrip, ...]


PUBLISHED: dict[str, PublishedProduct] = {
    "ambient": PublishedProduct(
        4.5, 18, 26238, (PublishedTrip(3, 2981, 0.9553), PublishedTrip(6, 2878, 0.9247))
    ),
    "refrigerated": PublishedProduct(
        2.3, 6, 18819, (PublishedTrip(2, 2490), PublishedTrip(2, 2025), PublishedTrip(3, 2387))
    ),
    "frozen": PublishedProduct(
        2.8,
        4,
        10873,
        (
            PublishedTrip(2, 1942),
            PublishedTrip(2, 1810),
            PublishedTrip(4, 1867),
            PublishedTrip(4, 1756),
        ),
    ),
}
"""By product id. A case whose products are named otherwise is simply shown without them."""
