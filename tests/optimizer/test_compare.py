"""Pins the contest: everybody priced alike, nobody left out in silence, one command, one page."""

import json
from pathlib import Path

import pytest

from optimizer import parse_case
from optimizer.__main__ import main
from optimizer.compare import Contest, contest_table, hold_contest
from optimizer.opponents import Opponent
from optimizer.solving import SOLVERS
from tests.optimizer.oracle.brute_force import best_plan
from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.tiny import random_case

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # the libraries' own
]


@pytest.fixture(scope="module")
def case() -> Json:
    return random_case(2, warehouses=4, centrals=2)


@pytest.fixture(scope="module")
def contest(case: Json) -> Contest:
    return hold_contest(parse_case(case), seeds=(1, 2), evaluations=100)


def test_nobody_beats_the_proven_optimum_and_some_meet_it(case: Json, contest: Contest) -> None:
    optimum = best_plan(case)["objective"]
    assert min(s.best for s in contest.standings) == pytest.approx(optimum, rel=1e-9)
    by_name = {s.contestant: s for s in contest.standings}
    assert by_name["exact"].worst == pytest.approx(optimum, rel=1e-9)
    assert by_name["hybrid"].hits == 2


def test_everybody_stands_or_is_left_out_with_a_reason(contest: Contest) -> None:
    named = [s.contestant for s in contest.standings] + [name for name, _ in contest.left_out]
    assert sorted(named) == sorted((*SOLVERS, "pymoo GA", "PyGAD", "DEAP eaSimple"))
    assert all(reason for _, reason in contest.left_out)


def test_standings_come_by_median(contest: Contest) -> None:
    medians = [s.median for s in contest.standings]
    assert medians == sorted(medians)


def test_missing_library_is_left_out_visibly(case: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Opponent("Nowhere GA", "no_such_package", lambda _chromosome, _seed: None)
    monkeypatch.setattr("optimizer.compare.OPPONENTS", (absent,))
    contest = hold_contest(parse_case(case), seeds=(1,), evaluations=50)
    assert contest.left_out == (
        ("Nowhere GA", "not installed: pip install no_such_package (group bench)"),
    )
    assert "| Nowhere GA | left out: not installed" in contest_table(contest)


def test_one_command_writes_the_page(
    case: Json, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, written = tmp_path / "case.json", tmp_path / "docs" / "compare.md"
    file.write_text(json.dumps(case))
    arguments = ["compare", str(file), "--seeds", "1", "--evaluations", "60"]
    assert main([*arguments, "--write", str(written)]) == 0
    assert "| hybrid | 1 |" in capsys.readouterr().out
    assert "| hybrid | 1 |" in written.read_text()
    assert main([*arguments, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["evaluations"] == 60
    assert {"contestant", "median", "seconds_median"} <= set(found["standings"][0])


def test_bad_count_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["compare", "case.json", "--seeds", "0"])
    assert refused.value.code == 2
    assert "expected at least 1" in capsys.readouterr().err
