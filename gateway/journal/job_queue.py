"""What waits for the journal's writer, and when it is worth a commit.

A sync costs the same for one row and for many, so jobs gather: while the sync before runs, and
then until the first of them, or the end of that sync, is `wait_s` ago. What comes after a quiet
time, alone or gathered on its way, does not wait at all. Jobs that bring no row wait longer for
a group to ride with, and go before all that devices have queued.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from gateway.ports import Clock, Draft, Entry, Statements
from gateway.settings import JournalSettings

SLOW_WAITS: Final = 4
"""How many times the configured wait a group waits at most, on a slow disk."""
ROWLESS_WAITS: Final = 6
"""How many times the configured wait jobs without rows wait for some to ride with."""
COMMIT_WEIGHT: Final = 0.25
"""What the newest commit counts in the mean of how long commits take."""


@dataclass(slots=True)
class Job:
    """One call's share of a transaction."""

    done: asyncio.Future[int]
    queued_at_s: float
    entries: Sequence[Entry] = ()
    drafts: Sequence[Draft] = ()
    effects: Statements = ()
    cursor: tuple[str, int] | None = None

    @property
    def weight(self) -> int:
        """How many entries and events it brings."""
        return len(self.entries) + len(self.drafts)


class JobQueue:
    """Jobs in order. Iterating gives those that wait."""

    def __init__(self, settings: JournalSettings, clock: Clock) -> None:
        self._group_max = settings.group_max
        self._least_s = settings.group_wait_ms / 1000
        self._clock = clock
        self._jobs: deque[Job] = deque()
        self._weight = 0
        self._has_jobs = asyncio.Event()
        self._has_company = asyncio.Event()
        self._commit_s = 0.0
        self._ended_s = -inf
        self.is_closed = False

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs)

    def put(self, job: Job) -> None:
        """Queue one."""
        had = self._weight
        self._jobs.append(job)
        self._weight += job.weight
        self._has_jobs.set()
        if self._weight > had and (not had or self._is_full):
            self._has_company.set()

    def close(self) -> None:
        """Wait no more: what is here is all there will be."""
        self.is_closed = True
        self._has_jobs.set()
        self._has_company.set()

    def committed(self, began_s: float) -> None:
        """A commit that began then has just ended."""
        self._ended_s = self._clock.monotonic()
        self._commit_s += (self._ended_s - began_s - self._commit_s) * COMMIT_WEIGHT

    @property
    def wait_s(self) -> float:
        """How long a first job waits for company now: as long as a commit takes, within bounds.

        At least what is configured, and SLOW_WAITS times that at most: on a disk that needs
        longer than the wait, a lone message would otherwise cost a whole sync of its own.
        """
        return min(max(self._least_s, self._commit_s), self._least_s * SLOW_WAITS)

    async def next_group(self) -> list[Job]:
        """Jobs for one transaction, as soon as it is worth it; none once closed and empty."""
        while not self._jobs:
            if self.is_closed:
                return []
            self._has_jobs.clear()
            await self._has_jobs.wait()
        while not self._is_full and (rest_s := self._rest_s()) > 0:
            self._has_company.clear()
            try:
                async with asyncio.timeout(rest_s):
                    await self._has_company.wait()
            except TimeoutError:
                break
        return self._take()

    @property
    def _is_full(self) -> bool:
        return self.is_closed or self._weight >= self._group_max

    def _rest_s(self) -> float:
        """How long to wait for company from now on, as things stand."""
        now_s = self._clock.monotonic()
        if not self._weight:
            return self._jobs[0].queued_at_s + self._least_s * ROWLESS_WAITS - now_s
        came_s = next(job.queued_at_s for job in self._jobs if job.weight)
        return min(came_s, self._ended_s) + self.wait_s - now_s

    def _take(self) -> list[Job]:
        group: list[Job] = []
        weight = 0
        while self._jobs and (not group or weight < self._group_max):
            job = self._jobs.popleft()
            weight += job.weight
            group.append(job)
        if self._jobs:
            # Behind all that devices have queued, consumers would fall back beyond `recent`.
            group += [job for job in self._jobs if not job.weight]
            self._jobs = deque(job for job in self._jobs if job.weight)
        self._weight -= weight
        return group
