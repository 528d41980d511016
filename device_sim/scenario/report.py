"""The report of a scenario: what was sent, what had to arrive, and whether it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from device_sim.scenario import checks, sensor_checks
from device_sim.scenario.books import BusBook, ReaderBook, ScannerBook, SensorBook
from device_sim.scenario.evidence import Evidence
from device_sim.scenario.fleet import Book, health_names
from device_sim.scenario.model import Scenario, SensorDrifting
from device_sim.stage import check
from device_sim.stage.ledger import Ledger
from device_sim.stage.memory import Life, lives
from device_sim.stage.picking import check_picking
from device_sim.world import Place

Row = dict[str, object]


def judge(scenario: Scenario, evidence: Evidence) -> list[check.Check]:
    """All checks. Scans, tags and stock have come to rest; sensors never do, so of them only
    what they said while the doors were open must be there."""
    edge = [row for rows in evidence.journals.values() for row in rows]
    last_seqs = {
        gateway: int(str(rows[-1]["seq"])) if rows else 0
        for gateway, rows in evidence.journals.items()
    }
    in_time = {gateway: evidence.acknowledged(gateway, seq) for gateway, seq in last_seqs.items()}
    troubles, until_s = evidence.troubles, evidence.closed_at_s
    return [
        check.verdict("everything came to rest", evidence.undone_at_end),
        check.check_receipts(evidence.ledgers),
        check.check_scans(evidence.ledgers, edge, where="journal"),
        check.check_scans(evidence.ledgers, evidence.events),
        check.check_journal_order(evidence.events, in_time, after=evidence.first_seqs),
        checks.check_same_rows(evidence.journals, evidence.events),
        *_check_picking(evidence),
        *_check_stock(evidence),
        checks.check_times(evidence.ledgers, edge),
        *checks.check_tags(evidence.readers, edge, troubles),
        checks.check_samples(
            evidence.sensors, edge, troubles, since_s=evidence.opened_at_s, until_s=until_s
        ),
        checks.check_bus(evidence.buses, edge, troubles, until_s),
        checks.check_belts(evidence.scanners, edge, troubles),
        *sensor_checks.check_sensor_faults(
            evidence.sensors_watched,
            sensor_checks.told_faults(edge, zero_us=evidence.zero_us),
            troubles,
            drifts_of(scenario),
        ),
        checks.check_health(
            health_names(scenario.devices),
            {report.warehouse: report.devices for report in evidence.reports.values()},
            troubles,
        ),
        check.verdict(
            "the cloud set nothing aside", (str(row.get("reason")) for row in evidence.set_aside)
        ),
        checks.check_memory(memory_lives(evidence)),
    ]


def drifts_of(scenario: Scenario) -> dict[str, float]:
    """How fast each sensor that is made to drift does, in °C per second."""
    drifting = (fault for fault in scenario.faults if isinstance(fault, SensorDrifting))
    return {fault.target: fault.celsius_per_s for fault in drifting}


def memory_lives(evidence: Evidence) -> dict[str, list[Life]]:
    """How the memory of every gateway went, life by life."""
    return {gateway: lives(measured) for gateway, measured in evidence.memory.items()}


def _check_picking(evidence: Evidence) -> list[check.Check]:
    if evidence.shop is None:
        return []
    return check_picking(evidence.orders, evidence.pickers, evidence.shop)


def _check_stock(evidence: Evidence) -> list[check.Check]:
    """Stock of what the world moved: what was there before, and what its acts changed."""
    expected = Counter(evidence.world.truth)
    expected.update(check.balances(evidence.ours(evidence.cloud_baseline)))
    edges = [evidence.ours(report.stock) for report in evidence.reports.values()]
    cloud = evidence.ours(evidence.cloud_stock)
    return [
        *check.check_stock(_without_zeros(expected), edges, cloud),
        check.check_conserved(cloud),
    ]


def _without_zeros(balances: Mapping[Place, int]) -> dict[Place, int]:
    return {place: units for place, units in balances.items() if units}


def make_report(
    scenario: Scenario, evidence: Evidence, verdicts: Sequence[check.Check]
) -> dict[str, object]:
    """The report as `--json` writes it."""
    edge = [row for rows in evidence.journals.values() for row in rows]
    return {
        "ok": all(each.holds for each in verdicts),
        "title": scenario.title,
        "seed": scenario.seed,
        "duration_s": scenario.duration_s,
        "checks": [each.to_dict() for each in verdicts],
        "devices": [
            *(_pda_row(ledger, edge) for ledger in evidence.ledgers),
            *(_book_row(book, evidence, edge) for book in evidence.books.values()),
        ],
        "faults": dict(sorted(Counter(trouble.kind for trouble in evidence.troubles).items())),
        "skipped": evidence.skipped,
        "sensor_faults_told": [
            {
                "device": told.device,
                "kind": told.kind,
                "at_s": round(told.at_s - evidence.opened_at_s, 1),
            }
            for told in sensor_checks.told_faults(edge, zero_us=evidence.zero_us)
        ],
        "gateways": {
            gateway: {
                "rows": len(rows),
                "memory": [_life_row(life) for life in memory_lives(evidence).get(gateway, [])],
            }
            for gateway, rows in evidence.journals.items()
        },
        "events": check.count_types(edge),
    }


def _pda_row(ledger: Ledger, edge: Sequence[check.Row]) -> Row:
    """sent counts scans, not how often each was sent; resent counts that."""
    ours = {
        mark for expect in ("recorded", "refused", "answered") for mark in ledger.marks(expect)
    }
    marks = Counter(check.mark_of(check.event_of(row)) for row in edge if check.is_scan(row))
    return {
        "device": ledger.device,
        "kind": "pda",
        "boot": ledger.boot,
        "sent": len(ledger.entries),
        "must_arrive": len(ledger.marks("recorded")),
        "arrived": sum(marks[mark] for mark in ours),
        "resent": ledger.n_resent,
        "repeats": ledger.n_repeats,
        "malformed": ledger.n_raw,
    }


def _book_row(book: Book, evidence: Evidence, edge: Sequence[check.Row]) -> Row:
    """must_arrive: what no fault excuses; more arrives where a fault did less than it may."""
    types = Counter((check.event_of(row).get("type"), _named(row, book.device)) for row in edge)
    troubles, until_s = evidence.troubles, evidence.closed_at_s
    match book:
        case SensorBook():
            kind, sent, event_type = "climate", len(book.sent), checks.SAMPLED
            since_s = evidence.opened_at_s
            required = checks.required_samples(book, troubles, since_s=since_s, until_s=until_s)
            must = len(required)
        case BusBook():
            kind, sent, event_type = "xy-md02", book.n_said, checks.SAMPLED
            must = sum(
                len(checks.required_answers(book, address, troubles, until_s))
                for address in book.units
            )
        case ScannerBook():
            kind, sent, event_type = "scanner", book.n_scanned, checks.INSPECTED
            must = len(checks.required_lots(book, troubles))
        case ReaderBook():
            kind, sent, event_type = "reader", len(book.visits), checks.ARRIVED
            must = checks.required_visits(book, troubles)
    row: Row = {
        "device": book.device,
        "kind": kind,
        "sent": sent,
        "must_arrive": must,
        "arrived": types[event_type, True],
    }
    if isinstance(book, SensorBook):
        row["boot"] = book.boot
    if isinstance(book, ReaderBook):
        left = types[checks.LEFT, True]
        row |= {"reads": book.n_reads, "left": left, "strays": len(book.strays)}
    return row


def _named(row: check.Row, device: str) -> bool:
    mark = check.event_of(row).get("device")
    name = str(mark.get("id")) if isinstance(mark, Mapping) else ""
    return name == device or name.startswith(f"{device}.")


def _life_row(life: Life) -> Row:
    return {
        "seconds": round(life.seconds, 1),
        "start_mb": round(life.start_bytes / 2**20, 1),
        "end_mb": round(life.end_bytes / 2**20, 1),
        "peak_mb": round(life.peak_bytes / 2**20, 1),
        "minutes_mb": [round(size / 2**20, 1) for size in life.minutes_bytes],
    }


def report_lines(report: Mapping[str, object]) -> list[str]:
    """What was sent and what arrived, for people; the checks come after it."""
    lines = [f"{report['title']} (seed {report['seed']}, {report['duration_s']:g} s)", ""]
    lines.append(f"{'device':<20} {'kind':<8} {'sent':>7} {'must arrive':>12} {'arrived':>8}")
    devices = report["devices"]
    if not isinstance(devices, list):
        raise AssertionError("the report has no list of devices")
    for row in devices:
        counts = f"{row['sent']:>7} {row['must_arrive']:>12} {row['arrived']:>8}"
        lines.append(f"{row['device']:<20} {row['kind']:<8} {counts}")
    lines.append("")
    faults, gateways = report["faults"], report["gateways"]
    if not isinstance(faults, dict) or not isinstance(gateways, dict):
        raise AssertionError("the report has no faults or gateways")
    happened = ", ".join(f"{kind} {n}" for kind, n in faults.items()) or "none"
    lines.append(f"faults: {happened}")
    told = report["sensor_faults_told"]
    if isinstance(told, list) and told:
        shown = ", ".join(f"{row['device']} {row['kind']} at {row['at_s']:g} s" for row in told)
        lines.append(f"sensor faults told: {shown}")
    for gateway, row in gateways.items():
        lines += [
            f"{gateway}: {life['start_mb']} MB after its start, {life['end_mb']} MB at its"
            f" end {life['seconds']:g} s later, {life['peak_mb']} MB at most"
            for life in row["memory"]
        ]
    skipped = report["skipped"]
    if isinstance(skipped, list):
        lines += [f"not done: {each}" for each in skipped]
    return [*lines, ""]
