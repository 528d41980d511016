"""A plan and its file format, ``forepost-plan/1``.

A plan holds the decisions (who supplies whom, cycles, trips and the order of their stops) and
everything that follows from them (quantities, loads, costs per day), so that a reader needs no
model to use it. ``to_dict`` and ``from_dict`` are each other's inverse.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from optimizer.errors import PlanFormatError

FORMAT = "forepost-plan/1"


@dataclass(frozen=True, slots=True)
class Costs:
    """Money per day by term; the first three are stage 1, the others stage 2."""

    holding: float
    spoilage: float
    transport: float
    central_holding: float
    central_spoilage: float
    central_transport: float
    procurement: float

    @property
    def stage1(self) -> float:
        return math.fsum((self.holding, self.spoilage, self.transport))

    @property
    def stage2(self) -> float:
        return math.fsum(
            (
                self.central_holding,
                self.central_spoilage,
                self.central_transport,
                self.procurement,
            )
        )

    @property
    def total(self) -> float:
        return math.fsum(getattr(self, f.name) for f in fields(self))


@dataclass(frozen=True, slots=True)
class CentralOrder:
    """What a central warehouse procures of one product, per procurement cycle."""

    id: str
    cycle_days: int
    quantity_kg: float
    safety_stock_kg: float


@dataclass(frozen=True, slots=True)
class WarehouseOrder:
    """What a pre-positioned warehouse receives of one product, per delivery cycle."""

    id: str
    central: str
    cycle_days: int
    quantity_kg: float
    safety_stock_kg: float


@dataclass(frozen=True, slots=True)
class Trip:
    """A closed tour from a central warehouse, driven every ``cycle_days``."""

    central: str
    cycle_days: int
    stops: tuple[str, ...]
    load_kg: float
    length_km: float


@dataclass(frozen=True, slots=True)
class ProductPlan:
    id: str
    objective: float
    costs: Costs
    central: tuple[CentralOrder, ...]
    warehouses: tuple[WarehouseOrder, ...]
    trips: tuple[Trip, ...]


@dataclass(frozen=True, slots=True)
class SolverRun:
    """Which solver made the plan, and how long it took."""

    name: str
    seed: int
    generations: int
    seconds: float
    time_to_best_seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    case: str
    solver: SolverRun
    objective: float
    stage1: float
    stage2: float
    lower_bound: float | None
    proven_optimal: bool
    products: tuple[ProductPlan, ...]

    @property
    def gap(self) -> float | None:
        """Objective over lower bound, less one; None where no bound is known."""
        if self.lower_bound is None or self.lower_bound <= 0:
            return None
        return max(0.0, self.objective / self.lower_bound - 1.0)

    @property
    def controllable_gap(self) -> float | None:
        """The gap as a share of all costs but the purchase value of what is procured."""
        if self.lower_bound is None:
            return None
        bought = math.fsum(product.costs.procurement for product in self.products)
        rest = self.objective - bought
        return max(0.0, self.objective - self.lower_bound) / rest if rest > 0 else None

    def to_dict(self) -> dict[str, object]:
        return {"format": FORMAT, **_plain(asdict(self))}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_dict(cls, plan: Mapping[str, object]) -> Plan:
        """The plan a file holds. Raises PlanFormatError naming the key at fault."""
        if plan.get("format") != FORMAT:
            raise PlanFormatError("format", f"expected {FORMAT!r}, got {plan.get('format')!r}")
        run = _entry(plan, "solver", "solver")
        bound = plan.get("lower_bound")
        return cls(
            case=_text(plan, "case", "case"),
            solver=SolverRun(
                name=_text(run, "name", "solver.name"),
                seed=int(_number(run, "seed", "solver.seed")),
                generations=int(_number(run, "generations", "solver.generations")),
                seconds=_number(run, "seconds", "solver.seconds"),
                time_to_best_seconds=_number(
                    run, "time_to_best_seconds", "solver.time_to_best_seconds"
                ),
            ),
            objective=_number(plan, "objective", "objective"),
            stage1=_number(plan, "stage1", "stage1"),
            stage2=_number(plan, "stage2", "stage2"),
            lower_bound=None if bound is None else _number(plan, "lower_bound", "lower_bound"),
            proven_optimal=plan.get("proven_optimal") is True,
            products=tuple(
                _product(row, f"products[{n}]")
                for n, row in enumerate(_list(plan, "products", "products"))
            ),
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        try:
            value = json.loads(text)
        except ValueError as error:
            raise PlanFormatError("(file)", f"not JSON: {error}") from error
        return cls.from_dict(_mapping(value, "(plan)"))


def _plain(value: dict[str, object]) -> dict[str, object]:
    """Tuples as lists, as a JSON reader would give them back."""
    converted: dict[str, object] = json.loads(json.dumps(value))
    return converted


def _product(row: object, at: str) -> ProductPlan:
    value = _mapping(row, at)
    costs = _entry(value, "costs", f"{at}.costs")
    return ProductPlan(
        id=_text(value, "id", f"{at}.id"),
        objective=_number(value, "objective", f"{at}.objective"),
        costs=Costs(*(_number(costs, f.name, f"{at}.costs.{f.name}") for f in fields(Costs))),
        central=tuple(_central(v, p) for v, p in _rows(value, "central", at)),
        warehouses=tuple(_warehouse(v, p) for v, p in _rows(value, "warehouses", at)),
        trips=tuple(_trip(v, p) for v, p in _rows(value, "trips", at)),
    )


def _central(row: Mapping[str, object], at: str) -> CentralOrder:
    return CentralOrder(
        id=_text(row, "id", f"{at}.id"),
        cycle_days=_whole(row, "cycle_days", at),
        quantity_kg=_number(row, "quantity_kg", f"{at}.quantity_kg"),
        safety_stock_kg=_number(row, "safety_stock_kg", f"{at}.safety_stock_kg"),
    )


def _warehouse(row: Mapping[str, object], at: str) -> WarehouseOrder:
    return WarehouseOrder(
        id=_text(row, "id", f"{at}.id"),
        central=_text(row, "central", f"{at}.central"),
        cycle_days=_whole(row, "cycle_days", at),
        quantity_kg=_number(row, "quantity_kg", f"{at}.quantity_kg"),
        safety_stock_kg=_number(row, "safety_stock_kg", f"{at}.safety_stock_kg"),
    )


def _trip(row: Mapping[str, object], at: str) -> Trip:
    stops = _list(row, "stops", f"{at}.stops")
    if not stops or not all(isinstance(stop, str) for stop in stops):
        raise PlanFormatError(f"{at}.stops", "expected warehouse ids")
    return Trip(
        central=_text(row, "central", f"{at}.central"),
        cycle_days=_whole(row, "cycle_days", at),
        stops=tuple(str(stop) for stop in stops),
        load_kg=_number(row, "load_kg", f"{at}.load_kg"),
        length_km=_number(row, "length_km", f"{at}.length_km"),
    )


def _mapping(value: object, at: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise PlanFormatError(at, "expected an object")
    return value


def _entry(row: Mapping[str, object], key: str, at: str) -> Mapping[str, object]:
    return _mapping(row.get(key), at)


def _list(row: Mapping[str, object], key: str, at: str) -> list[object]:
    value = row.get(key)
    if not isinstance(value, list):
        raise PlanFormatError(at, "expected a list")
    return value


def _rows(row: Mapping[str, object], key: str, at: str) -> list[tuple[Mapping[str, object], str]]:
    path = f"{at}.{key}"
    values = _list(row, key, path)
    return [(_mapping(v, f"{path}[{n}]"), f"{path}[{n}]") for n, v in enumerate(values)]


def _text(row: Mapping[str, object], key: str, at: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise PlanFormatError(at, f"expected a text, got {value!r}")
    return value


def _number(row: Mapping[str, object], key: str, at: str) -> float:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PlanFormatError(at, f"expected a finite number, got {value!r}")
    return float(value)


def _whole(row: Mapping[str, object], key: str, at: str) -> int:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PlanFormatError(f"{at}.{key}", f"expected a whole number, got {value!r}")
    return value
