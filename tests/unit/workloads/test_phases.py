"""The phase of a workload, against every row of the published table of phases.

The rows are those of "Workloads" in NVIDIA's documentation of Run:ai.
"""

import pytest

from windlass.workloads.phases import DesiredPhase, Facts, Phase, phase_of

RUNNING, STOPPED, DELETED = DesiredPhase.RUNNING, DesiredPhase.STOPPED, DesiredPhase.DELETED

ROWS = [
    ("accepted, no pods yet", Facts(RUNNING, 2), Phase.CREATING),
    ("pods exist, none scheduled", Facts(RUNNING, 2, alive=2), Phase.PENDING),
    ("pods exist, some scheduled", Facts(RUNNING, 2, alive=2, placed=1), Phase.PENDING),
    ("all scheduled, starting", Facts(RUNNING, 2, alive=2, placed=2), Phase.INITIALIZING),
    (
        "all scheduled, one ready",
        Facts(RUNNING, 2, alive=2, placed=2, ready=1, ready_once=1, routed=True),
        Phase.INITIALIZING,
    ),
    (
        "all ready, route not acknowledged",
        Facts(RUNNING, 2, alive=2, placed=2, ready=2, ready_once=2),
        Phase.INITIALIZING,
    ),
    (
        "all ready and routed",
        Facts(RUNNING, 2, alive=2, placed=2, ready=2, ready_once=2, routed=True),
        Phase.RUNNING,
    ),
    (
        "all have been ready, one is not now, first time",
        Facts(RUNNING, 2, alive=2, placed=2, ready=1, ready_once=2, routed=True),
        Phase.RUNNING,
    ),
    (
        "was running, a replica lost readiness",
        Facts(RUNNING, 2, 2, 2, 2, ready=1, ready_once=2, unhealthy=1, routed=True, has_run=True),
        Phase.DEGRADED,
    ),
    (
        "was running, a replica has no place",
        Facts(RUNNING, 2, 2, alive=2, placed=1, ready=1, ready_once=1, routed=True, has_run=True),
        Phase.DEGRADED,
    ),
    (
        "was running, recovered",
        Facts(RUNNING, 2, 2, alive=2, placed=2, ready=2, ready_once=2, routed=True, has_run=True),
        Phase.RUNNING,
    ),
    (
        "scaling up beyond the minimum",
        Facts(RUNNING, 3, 1, alive=3, placed=2, ready=1, ready_once=1, routed=True, has_run=True),
        Phase.RUNNING,
    ),
    (
        "scaling up, and what is new crashes",
        Facts(RUNNING, 3, 1, 3, 3, ready=2, ready_once=2, unhealthy=1, routed=True, has_run=True),
        Phase.DEGRADED,
    ),
    ("waking", Facts(RUNNING, 1, 0, alive=1, routed=True, has_run=True), Phase.RUNNING),
    ("begins with none", Facts(RUNNING, 0, routed=True), Phase.RUNNING),
    ("scaled to zero", Facts(RUNNING, 0, routed=True, has_run=True), Phase.RUNNING),
    ("given up", Facts(RUNNING, 2, alive=2, placed=2, failed=True), Phase.FAILED),
    ("done", Facts(RUNNING, 1, completed=True), Phase.COMPLETED),
    ("suspended, pods still there", Facts(STOPPED, 2, alive=1, has_run=True), Phase.STOPPING),
    ("suspended", Facts(STOPPED, 2), Phase.STOPPED),
    ("resumed, no pods yet", Facts(RUNNING, 2, was_stopped=True), Phase.RESUMING),
    ("deletion asked for", Facts(DELETED, 2, alive=2, ready=2, has_run=True), Phase.DELETING),
    ("deletion of a failed one", Facts(DELETED, 2, failed=True), Phase.DELETING),
]


@pytest.mark.parametrize(("facts", "phase"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_phase(facts: Facts, phase: Phase) -> None:
    assert phase_of(facts) is phase
