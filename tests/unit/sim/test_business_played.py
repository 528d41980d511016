"""Pins how pieces of the business simulation are played: the same results by any number of
workers, nothing played twice, nothing taken over from another scenario or state of the code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from device_sim.__main__ import main
from device_sim.business import pieces, trial
from device_sim.business.pieces import Ours, Outcome, Piece, Thumb, key_of, play_piece
from device_sim.business.played import Players, Record, players
from device_sim.business.policies import Rule
from device_sim.business.scenario import SHIPPED, Business, load_business, resized
from device_sim.errors import PlayRefused

pytestmark = pytest.mark.slow
POLL_S = 0.02


def tiny() -> Business:
    business = resized(load_business("normal-weeks"), weeks=1, skus=6)
    return business.model_copy(update={"warehouses": 2, "warmup_days": 1, "history_days": 28})


BUSINESS = tiny()
OFTEN = Thumb("fixed-cycle", (Rule(1, 2, 1.0),) * 3)
SELDOM = Thumb("full-truck", (Rule(4, 7, 2.0),) * 3)
PIECES = [Piece(BUSINESS, seed, player) for seed in (1, 2) for player in (OFTEN, SELDOM)]


def nothing(text: str) -> None:
    """Say it to nobody."""


def described(found: list[Outcome]) -> list[object]:
    return [
        (it.policy, it.seed, it.days, it.remarks, it.figures(), it.counts.costs.tolist())
        for it in found
    ]


def test_any_number_of_workers_tells_the_same(tmp_path: Path) -> None:
    told = []
    for workers in (1, 2):
        path = tmp_path / f"{workers}.jsonl"
        with players(workers=workers, path=path, say=nothing) as play_all:
            told.append(described(play_all(PIECES)))
            assert play_all.tally.played == len(PIECES)
        # Lines come in whatever order the workers were done.
        told[-1].append(sorted(path.read_text(encoding="utf-8").splitlines()))
    assert told[0] == told[1]


def test_what_was_played_is_read_and_not_played_again(tmp_path: Path) -> None:
    path = tmp_path / "played.jsonl"
    with players(workers=1, path=path, say=nothing) as play_all:
        first = play_all(PIECES[:3])
    said: list[str] = []
    with players(workers=1, path=path, say=said.append) as play_all:
        again = play_all(PIECES)
        assert (play_all.tally.known, play_all.tally.played) == (3, 1)
    assert described(again[:3]) == described(first)
    assert said == [f"{path}: 3 results are known; what was played before is not again"]
    assert np.array_equal(again[3].counts.sold, play_piece(PIECES[3]).counts.sold)


def test_a_line_that_was_cut_off_is_played_again(tmp_path: Path) -> None:
    path = tmp_path / "played.jsonl"
    with players(workers=1, path=path, say=nothing) as play_all:
        play_all(PIECES[:2])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with players(workers=1, path=path, say=nothing) as play_all:
        play_all(PIECES[:2])
        assert (play_all.tally.known, play_all.tally.played) == (1, 1)
    assert path.read_bytes() == whole


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n", encoding="utf-8")
    with pytest.raises(PlayRefused, match=r"notes\.txt: line 1 is no result"):
        Record(path)
    assert path.read_text(encoding="utf-8") == "remember the milk\n"


def test_two_runs_do_not_add_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "played.jsonl"
    with Record(path), pytest.raises(PlayRefused, match="another run"):
        Record(path)
    with Record(path) as record:
        assert len(record) == 0


def test_a_key_is_of_all_that_decides_what_comes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    piece = PIECES[0]
    classes = (
        BUSINESS.classes[0].model_copy(update={"trip_cost": 1.0}),
        *BUSINESS.classes[1:],
    )
    others = [
        piece,
        replace(piece, seed=2),
        replace(piece, business=BUSINESS.model_copy(update={"classes": classes})),
        replace(piece, player=SELDOM),
        replace(piece, player=Thumb("reorder-point", OFTEN.rules)),
        replace(piece, player=Ours(0.99, 2.0)),
        replace(piece, player=Ours(0.98, 2.0)),
        replace(piece, player=Ours(0.99, 1.0)),
    ]
    keys = [key_of(each) for each in others]
    assert len(set(keys)) == len(keys)
    assert key_of(replace(piece)) == keys[0]
    monkeypatch.setattr(pieces, "_code", lambda: "another state of the code")
    assert key_of(piece) != keys[0]


def test_all_modules_that_play_are_part_of_the_key() -> None:
    """Every module that a play loads of this room and of the solver is one whose text counts."""
    room = "device_sim.business."
    source = f"import sys; import {room}pieces; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)
    loaded = {
        name.removeprefix(room) for name in done.stdout.decode().split() if name.startswith(room)
    }
    assert loaded == set(pieces.PLAYED_BY)


def test_workers_die_with_the_run_that_was_killed(tmp_path: Path) -> None:
    text = (SHIPPED / "normal-weeks.toml").read_text(encoding="utf-8")
    file = tmp_path / "few.toml"
    file.write_text(text.replace("weeks = 4", "weeks = 26"), encoding="utf-8")
    command = [sys.executable, "-m", "device_sim", "business", str(file), "--workers", "2"]
    with subprocess.Popen([*command, "--skus", "10"], stderr=subprocess.PIPE) as run:
        try:
            workers = wait_for_children(run, 2)
        finally:
            run.send_signal(signal.SIGKILL)
            run.wait(60)
    while any(is_running(pid) for pid in workers):
        time.sleep(POLL_S)  # the kernel kills them in its own time


def wait_for_children(run: subprocess.Popen[bytes], n: int) -> list[int]:
    """The processes that the run started to play with."""
    while run.poll() is None:
        found = (
            Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text(encoding="ascii").split()
        )
        playing = [int(child) for child in found if "spawn_main" in command_of(int(child))]
        if len(playing) >= n:
            return playing
        time.sleep(POLL_S)
    raise AssertionError(f"the run ended by itself with {run.returncode}")


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def is_running(pid: int) -> bool:
    """Whether it is there and no zombie that its new parent has yet to bury."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_scenarios_are_played_one_after_the_other_and_told_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run whose results are all known tells the same, from the file alone."""
    for name, values in {"CYCLES": {"full-truck": (2,)}, "PROCUREMENT_DAYS": (3,),
                         "FACTORS": (1.0,), "STEPS": (0.0,), "FINE_STEPS": (),
                         "TUNING_SEEDS": (900_001,)}.items():  # fmt: skip
        monkeypatch.setattr(trial, name, values)
    files = []
    for name in ("alpha", "beta"):
        text = (SHIPPED / "normal-weeks.toml").read_text(encoding="utf-8")
        text = text.replace("weeks = 4", "weeks = 1\nwarmup_days = 1\nwarehouses = 2")
        files.append(tmp_path / f"{name}.toml")
        files[-1].write_text(text.replace('"normal-weeks"', f'"{name}"'), encoding="utf-8")
    out = tmp_path / "out"
    command = ["business", *map(str, files), "--seeds", "2", "--skus", "3"]
    command += ["--policy", "full-truck", "--output", str(out)]
    assert main(command) == 0
    first = capsys.readouterr()
    assert first.out.rstrip().endswith((out / "overview.md").read_text(encoding="utf-8").rstrip())
    n_results = len((out / "played.jsonl").read_text(encoding="utf-8").splitlines())
    assert main(command) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert f"{n_results} results are known" in second.err
    assert "beta: 0 plays until now" in second.err
    told = json.loads((out / "beta.json").read_text(encoding="utf-8"))
    assert told["seeds"] == 2


def test_a_command_without_a_scenario_says_what_is_expected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["business"]) == 2
    assert "expected a SCENARIO or --all" in capsys.readouterr().err


def test_two_scenarios_of_one_name_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.toml"
    copy.write_text((SHIPPED / "heat-wave.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["business", "heat-wave", str(copy)]) == 1
    assert "got 'heat-wave'" in capsys.readouterr().err


def test_players_play_here_without_a_pool() -> None:
    play_all = Players(record=None, pool=None)
    assert described(play_all([PIECES[1], PIECES[0]])) == described(
        [play_piece(PIECES[1]), play_piece(PIECES[0])]
    )
