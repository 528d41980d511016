"""Pins the command line: plans on disk, exit codes, one clear line on bad input, instant help."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from optimizer import Plan
from optimizer.__main__ import _interruptible, main
from tests.optimizer.oracle.public_cases import CHECKOUT
from tests.optimizer.oracle.tiny import flat_case, random_case

M_COMPANY = str(CHECKOUT / "deploy" / "example" / "m_company.json")


@pytest.fixture
def twenty(tmp_path: Path) -> str:
    """A case with more warehouses than can be proven."""
    path = tmp_path / "twenty.json"
    path.write_text(json.dumps(random_case(1, warehouses=20, centrals=1)))
    return str(path)


def test_solve_writes_a_plan_that_certify_proves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, judged = tmp_path / "plan.json", tmp_path / "judged.json"
    assert main(["solve", M_COMPANY, "--solver", "exact", "--output", str(plan)]) == 0
    assert "127,529.94" in capsys.readouterr().out
    arguments = ["certify", M_COMPANY, "--plan", str(plan), "--json", "--output", str(judged)]
    assert main(arguments) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads(judged.read_text())
    assert shown["format"] == "forepost-plan/1"
    assert shown["proven_optimal"] is True


def test_certify_tells_what_there_is_to_gain_of_what_is_not_bought(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.json"
    assert main(["solve", M_COMPANY, "--solver", "fixed-cycle", "--output", str(path)]) == 0
    capsys.readouterr()
    assert main(["certify", M_COMPANY, str(path)]) == 0
    shown = capsys.readouterr().out
    plan = Plan.from_json(path.read_bytes())
    bought = sum(product.costs.procurement for product in plan.products)
    least = 127529.93519583542
    gap, part = plan.objective / least - 1, (plan.objective - least) / (plan.objective - bought)
    assert f"lower bound 127,529.94: at most {gap:.2%} to gain" in shown
    assert f"at most {part:.1%} of what is not purchase value" in shown


def test_solved_plan_of_a_small_case_is_proven(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", M_COMPANY, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["lower_bound"] == plan["objective"] == pytest.approx(127529.93519583542)
    assert plan["proven_optimal"] is True


def test_solved_plan_of_a_larger_case_bears_a_lower_bound(
    twenty: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["solve", twenty, "--max-generations", "2", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert 0.8 * plan["objective"] < plan["lower_bound"] < plan["objective"]
    assert plan["proven_optimal"] is False


def test_interrupt_asks_for_the_best_plan_and_a_second_one_ends() -> None:
    before = signal.getsignal(signal.SIGINT)
    with _interruptible() as is_interrupted:
        assert not is_interrupted()
        signal.raise_signal(signal.SIGINT)
        assert is_interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_options_of_the_search_are_heeded(twenty: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["solve", twenty, "--seed", "4", "--max-generations", "2", "--json"]
    assert main(arguments) == 0
    run = json.loads(capsys.readouterr().out)["solver"]
    assert (run["name"], run["seed"], run["generations"]) == ("hybrid", 4, 2)


def test_bad_case_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(flat_case() | {"service_z": "high"}))
    assert main(["solve", str(bad)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "service_z" in error


def test_missing_plan_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certify", M_COMPANY, "--plan", "no-such-plan.json"]) == 2
    assert "no-such-plan.json" in capsys.readouterr().err


def test_plan_that_breaks_limits_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.json"
    assert main(["solve", M_COMPANY, "--solver", "fixed-cycle", "--output", str(path)]) == 0
    plan = json.loads(path.read_text())
    plan["products"][0]["trips"][0]["stops"].pop()
    path.write_text(json.dumps(plan))
    capsys.readouterr()
    assert main(["certify", M_COMPANY, str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "on 0 trips" in error


def test_infeasible_case_is_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(flat_case(vehicle={"capacity_kg": 5})))
    assert main(["solve", str(path)]) == 1
    assert "vehicle.capacity_kg" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--time-limit=0", "--max-generations=0", "--target-gap=-1"])
def test_bad_option_is_exit_2(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["solve", M_COMPANY, option])
    assert caught.value.code == 2
    assert option.split("=", maxsplit=1)[0] in capsys.readouterr().err


def test_help_does_not_load_numpy() -> None:
    code = (
        "import sys\n"
        "from optimizer.__main__ import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "sys.exit('numpy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert run.returncode == 0
    assert "solve" in run.stdout
