# Pins the pages of plans: what waits stands first, one plan tells why and against what, and a word
# on it is the API's own, by those who may say it.

from __future__ import annotations

import pytest

from cloud_sync.dashboard.explained import read_explanation
from cloud_sync.store.ports import Database
from tests.rigs.planner_site import DAY_US, HOUR_US, PlannerSite
from tests.rigs.reader import Reader

PLAN = "/ui/plans/J1/PL-2"


@pytest.fixture
async def site(database: Database, now_us: list[int]) -> PlannerSite:
    it = PlannerSite(database, now_us[0])
    await it.open()
    return it


@pytest.fixture
async def proposed(site: PlannerSite) -> PlannerSite:
    """A plan that went by itself, and one after it that waits."""
    await site.propose("PL-1", age_us=3 * DAY_US, waits=False, cycle_days=3)
    await site.propose("PL-2", age_us=HOUR_US)
    return site


async def test_what_waits_for_somebody_stands_first(proposed: PlannerSite, reader: Reader) -> None:
    await reader.sign_in("ana", "planner")
    page = await reader.see("/ui/plans")
    waiting, _, others = page.partition('id="others-h"')
    assert "PL-2" in waiting
    assert "24 units are more than 20" in waiting
    assert "PL-1" in others
    assert "PL-1" not in waiting


async def test_a_plan_tells_why_against_what_and_what_without_it(
    proposed: PlannerSite, reader: Reader
) -> None:
    await reader.sign_in("ana", "planner")
    page = await reader.see(PLAN)
    assert "6 are left for PL-2, order at 9" in page
    assert "Tea &amp; &lt;honey&gt;" in page
    assert "<honey>" not in page
    assert "&lt;South&gt;" in page, "the map, too, escapes names"
    assert "lasts 0.4 d" in page
    assert "990 of 1\u202f000 kg used" in page
    assert "ambient · current" in page.lower()
    cycles = page.partition('id="plan-cycles"')[2].partition("</table>")[0]
    assert '<strong>2</strong></td><td class="number">3</td>' in cycles
    assert "48" in page.partition('class="graph"')[2], "controllable cost, the sum of six terms"


async def test_a_supervisor_approves_it_and_sees_it_ordered(
    proposed: PlannerSite, reader: Reader
) -> None:
    await reader.sign_in("ana", "supervisor")
    fields = {"decision": "approved", "reason": "I counted", "key": "0123456789ab"}
    said = await reader.send(PLAN, fields, seen=PLAN)
    assert (said.status_code, said.headers["location"]) == (303, f"{PLAN}?said=approved")
    page = await reader.see(said.headers["location"])
    assert "Approved. The transfer" in page
    assert 'aria-current="step"><span class="shape" aria-hidden="true">●</span>Ordered' in page
    assert "<q>I counted</q>" in page
    # Twice pressed is said once; and then there is nothing more to say.
    again = await reader.send(PLAN, fields, seen="/ui/overview")
    assert again.status_code == 303
    late = await reader.send(PLAN, {**fields, "key": "another-key"}, seen="/ui/overview")
    assert late.status_code == 409
    assert "went on meanwhile" in late.text


async def test_a_word_needs_a_reason(proposed: PlannerSite, reader: Reader) -> None:
    await reader.sign_in("ana", "planner")
    said = await reader.send(PLAN, {"decision": "rejected", "reason": "  "}, seen=PLAN)
    assert said.status_code == 400
    assert "a decision needs a reason" in said.text
    assert "Proposed" in await reader.see(PLAN)


async def test_who_may_only_look_is_offered_no_button(
    proposed: PlannerSite, reader: Reader
) -> None:
    await reader.sign_in("leo", "read-only")
    assert 'name="decision"' not in await reader.see(PLAN)
    refused = await reader.send(PLAN, {"decision": "approved", "reason": "x"}, seen="/ui/overview")
    assert refused.status_code == 403


async def test_plans_of_others_are_not_there(proposed: PlannerSite, reader: Reader) -> None:
    await reader.sign_in("bo", "planner", frozenset({"J2"}))
    assert "PL-2" not in await reader.see("/ui/plans")
    assert (await reader.get(PLAN)).status_code == 403
    assert (await reader.get("/ui/plans?warehouse=J1")).status_code == 403


async def test_a_plan_that_is_not_there_says_so(site: PlannerSite, reader: Reader) -> None:
    await reader.sign_in("ana", "planner")
    assert "There are no plans yet" in await reader.see("/ui/plans")
    for path in ("/ui/plans/J1/PL-9", "/ui/plans/J1/a%20b"):
        assert (await reader.get(path)).status_code == 404


async def test_a_plan_without_a_network_plan_is_shown_all_the_same(
    site: PlannerSite, reader: Reader
) -> None:
    await site.propose("PL-1")
    raw = site.book.bodies[-1]
    assert b"network_plan" in raw
    await reader.sign_in("ana", "planner")
    page = await reader.see("/ui/plans/J1/PL-1")
    assert "There is no earlier network plan" in page


def test_what_a_newer_gateway_explains_in_another_way_is_left_out() -> None:
    told = {"binding": [{"limit": "vehicle"}], "without": {"n_out": "many"}, "dark": 3, "new": 1}
    why = read_explanation(told)
    assert [it.limit for it in why.binding] == ["vehicle"]
    assert (why.without, why.dark) == (None, [])


async def test_both_languages(proposed: PlannerSite, reader: Reader) -> None:
    await reader.sign_in("ana", "planner")
    await reader.http.post("/ui/choose", data={"language": "zh", "theme": "auto", "to": PLAN})
    page = await reader.see(PLAN)
    assert "待批准" in page
    assert "茶" in page
