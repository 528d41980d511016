"""One piece of work: a policy plays one seed of a scenario. Told apart, so that pieces can be
played in any order, in other processes, and need not be played twice.

A piece is a value, and what comes of it is a function of it and of the code alone: `key_of` names
both. Nothing that a policy learns goes from one piece to another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import numpy as np

from device_sim.business.chance import Floats, World, draw_world
from device_sim.business.informed import Foresight
from device_sim.business.planned import Planned
from device_sim.business.policies import (
    RULES,
    Policy,
    Rule,
    RuleOfThumb,
    look,
    moving_average,
)
from device_sim.business.scenario import Business
from device_sim.business.world_days import COSTS, Counts, Network

OURS: Final = "forepost"
INFORMED: Final = "fixed-cycle-forecast"
CYCLE_OF: Final = {INFORMED: "fixed-cycle"}
"""Whose cycles a rule takes where it has none of its own: only its z is looked for."""
PLAYED_BY: Final = (
    "chance", "class_plan", "evening", "informed", "outlook", "pieces", "planned", "policies",
    "scenario", "world_days",
)  # fmt: skip
"""The modules of this room that decide what comes of a piece; the solver's are all of them."""


@dataclass(frozen=True, slots=True)
class Ours:
    """Our planner. service, waste_weight: see `planned.Planned`."""

    service: float
    waste_weight: float

    @property
    def name(self) -> str:
        """As tables call it."""
        return OURS

    def policy(self) -> Policy:
        """One that has seen nothing yet."""
        return Planned(self.service, self.waste_weight)


@dataclass(frozen=True, slots=True)
class Thumb:
    """A rule of thumb by name, and its numbers for each class."""

    name: str
    rules: tuple[Rule, ...]

    def policy(self) -> Policy:
        """One that has seen nothing yet."""
        return rule_of_thumb(self.name, self.rules)


@dataclass(frozen=True, slots=True)
class Piece:
    """A seed of a scenario, and who plays it."""

    business: Business
    seed: int
    player: Ours | Thumb


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a policy came to on one seed, of the days that count, and what it has to say."""

    policy: str
    seed: int
    days: int
    counts: Counts
    remarks: tuple[str, ...] = ()

    def fill(self) -> Floats:
        """The share of the units asked for that was served, by class; 1 where nobody asked."""
        counts = self.counts
        return np.where(counts.asked > 0, counts.sold / np.maximum(counts.asked, 1.0), 1.0)

    def figures(self) -> dict[str, float]:
        """Of all classes together: shares, kg and money per day."""
        counts = self.counts
        asked = float(counts.asked.sum())
        figures = {
            "fill": float(counts.sold.sum()) / asked if asked > 0 else 1.0,
            "waste_kg": float(counts.waste_kg.sum()) / self.days,
            "failed_kg": float(counts.failed_kg.sum()) / self.days,
            "stock_kg": float(counts.stock_kg_days.sum()) / self.days,
            "trips": float(counts.n_trips.sum()) / self.days,
        }
        for name, row in zip(COSTS, counts.costs, strict=True):
            figures[name] = float(row.sum()) / self.days
        figures["cost"] = float(counts.costs.sum()) / self.days
        return figures


PlayAll = Callable[[Sequence[Piece]], list[Outcome]]
"""Plays pieces, in whatever order; the outcomes come in the order of the pieces."""


def play(world: World, policy: Policy) -> Network:
    """All days after the history, evening by evening."""
    network = Network.start(world)
    for day in range(world.first, world.n_days):
        network.play_day(day)
        network.carry_out(day, policy.decide(look(network, day)))
    return network


def outcome(world: World, policy: Policy, *, name: str, seed: int) -> Outcome:
    """What a policy came to."""
    counts = play(world, policy).counts
    return Outcome(name, seed, 7 * world.business.weeks, counts, tuple(policy.remarks))


def play_piece(piece: Piece) -> Outcome:
    """What comes of a piece."""
    world = _world(piece.business, piece.seed)
    player = piece.player
    return outcome(world, player.policy(), name=player.name, seed=piece.seed)


def rule_of_thumb(name: str, rules: Sequence[Rule]) -> RuleOfThumb:
    """A rule by name, with what it expects: a spreadsheet's mean, or our forecasts."""
    if name == INFORMED:
        return RuleOfThumb(rules, RULES[CYCLE_OF[name]], Foresight())
    return RuleOfThumb(rules, RULES[name], moving_average)


def key_of(piece: Piece) -> str:
    """The same for the same piece played by the same code, on any machine."""
    told = {
        "code": _code(),
        "business": piece.business.model_dump(mode="json"),
        "seed": piece.seed,
        "name": piece.player.name,
        "player": asdict(piece.player),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


@lru_cache(maxsize=3)
def _world(business: Business, seed: int) -> World:
    """Neighbouring pieces share a seed's world, which nobody changes."""
    return draw_world(business, seed)


@lru_cache(maxsize=1)
def _code() -> str:
    """A digest of the sources that decide what comes of a piece, and of numpy's version."""
    room = resources.files("device_sim") / "business"
    sources = [(name, room / f"{name}.py") for name in PLAYED_BY]
    sources += _modules(resources.files("optimizer"), "optimizer")
    digest = hashlib.sha256(np.__version__.encode())
    for name, source in sorted(sources, key=lambda pair: pair[0]):
        digest.update(f"\n{name}\n".encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _modules(folder: Traversable, name: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for each in folder.iterdir():
        if each.is_dir():
            found += _modules(each, f"{name}.{each.name}")
        elif each.name.endswith(".py"):
            found.append((f"{name}.{each.name}", each))
    return found
