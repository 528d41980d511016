"""What a rule is, and how all of them are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tests.auditor.records import Cloud, DeviceLog, History

SHOWN: Final = 5


class NotChecked(Exception):
    """The rule needs something that was not given; the text says what."""


Rule = Callable[[History], Iterator[str]]


@dataclass(frozen=True)
class Verdict:
    """One rule's answer. evidence: what is wrong, or why nothing was looked at."""

    number: int
    title: str
    outcome: Literal["pass", "fail", "not checked"]
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = "".join(f"\n      {each}" for each in self.evidence[:SHOWN])
        more = len(self.evidence) - SHOWN
        rest = f"\n      and {more} more" if more > 0 else ""
        return f"{self.number:4}  {self.outcome:11}  {self.title}{shown}{rest}"


RULES: Final[dict[int, tuple[str, Rule]]] = {}


def rule(number: int, title: str) -> Callable[[Rule], Rule]:
    """Register a rule; it yields what is wrong."""

    def register(function: Rule) -> Rule:
        if number in RULES:
            raise AssertionError(f"rule {number} is there twice")
        RULES[number] = title, function
        return function

    return register


def ask_all(history: History) -> list[Verdict]:
    """Every rule's verdict, by number."""
    return [_ask(number, *RULES[number], history) for number in sorted(RULES)]


def _ask(number: int, title: str, function: Rule, history: History) -> Verdict:
    try:
        problems = tuple(function(history))
    except NotChecked as why:
        return Verdict(number, title, "not checked", (str(why),))
    return Verdict(number, title, "fail" if problems else "pass", problems)


def log_of(history: History) -> DeviceLog:
    """The device log. Raises NotChecked."""
    if history.log is None:
        raise NotChecked("no device log was given")
    return history.log


def cloud_of(history: History) -> Cloud:
    """The cloud. Raises NotChecked."""
    if history.cloud is None:
        raise NotChecked("no cloud was given")
    return history.cloud


def some(things: Iterable[object]) -> str:
    """A few of them, for evidence."""
    listed = list(things)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(map(str, listed[:SHOWN])) + more
