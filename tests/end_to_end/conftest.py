"""Platforms that end-to-end tests share."""

import json
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.platforms import ROOT, Platform, canary, eventually, running
from tests.end_to_end.replicas import Deploy, Replica
from tools.container_engine import OwnEngine

_SHARED = pytest.StashKey[Platform]()


@pytest.fixture(scope="session")
def platform(scratch_root: Path, request: pytest.FixtureRequest) -> Iterator[Platform]:
    """One platform that tests share: each names its own workloads and deletes them."""
    images = scratch_root / "host-images.json"
    images.write_text(json.dumps(HOST_IMAGES))
    environment = {"NOT_FOR_REPLICAS": "of the control plane", **QUICK_AUTOSCALER}
    for started in running(
        scratch_root / "shared",
        *("--simulate-gpus", "4xH100-80GB"),
        *("--node-label", "zone=near", "--node-label", "rank=5", "--node-label", "run.ai/type=lab"),
        *("--simulate-node", FAR_NODE),
        host_images=images,
        environment=environment,
    ):
        request.session.stash[_SHARED] = started
        yield started


@pytest.fixture(scope="module", autouse=True)
def _leave_the_platform_as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """What is left behind breaks whichever file comes next in this process."""
    yield
    platform = request.session.stash.get(_SHARED, None)
    if platform is None:
        return
    eventually(lambda: not platform.get("/api/v1/workloads")["workloads"], "an end of workloads")
    for path, key in (
        ("/api/v1/org-unit/departments", "departments"),
        ("/api/v1/org-unit/projects", "projects"),
        ("/api/v1/node-pools", "nodepools"),
    ):
        units = [unit["name"] for unit in platform.get(path)[key]]
        assert units == ["default"], f"{path}: left behind by this file"


@pytest.fixture(scope="module")
def container_platform(scratch_root: Path, container_engine: OwnEngine) -> Iterator[Platform]:
    """One platform with containers that the tests of a file share, as they share `platform`.

    No longer than that: also one that has nothing to do takes its share of a processor.
    """
    options = (*container_engine.options, "--container-pids-limit", "300")
    folder = Path(tempfile.mkdtemp(prefix="containers-", dir=scratch_root)) / "data"
    yield from running(folder, *options, "--simulate-gpus", "4xH100-80GB")


@pytest.fixture
def deploy(platform: Platform) -> Iterator[Deploy]:
    """Runs the canary with more in its spec, until the test ends."""
    made: list[str] = []

    def run(phase: str = "Running", /, name: str = "", **spec: Any) -> Replica:
        fields = spec.pop("fields", {})
        body = canary(**spec)
        created = platform.submit(name or f"f-{uuid.uuid4().hex[:8]}", body, **fields)
        made.append(created["workloadId"])
        platform.wait_for_phase(created["workloadId"], phase)
        replica = Replica(platform, created)
        if phase == "Pending":
            eventually(lambda: replica.workload["phaseMessage"], "the reason why it waits")
        return replica

    yield run
    for workload_id in made:
        platform.call("DELETE", f"/api/v1/workloads/inferences/{workload_id}")
    for workload_id in made:
        platform.wait_until_gone(workload_id)


@pytest.fixture
def own_platform(scratch_root: Path, request: pytest.FixtureRequest) -> Iterator[Platform]:
    """A platform of this test's own, which it may stop, kill and start."""
    directory = Path(tempfile.mkdtemp(dir=scratch_root))
    options = getattr(request, "param", ())
    yield from running(directory / "data", *options)


@pytest.fixture(scope="session")
def scratch_root() -> Iterator[Path]:
    """A folder that other users can pass through, as replicas of a project's user must."""
    made = Path(tempfile.mkdtemp(prefix="windlass-test-"))
    os.chmod(made, 0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


QUICK_AUTOSCALER = {
    "WINDLASS_AUTOSCALER_STABLE_WINDOW_SECONDS": "6",
    "WINDLASS_SCALE_TO_ZERO_GRACE_SECONDS": "0",
    "WINDLASS_METRIC_PERIOD_SECONDS": "2",
    "WINDLASS_DOWNSCALE_STABILIZATION_SECONDS": "4",
}
"""The same rules as ever, with shorter windows than a platform has by default."""

FAR_NODE = "far-node,label=zone=far,taint=dedicated=lab:NoSchedule,gpus=8xB200-180GB"
"""Only declared: what nothing but it could take waits, and is told so."""

_CANARY = ROOT / "examples" / "canary"
HOST_IMAGES = {
    "host/canary": {
        "command": [sys.executable, "canary.py"],
        "workingDir": str(_CANARY),
        "as": "platform",
    },
    "host/open-canary": {
        "command": [sys.executable, str(_CANARY / "canary.py")],
        "args": ["from-entry"],
        "env": {"COLOUR": "red", "SHAPE": "round", "TOLD": "$(COLOUR) on $(PORT)"},
        "open": True,
        "as": "platform",
    },
    "host/words": {
        "command": [sys.executable, "-m", "tests.integration.gateway.grpc_replica"],
        "workingDir": str(ROOT),
        "as": "platform",
    },
}
"""A server of gRPC, the example's entry, and one whose request may change everything."""
