"""Values that are made for every message: never changed, and cheap to make.

A frozen dataclass sets each field through `object.__setattr__`, which makes it two and a half
times as dear as an open one, and of an event's way to the disk a tenth. So these are frozen to
the type checker, which the house's rules make strict, and open to the interpreter. They compare
and hash by their fields, as frozen dataclasses do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """A dataclass with slots that nobody changes."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def named_value(cls: type[T]) -> type[T]:
    """The same, made with the names of its fields."""
    return dataclass(slots=True, unsafe_hash=True, kw_only=True)(cls)
