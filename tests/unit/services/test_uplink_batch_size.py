# Pins how many rows a batch has: what the settings allow and the cloud says it takes.

import pytest

from cloud_sync.contract.batches import EVENTS_UNTOLD
from gateway.ports import Draft, Entry
from gateway.services.uplink import UP
from tests.fakes.sync_bench import Bench


async def test_a_cloud_that_does_not_say_gets_what_every_cloud_takes(tmp_path: object) -> None:
    bench = Bench(tmp_path, batch_events=5000)
    await bench.journal_rows(2 * EVENTS_UNTOLD + 1)
    await bench.until(lambda: bench.journal.cursors.get(UP) == 2 * EVENTS_UNTOLD + 1)
    assert bench.cloud.rows == [EVENTS_UNTOLD, EVENTS_UNTOLD, 1]


async def test_batches_grow_to_what_the_cloud_says(tmp_path: object) -> None:
    bench = Bench(tmp_path, batch_events=5000)
    bench.cloud.events_max = EVENTS_UNTOLD + 50
    await bench.journal_rows(6 * EVENTS_UNTOLD)
    await bench.until(lambda: bench.journal.cursors.get(UP) == 6 * EVENTS_UNTOLD)
    assert bench.cloud.rows[0] == EVENTS_UNTOLD
    assert max(bench.cloud.rows) == EVENTS_UNTOLD + 50


async def test_batches_stay_within_the_settings(tmp_path: object) -> None:
    bench = Bench(tmp_path, batch_events=EVENTS_UNTOLD + 7)
    bench.cloud.events_max = 5000
    await bench.journal_rows(4 * EVENTS_UNTOLD)
    await bench.until(lambda: bench.journal.cursors.get(UP) == 4 * EVENTS_UNTOLD)
    assert max(bench.cloud.rows) == EVENTS_UNTOLD + 7


async def test_a_cloud_that_became_older_is_sent_less_again(tmp_path: object) -> None:
    bench = Bench(tmp_path, batch_events=5000)
    bench.cloud.events_max = 5000
    await bench.journal_rows(5 * EVENTS_UNTOLD)
    await bench.until(lambda: bench.journal.cursors.get(UP) == 5 * EVENTS_UNTOLD)
    assert max(bench.cloud.rows) > EVENTS_UNTOLD
    bench.cloud.events_max = None
    bench.cloud.rows.clear()
    await bench.journal_rows(5 * EVENTS_UNTOLD)
    await bench.until(lambda: bench.journal.cursors.get(UP) == 10 * EVENTS_UNTOLD)
    assert [n for n in bench.cloud.rows if n > EVENTS_UNTOLD] == bench.cloud.rows[:1]


@pytest.mark.parametrize(
    ("n_bytes", "rows"),
    [(20_000, [3, 3]), (21_844, [3, 3]), (21_845, [3, 3]), (21_846, [2, 2, 2])],
)
async def test_a_batch_ends_where_the_next_row_does_not_fit(
    tmp_path: object, n_bytes: int, rows: list[int]
) -> None:
    bench = Bench(tmp_path, batch_events=10, batch_bytes=65_538)
    body = b'{"n":"' + b"x" * (n_bytes - 8) + b'"}'
    drafts = tuple(Draft(str(i), "t", 0, body) for i in range(6))
    await bench.journal.append([Entry(drafts)])
    await bench.until(lambda: bench.journal.cursors.get(UP) == 6)
    assert bench.cloud.rows == rows


async def test_a_row_larger_than_a_batch_goes_alone(tmp_path: object) -> None:
    bench = Bench(tmp_path, batch_events=10, batch_bytes=65_536)
    body = b'{"n":"' + b"x" * 70_000 + b'"}'
    await bench.journal.append([Entry(tuple(Draft(str(i), "t", 0, body) for i in range(2)))])
    await bench.until(lambda: bench.journal.cursors.get(UP) == 2)
    assert bench.cloud.rows == [1, 1]
