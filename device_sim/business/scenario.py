"""Business scenario files: TOML in, a Business out, or one ScenarioRefused naming file and key."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from device_sim.errors import ScenarioRefused

SHIPPED: Final = resources.files("device_sim") / "business" / "scenarios"
LIFE_MAX: Final = 40
"""What can be sold for longer than this many days keeps, as far as weeks go."""
GRAMS_MAX: Final = 5000
"""Nothing weighs more, so every vehicle can carry a piece of everything."""

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, le=1e9)]
Positive = Annotated[float, Field(gt=0, le=1e9)]
Days = Annotated[int, Field(ge=1, le=60)]
Life = Annotated[int, Field(ge=1, le=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class GoodsClass(_Part):
    """A temperature class: its goods, its vehicles, its supplier and what they cost.

    Money: holding and preservation per kg and day; value per kg that goes to waste.
    pace: how fast its SKUs sell against the scenario's level.
    excursions: cold chain failures per warehouse and day; loss: the share of the stock they take.
    """

    id: Annotated[str, Field(min_length=1, max_length=32)]
    skus: Annotated[int, Field(ge=1, le=5000)]
    pace: Amount = 1.0
    life_days: tuple[Life, Life]
    value: Positive
    holding: Amount
    preservation: Amount = 0.0
    vehicle_capacity_kg: Annotated[float, Field(ge=GRAMS_MAX / 1000, le=1e9)]
    trip_cost: Amount
    cost_per_km: Amount
    storage_kg: Positive
    supplier_trip_cost: Amount
    supplier_lead_days: Days
    case_pack: Annotated[int, Field(ge=1, le=100)] = 1
    excursions: Share = 0.0
    excursion_loss: Share = 0.5

    @model_validator(mode="after")
    def _lives_rise(self) -> Self:
        if self.life_days[0] > self.life_days[1]:
            raise ValueError("life_days: the shortest comes first")
        return self


class Surge(_Part):
    """A live-stream sale: some SKUs sell `factor` times as much on some days.

    day: of the weeks played, from 0. announced_days: how long before it policies are told;
    negative: never. share: of the SKUs.
    """

    day: Annotated[int, Field(ge=0, le=365)]
    days: Days = 1
    factor: Annotated[float, Field(ge=0, le=50)]
    share: Share
    announced_days: Annotated[int, Field(ge=-1, le=60)] = -1


class Sales(_Part):
    """How customers buy. level: median units of an SKU per warehouse and day.

    spread: standard deviation of its logarithm between SKUs; omega: of the day's rate beyond
    chance; thin: the share of SKUs that sell seldom and in lots; week: factors from Monday.
    """

    level: Amount
    spread: Annotated[float, Field(ge=0, le=3)] = 1.1
    omega: Annotated[float, Field(ge=0, le=5)] = 0.1
    thin: Share = 0.2
    week: tuple[Amount, Amount, Amount, Amount, Amount, Amount, Amount] = (
        0.80, 0.82, 0.86, 0.95, 1.20, 1.35, 1.02,
    )  # fmt: skip

    @model_validator(mode="after")
    def _some_day_sells(self) -> Self:
        if sum(self.week) <= 0:
            raise ValueError("week: expected a day with a factor above 0")
        return self


class Business(_Part):
    """A scenario: the network, its goods and customers, and how long it is played.

    warmup_days are played but not counted, before the weeks; lead_days: from the central
    warehouse to another; late: chance that a delivery takes a day longer.
    """

    format: Literal["forepost-business/1"]
    name: Annotated[str, Field(max_length=64)]
    about: str = ""
    weeks: Annotated[int, Field(ge=1, le=26)] = 4
    warmup_days: Annotated[int, Field(ge=0, le=60)] = 14
    history_days: Annotated[int, Field(ge=28, le=200)] = 56
    warehouses: Annotated[int, Field(ge=1, le=50)] = 10
    radius_km: Positive = 12.0
    lead_days: Annotated[int, Field(ge=1, le=14)] = 1
    late: Share = 0.05
    max_cycle_days: Annotated[int, Field(ge=1, le=14)] = 6
    max_procurement_days: Annotated[int, Field(ge=1, le=28)] = 12
    sales: Sales
    classes: Annotated[tuple[GoodsClass, ...], Field(min_length=1, max_length=6)]
    surges: tuple[Surge, ...] = ()

    @field_validator("name")
    @classmethod
    def _name_names_files(cls, name: str) -> str:
        if re.fullmatch(r"\w[\w .+-]*", name) is None:
            raise ValueError(f"expected letters, digits, spaces and any of _.+-, got {name!r}")
        return name

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [each.id for each in self.classes]
        if len(set(ids)) < len(ids):
            raise ValueError("classes: expected each id once")
        return self


def parse_business(text: str, *, source: str) -> Business:
    """The scenario in a TOML text; `source` names it in errors. Raises ScenarioRefused."""
    try:
        return Business.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioRefused(f"{source}: not TOML: {error}") from error
    except ValidationError as error:
        raise ScenarioRefused(f"{source}: {_complaint(error)}") from error


def _complaint(error: ValidationError) -> str:
    """What is wrong, in a line: a key that is not known first, since it may be a misspelt one."""
    problems = error.errors(include_url=False)
    problem = min(problems, key=lambda it: it["type"] != "extra_forbidden")
    key = ".".join(map(str, problem["loc"])) or "(file)"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if problem["type"] == "extra_forbidden":
        return f"{key}: no such key{_meant(str(problem['loc'][-1]))}{more}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] not in ("missing", "value_error"):
        message += f", got {problem['input']!r}"
    return f"{key}: {message}{more}"


def _meant(key: str) -> str:
    parts: tuple[type[BaseModel], ...] = (Business, Sales, GoodsClass, Surge)
    known = [name for part in parts for name in part.model_fields]
    near = get_close_matches(key, known, n=1)
    return f", {near[0]!r} perhaps" if near else ""


def shipped_names() -> list[str]:
    """The scenarios that come with the package, by name."""
    names = [each.name for each in SHIPPED.iterdir() if each.name.endswith(".toml")]
    return sorted(name.removesuffix(".toml") for name in names)


def load_business(wanted: str) -> Business:
    """A shipped scenario by name, or one by path. Raises ScenarioRefused."""
    if wanted in shipped_names():
        text = (SHIPPED / f"{wanted}.toml").read_text(encoding="utf-8")
        return parse_business(text, source=wanted)
    try:
        text = Path(wanted).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        known = ", ".join(shipped_names())
        raise ScenarioRefused(
            f"{wanted}: no such file, and no scenario of ours: {known}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ScenarioRefused(f"{wanted}: cannot be read: {reason}") from error
    return parse_business(text, source=wanted)


def resized(business: Business, *, weeks: int | None, skus: int | None) -> Business:
    """The scenario with other numbers of weeks and of SKUs per class.

    With other SKUs each sells as before: vehicles, rooms and trip costs shrink or grow with them.
    Raises ScenarioRefused where the new number is out of range.
    """
    classes = business.classes
    if skus is not None:
        classes = tuple(_with_skus(goods, skus) for goods in classes)
    return _checked(business, weeks=business.weeks if weeks is None else weeks, classes=classes)


def scaled(business: Business, share: float) -> Business:
    """The scenario with a share of each class's SKUs, one at least."""
    n_skus = [max(1, round(share * goods.skus)) for goods in business.classes]
    pairs = zip(business.classes, n_skus, strict=True)
    classes = tuple(_with_skus(goods, n) for goods, n in pairs)
    return _checked(business, weeks=business.weeks, classes=classes)


def _with_skus(goods: GoodsClass, skus: int) -> GoodsClass:
    share = skus / goods.skus
    scaled_keys = ("trip_cost", "cost_per_km", "storage_kg", "supplier_trip_cost")
    changes = {key: share * getattr(goods, key) for key in scaled_keys}
    # A vehicle carries a piece of everything, however few SKUs there are.
    room = max(share * goods.vehicle_capacity_kg, GRAMS_MAX / 1000)
    return goods.model_copy(update={**changes, "skus": skus, "vehicle_capacity_kg": room})


def _checked(business: Business, *, weeks: int, classes: tuple[GoodsClass, ...]) -> Business:
    changed = business.model_copy(update={"weeks": weeks, "classes": classes})
    try:
        return Business.model_validate(changed.model_dump())
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(map(str, problem["loc"]))
        raise ScenarioRefused(f"{business.name}: {key}: {problem['msg']}") from error
