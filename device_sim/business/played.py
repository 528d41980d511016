"""Plays many pieces, in several processes, and keeps what came of each: a run that was killed
goes on where it was.

Results are lines of JSON, added as they come:

    {"format": "forepost-played/1", "key", "scenario", "policy", "seed", "days", "remarks",
     "counts": {name: numbers}}

A line is written whole and reaches the disk before the next one; one that was cut off has no end
of line and is dropped. `key` is `pieces.key_of`: of another scenario, seed, rule or state of the
code a result is never taken. What comes of a piece does not depend on who played it, and numbers
are written so that the same ones are read, so any number of workers tells the same.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from device_sim.business.pieces import Outcome, Piece, key_of, play_piece
from device_sim.business.world_days import Counts
from device_sim.errors import PlayRefused
from device_sim.leash import put_on

Numbers = list[float] | list[list[float]]


class _Line(BaseModel):
    """A result as it is kept."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    format: Literal["forepost-played/1"] = "forepost-played/1"
    key: str
    scenario: str
    policy: str
    seed: int
    days: int
    remarks: list[str]
    counts: dict[str, Numbers]


class Record:
    """The file of results. One run at a time adds to it. Raises PlayRefused, naming it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[str, _Line] = {}
        self._file: IO[bytes] = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except BlockingIOError as error:
            self._file.close()
            raise PlayRefused(f"{path}: another run is adding to it") from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, key: str) -> Outcome | None:
        """What came of a piece, if it was played."""
        line = self._lines.get(key)
        return None if line is None else _outcome_of(line)

    def add(self, key: str, piece: Piece, found: Outcome) -> None:
        """Keep what came of a piece."""
        counts = {each.name: getattr(found.counts, each.name) for each in fields(Counts)}
        line = _Line(
            key=key,
            scenario=piece.business.name,
            policy=found.policy,
            seed=found.seed,
            days=found.days,
            remarks=list(found.remarks),
            counts={name: values.tolist() for name, values in counts.items()},
        )
        self._file.write(line.model_dump_json().encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._lines[key] = line

    def _read(self) -> None:
        self._file.seek(0)
        end = 0
        for n, text in enumerate(self._file, start=1):
            if not text.endswith(b"\n"):
                break
            try:
                line = _Line.model_validate_json(text)
            except ValidationError as error:
                raise PlayRefused(f"{self._path}: line {n} is no result of a play") from error
            self._lines[line.key] = line
            end += len(text)
        self._file.truncate(end)


def _outcome_of(line: _Line) -> Outcome:
    counts = Counts(**{name: np.array(values) for name, values in line.counts.items()})
    return Outcome(line.policy, line.seed, line.days, counts, tuple(line.remarks))


@dataclass(slots=True)
class Tally:
    """How many pieces were played, and how many were known."""

    played: int = 0
    known: int = 0

    def told(self) -> str:
        """The same as words."""
        return f"{self.played} plays until now, and {self.known} that were known"


@dataclass(frozen=True, slots=True)
class Players:
    """Plays pieces that the record does not know; `PlayAll` as a value.

    pool: None plays them here, one after the other.
    """

    record: Record | None
    pool: ProcessPoolExecutor | None
    tally: Tally = field(default_factory=Tally)

    def __call__(self, pieces: Sequence[Piece]) -> list[Outcome]:
        keys = [key_of(piece) for piece in pieces]
        found: dict[str, Outcome] = {}
        missing: dict[str, Piece] = {}
        for key, piece in zip(keys, pieces, strict=True):
            known = None if self.record is None else self.record.get(key)
            if known is not None:
                found[key] = known
            else:
                missing[key] = piece
        self.tally.known += len(found)
        for key, result in self._played(missing):
            found[key] = result
            self.tally.played += 1
            if self.record is not None:
                self.record.add(key, missing[key], result)
        return [found[key] for key in keys]

    def _played(self, missing: dict[str, Piece]) -> Iterator[tuple[str, Outcome]]:
        """As they come, which is in no order where there is a pool."""
        if self.pool is None:
            for key, piece in missing.items():
                yield key, play_piece(piece)
            return
        futures: dict[Future[Outcome], str] = {
            self.pool.submit(play_piece, piece): key for key, piece in missing.items()
        }
        try:
            for done in as_completed(futures):
                yield futures[done], done.result()
        except BrokenProcessPool as error:
            raise PlayRefused(
                "a worker was killed, by want of memory perhaps; the same command goes on, "
                "with fewer workers if need be"
            ) from error


@contextmanager
def players(*, workers: int, path: Path | None, say: Callable[[str], None]) -> Iterator[Players]:
    """Players with so many processes of their own (1: none) and results in `path`, if any."""
    kept: AbstractContextManager[Record | None] = nullcontext() if path is None else Record(path)
    with kept as record:
        if record is not None and len(record) > 0:
            say(f"{path}: {len(record)} results are known; what was played before is not again")
        if workers == 1:
            yield Players(record, None)
            return
        # No fork: what runs in threads of the parent, such as numpy's, would hang in the child.
        pool = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(os.getpid(),),
        )
        try:
            yield Players(record, pool)
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(parent: int) -> None:
    """In a worker: it dies with its parent, and leaves Ctrl-C to it."""
    put_on(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
