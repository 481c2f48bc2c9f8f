"""What the real KAI-Scheduler did on small clusters, and what we do.

`data/kai_scenarios.jsonl.gz` holds the recorded scenarios (inputs and outcomes);
`data/kai_differences.json` every difference in what runs, with its cause.
"""

import json

import pytest

from tests.unit.scheduling.kai_scenarios import DATA, Phase, played, recorded
from tests.unit.scheduling.snapshots import (
    below_minimum,
    over_bounds,
    oversubscribed,
    places_after,
    without_need,
)

UNDETERMINED = frozenset(record["id"] for record in recorded() if record["nondeterministic"])
"""Scenarios whose outcome differed between runs of KAI itself."""


def compared() -> list[Phase]:
    return [phase for phase in played() if phase.scenario not in UNDETERMINED]


def differing(phases: list[Phase]) -> list[Phase]:
    return [phase for phase in phases if phase.running() != phase.recorded_running()]


def test_fair_shares_are_equal_in_all() -> None:
    for phase in played():
        shares = (phase.plan.fair_shares or {})["default"]
        for queue_id, queue in phase.outcome["queues"].items():
            assert shares[queue_id][0] == queue["fair_share_gpu"] * 1_000_000, phase.scenario


@pytest.mark.parametrize(("number", "at_least"), [(1, 0.95), (2, 0.85)])
def test_the_same_pods_run(number: int, at_least: float) -> None:
    phases = [phase for phase in compared() if phase.number == number]
    same = len(phases) - len(differing(phases))
    print(f"phase {number}: the same pods run in {same} of {len(phases)}")
    assert same >= at_least * len(phases)


def test_every_difference_has_its_cause_on_file() -> None:
    filed = {
        (entry["scenario"], entry["phase"]): set(entry["workloads"])
        for entry in json.loads((DATA / "kai_differences.json").read_text())
    }
    found = {}
    for phase in differing(compared()):
        ours, theirs = phase.running(), phase.recorded_running()
        found[phase.scenario, phase.number] = {job for job in ours if ours[job] != theirs[job]}
    assert found == filed


def test_reasons_agree_in_kind_where_the_same_pods_run() -> None:
    for phase in compared():
        if phase.running() != phase.recorded_running():
            continue
        waiting = {pending.workload_id: pending for pending in phase.plan.pending}
        for name, job in phase.outcome["jobs"].items():
            if "reason" in job:
                kinds = {job["reason"], *job["pending_reasons"]}
                assert waiting[name].reasons[0].code in kinds, (phase.scenario, name)


def test_no_outcome_oversubscribes_breaks_a_bound_splits_a_gang_or_evicts_without_need() -> None:
    for phase in played():
        places = places_after(phase.snapshot, phase.plan)
        assert oversubscribed(phase.snapshot, places) == [], phase.scenario
        assert over_bounds(phase.snapshot, places) == [], phase.scenario
        assert below_minimum(phase.snapshot, places) == [], phase.scenario
        assert without_need(phase.snapshot, phase.plan) == [], phase.scenario
