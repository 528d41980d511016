"""Scenario files: TOML in, a Scenario out, or one ScenarioRefused that names file and key."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from device_sim.errors import ScenarioRefused
from device_sim.scenario.model import Scenario

SHIPPED: Final = resources.files("device_sim") / "scenarios"


def parse_scenario(
    text: str, *, source: str, duration_s: float | None = None, seed: int | None = None
) -> Scenario:
    """The scenario in a TOML text; `source` names it in errors. Raises ScenarioRefused.

    duration_s and seed take the place of the file's own.
    """
    try:
        values = tomllib.loads(text)
        if duration_s is not None:
            values["duration_s"] = duration_s
        if seed is not None:
            values["seed"] = seed
        return Scenario.model_validate(values)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioRefused(f"{source}: not TOML: {error}") from error
    except ValidationError as error:
        raise ScenarioRefused(f"{source}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    loc = problem["loc"]
    # After an index stands the kind, which pydantic took to choose the model by; not a key.
    parts = [str(part) for i, part in enumerate(loc) if i != 2 or loc[0] == "work"]
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown key"
    elif problem["type"] == "missing":
        message = "missing"
    elif problem["type"] == "union_tag_not_found":
        return f"{'.'.join(parts)}.kind: missing"
    elif problem["type"] == "union_tag_invalid":
        return f"{'.'.join(parts)}.kind: {message}"
    elif parts:
        message = f"{message}, got {problem['input']!r}"
    return f"{'.'.join(parts)}: {message}" if parts else message


def shipped_names() -> list[str]:
    """The scenarios that come with the package, by name."""
    files = [each.name for each in SHIPPED.iterdir() if each.name.endswith(".toml")]
    return sorted(name.removesuffix(".toml") for name in files)


def load_scenario(
    wanted: str, *, duration_s: float | None = None, seed: int | None = None
) -> Scenario:
    """A shipped scenario by name, or one by path. Raises ScenarioRefused."""
    if wanted in shipped_names():
        text = (SHIPPED / f"{wanted}.toml").read_text(encoding="utf-8")
        return parse_scenario(text, source=wanted, duration_s=duration_s, seed=seed)
    path = Path(wanted)
    if not path.exists():
        known = ", ".join(shipped_names())
        raise ScenarioRefused(f"{wanted}: no such file, and no scenario of ours: {known}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ScenarioRefused(f"{wanted}: cannot be read: {reason}") from error
    return parse_scenario(text, source=wanted, duration_s=duration_s, seed=seed)
