# Pins the questions that only pages ask, on each store: sums, expiring lots, climate, sessions.

from functools import partial

from cloud_sync.contract import documents as doc
from cloud_sync.store import glances
from cloud_sync.store.credentials import Credential, hash_token, revoke_token
from cloud_sync.store.ports import Database
from cloud_sync.store.pulse import read_pulse
from cloud_sync.store.sessions import SESSION_US, end_session, find_session, open_session
from tests.rigs.shown_cloud import HOUR_US, ShownCloud, gtin_of

NOW_US = 1_800_000_000_000_000  # 2027-01-15T08:00Z
SPINACH = gtin_of(5)


async def test_what_pages_ask_is_answered_alike_by_each_store(database: Database) -> None:
    shown = ShownCloud(database, NOW_US, n_items=12)
    await shown.fill()

    held = await database.read(glances.read_holdings)
    lots = await database.read(partial(glances.read_shelf_lots, warehouse="W1"))
    spinach = [it for it in lots if it.item == SPINACH]
    assert {it.warehouse for it in held} == {"C1", "W1", "W2", "W3"}
    assert sum(it.quantity for it in held if (it.warehouse, it.item) == ("W1", SPINACH)) == sum(
        it.quantity for it in spinach
    )
    assert spinach == await database.read(
        partial(glances.read_shelf_lots, warehouse="W1", item=SPINACH)
    )
    assert all(it.expiry is not None for it in spinach if it.lot != "L9999Z")

    near = await database.read(
        partial(glances.read_expiring, since="2027-01-10", until="2027-01-18")
    )
    assert near
    assert [it.expiry for it in near] == sorted(it.expiry for it in near)
    assert {it.expiry for it in near} <= {f"2027-01-{day}" for day in range(10, 19)}

    counts = await database.read(glances.count_open)
    assert counts["W2", "excursion"] == 1
    assert counts["W1", "sensor_fault"] == 1
    assert counts["W1", "negative_stock"] == sum(it.quantity < 0 for it in lots)

    samples = await database.read(
        partial(glances.read_samples, warehouse="W2", since_us=NOW_US - HOUR_US)
    )
    assert {it.zone for it in samples} == {"ambient", "frozen", "refrigerated"}
    assert [it.at_us for it in samples] == sorted(it.at_us for it in samples)
    assert len(samples) == 3 * 6
    assert all(it.centi_c is not None and it.centi_pct is not None for it in samples)

    recent = await database.read(partial(glances.read_recent, warehouse="W2", limit=5))
    times = [it.event["occurred_at_us"] for it in recent]
    assert len(times) == 5
    assert times == sorted(times, key=str, reverse=True)

    policies = await database.read(partial(glances.read_contents, kind=doc.POLICY, warehouse="W1"))
    assert len(policies) == 12

    pulse = await database.read(read_pulse)
    assert pulse.batches["W1"] == pulse.batches["W2"] > 0
    assert pulse.contacts_us["W1"] == NOW_US
    assert pulse.feed > 0


async def test_a_session_is_worth_its_token_and_no_more(database: Database) -> None:
    shown = ShownCloud(database, NOW_US, n_items=0)
    await shown.let_users_in()
    token = shown.tokens["berlin"]

    async def opened(name: str, secret: str) -> Credential | None:
        script = partial(open_session, name=name, token=token, secret=secret, now_us=NOW_US)
        return await database.transact(script)

    async def found(secret: str, now_us: int = NOW_US) -> Credential | None:
        return await database.read(partial(find_session, secret=secret, now_us=now_us))

    assert await opened("ana", "a") is None
    assert await found("a") is None
    first = await opened("berlin", "b")
    assert first is not None
    assert first.scope == frozenset({"W1"})
    assert await found("b") == first
    assert await found("b", NOW_US + SESSION_US) is None
    assert await opened("berlin", "c") == first
    await database.transact(partial(end_session, secret="b"))
    assert await found("b") is None
    token_id = hash_token(token).hex()[:16]
    await database.transact(partial(revoke_token, token_id=token_id, now_us=NOW_US))
    assert await found("c") is None
