"""Pins the auditor: a real run of the real programs passes, and each way to spoil it is caught."""

from __future__ import annotations

import ast
import json
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.auditor.__main__ import audit, main
from tests.auditor.mutants import MUTANTS, Mutant
from tests.auditor.reading import read_cloud, read_device_log, read_journal
from tests.auditor.records import History, Limits
from tests.auditor.rules import Verdict
from tests.rigs.fault_site import LABEL, PATIENCE_S, receive, running_site, waste
from tests.rigs.handheld import handheld
from tests.rigs.made_once import made_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a run: two handhelds, one low stock, one plan, one repeat, one refusal."""
    return made_once(
        tmp_path_factory, "good-run", lambda kept: play(tmp_path_factory.mktemp("run"), kept)
    )


def play(directory: Path, kept: Path) -> None:
    with running_site(directory) as site:
        site.open_office(is_planning=True)
        site.gateway.start()
        site.until_papers_are_there()
        port, journal = site.broker.port, site.journal
        with (
            handheld(port, "pda-1", site.log, journal=journal) as one,
            handheld(port, "pda-2", site.log, journal=journal) as two,
        ):
            for _ in range(10):
                receive(one, 2)
                receive(two, 1, "R-02")
            one.settle(120)
            two.settle(120)
            waste(one, 19)
            waste(two, 8, "R-02")
            one.scan(LABEL.replace("4352", "4353"), type="receive")
            one.settle(120)
            two.settle(120)
            status = site.gateway.until(lambda report: bool(report["plans"]), PATIENCE_S)
            status = site.until_drained()
            site.write_truth(one, two)
        site.stop_drained()
        assert site.cloud.terminate() == 0
        (kept / "status.json").write_text(json.dumps(status))
        for path in (site.journal, site.log, Path(site.cloud.database), site.gateway.log):
            shutil.copy(path, kept)


def verdicts_on(directory: Path) -> dict[int, Verdict]:
    history = History(
        log=read_device_log(directory / "devices.jsonl"),
        journals=[read_journal(directory / "journal.db")],
        cloud=read_cloud(directory / "cloud.db"),
        statuses=[json.loads((directory / "status.json").read_text())],
        logs=[directory / "gateway.log"],
        limits=Limits(is_drained=True, secrets=("s3cret-of-this-run",)),
    )
    return {verdict.number: verdict for verdict in audit(history)}


def test_a_good_run_passes_every_invariant(good: Path) -> None:
    verdicts = verdicts_on(good)
    assert sorted(verdicts) == list(range(1, 19))
    assert not [str(each) for each in verdicts.values() if each.outcome != "pass"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_spoilt_run_is_caught(good: Path, tmp_path: Path, mutant: Mutant) -> None:
    shutil.copytree(good, tmp_path, dirs_exist_ok=True)
    mutant.change(tmp_path)
    verdicts = verdicts_on(tmp_path)
    failed = [number for number, verdict in verdicts.items() if verdict.outcome == "fail"]
    assert mutant.rule in failed, f"noticed by {failed} only"


def test_each_invariant_is_broken_by_some_mutant() -> None:
    assert {mutant.rule for mutant in MUTANTS} == set(range(1, 19))
    assert len(MUTANTS) == len({mutant.name for mutant in MUTANTS}) >= 50


def test_an_export_of_the_interface_serves_as_well(good: Path, tmp_path: Path) -> None:
    shutil.copytree(good, tmp_path, dirs_exist_ok=True)
    with sqlite3.connect(tmp_path / "cloud.db") as cloud:
        cloud.row_factory = sqlite3.Row
        rows = [dict(row) for row in cloud.execute("select * from received")]
        stock = [dict(row) for row in cloud.execute("select * from stock")]
        ends = [dict(row) for row in cloud.execute(
            "select g.gateway, g.warehouse, g.epoch, e.seq as acknowledged_seq"
            " from gateways g join epochs e using (warehouse, epoch)")]  # fmt: skip
    for row in rows:
        row["event"] = json.loads(row.pop("body"))
        del row["link"]
    export = {"events": rows, "quarantine": [], "stock": stock, "gateways": ends}
    (tmp_path / "cloud.db").write_text(json.dumps(export))
    assert not [str(each) for each in verdicts_on(tmp_path).values() if each.outcome != "pass"]
    rows[5]["event"]["type"] = "goods.lost"
    (tmp_path / "cloud.db").write_text(json.dumps(export))
    assert verdicts_on(tmp_path)[6].outcome == "fail"


def test_the_command_prints_each_verdict_and_fails_where_one_does(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(good, tmp_path, dirs_exist_ok=True)
    command = ["--journal", str(tmp_path / "journal.db"), "--log", str(tmp_path / "devices.jsonl")]
    assert main(command) == 0
    assert capsys.readouterr().out.count("\n") >= 18
    MUTANTS[0].change(tmp_path)
    assert main([*command, "--json"]) == 1
    verdicts = json.loads(capsys.readouterr().out)
    assert next(each["number"] for each in verdicts if each["outcome"] == "fail") == 1
    assert main(["--journal", str(tmp_path / "none.db")]) == 2


def test_the_auditor_shares_no_code_with_the_product() -> None:
    own = Path(__file__).parent
    allowed = set(sys.stdlib_module_names)
    for path in own.glob("*.py"):
        if path.name == Path(__file__).name:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                is_own = name.startswith("tests.auditor")
                assert is_own or name.split(".")[0] in allowed, f"{path.name} imports {name}"
