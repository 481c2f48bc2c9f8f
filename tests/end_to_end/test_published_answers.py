"""What the API says of workloads that really run, wait, crash and go is as published."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.described_answers import DescribedAnswers
from tests.end_to_end.platforms import Platform, canary, eventually

WORKLOADS = "/api/v1/workloads"
FULL: dict[str, Any] = {
    "args": "some words",
    "environmentVariables": [{"name": "A", "value": "b"}],
    "labels": [{"name": "a", "value": "b"}],
    "ports": [{"container": 9000, "serviceType": "NodePort"}],
    "exposedUrls": [{"container": 9001, "authorizedUsers": ["ann@example.org"]}],
    "compute": {
        "gpuDevicesRequest": 1,
        "gpuRequestType": "memory",
        "gpuMemoryRequest": "10Gi",
        "cpuCoreRequest": 0.1,
        "cpuCoreLimit": 1,
        "cpuMemoryRequest": "10Mi",
        "cpuMemoryLimit": "1Gi",
    },
}


@pytest.fixture
def ids(platform: Platform) -> Iterator[dict[str, str]]:
    """One workload in each state, by state."""
    specs = {
        "running": canary(**FULL),
        "waiting": canary(compute={"gpuDevicesRequest": 5}),
        "crashing": canary("--exit-at-start 1"),
        "gone": canary(),
    }
    made = {
        name: str(platform.submit(f"published-{name}", spec)["workloadId"])
        for name, spec in specs.items()
    }
    platform.wait_for_phase(made["running"], "Running")
    eventually(lambda: platform.workload(made["waiting"])["phaseMessage"], "why it waits")
    eventually(lambda: platform.workload(made["crashing"])["phaseReason"], "the crash")
    platform.wait_for_phase(made["gone"], "Running")
    platform.delete(made["gone"])
    yield made
    for name in ("running", "waiting", "crashing"):
        platform.delete(made[name])


def test_answers_about_workloads_in_every_state_are_as_published(
    platform: Platform, ids: dict[str, str]
) -> None:
    answers = DescribedAnswers(platform)
    paths = [WORKLOADS, f"{WORKLOADS}?deleted=true", "/api/v1/clusters"]
    paths += ["/readyz", "/api/v1/platform", f"{WORKLOADS}/live"]
    for name, workload_id in ids.items():
        paths += [f"{WORKLOADS}/{workload_id}/{part}" for part in ("pods", "events")]
        paths.append(f"{WORKLOADS}/{workload_id}/pods?deleted=true")
        if name != "gone":
            paths += [f"{WORKLOADS}/{workload_id}", f"{WORKLOADS}/inferences/{workload_id}"]
    for path in paths:
        answers.ask("GET", path)
    shown = platform.workload(ids["waiting"])
    assert shown["pendingSchedulingMessages"], "one that the check has looked at"
    assert platform.pods(ids["running"])[0]["allocatedResources"]["gpu"] > 0
