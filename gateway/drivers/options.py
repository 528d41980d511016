"""A driver's own settings: typed and closed like the rest of the configuration."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.errors import ConfigError
from gateway.settings import DeviceSettings


class Options(BaseModel):
    """Base of every driver's options: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


OptionsT = TypeVar("OptionsT", bound=Options)


def parse_options(model: type[OptionsT], device: DeviceSettings) -> OptionsT:
    """The device's options as `model`. Raises ConfigError with the path of the key."""
    try:
        return model.model_validate(dict(device.options))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in problem["loc"])
        what = "unknown key" if problem["type"] == "extra_forbidden" else problem["msg"]
        raise ConfigError(f"devices.{device.name}.options.{path}: {what}") from error
