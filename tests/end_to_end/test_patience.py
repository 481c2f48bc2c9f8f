"""Requests that wait end once it is certain that nothing will answer them, with the reason."""

import threading
import time
import uuid
from collections.abc import Iterator

import pytest

from tests.end_to_end.platforms import Answer, Platform, canary, eventually

WHOLE_MACHINE = {"gpuDevicesRequest": 4, "gpuRequestType": "portion", "gpuPortionRequest": 1}
ONE_GPU = {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 1}
ASLEEP = {"minReplicas": 0, "maxReplicas": 1, "initialReplicas": 0}
REQUEST_TIMEOUT_SECONDS = 120


@pytest.fixture
def asleep(platform: Platform) -> Iterator[str]:
    """A workload that needs a GPU, and of which nothing runs."""
    name = f"asleep-{uuid.uuid4().hex[:8]}"
    spec = canary(
        autoscaling=ASLEEP,
        compute=ONE_GPU,
        servingConfiguration={"requestTimeoutSeconds": REQUEST_TIMEOUT_SECONDS},
    )
    created = platform.deploy(name, spec)
    yield name
    platform.delete(created["workloadId"])


def test_without_room_a_request_is_told_so_long_before_its_time_out(
    platform: Platform, asleep: str
) -> None:
    full = platform.deploy("takes-all", canary(compute=WHOLE_MACHINE))
    try:
        began = time.monotonic()
        answer = platform.ask(asleep)
        assert time.monotonic() - began < REQUEST_TIMEOUT_SECONDS / 2
        assert answer.status == 503
        assert answer.json()["code"] == 503
        assert answer.json()["message"].startswith("Unschedulable: ")
        assert "GPU" in answer.json()["message"]
    finally:
        platform.delete(full["workloadId"])
    # A request that comes later finds room.
    assert eventually(lambda: platform.ask(asleep).status == 200, "an answer")


def test_a_request_waits_for_room_that_is_about_to_be_free(platform: Platform, asleep: str) -> None:
    full = platform.deploy("takes-all", canary(compute=WHOLE_MACHINE))
    slow: list[Answer] = []
    # It drains for as long as this takes, and its GPUs are free only then.
    request = threading.Thread(
        target=lambda: slow.append(platform.ask("takes-all", "/sleep?seconds=4"))
    )
    request.start()
    eventually(
        lambda: [each["inFlight"] for each in live(platform) if each["name"] == "takes-all"] == [1],
        "the slow request",
    )
    path = f"/api/v1/workloads/inferences/{full['workloadId']}"
    assert platform.call("DELETE", path).status == 202
    assert platform.ask(asleep).status == 200
    request.join()
    assert [answer.status for answer in slow] == [200]


def live(platform: Platform) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = platform.get("/api/v1/workloads/live?limit=500")["workloads"]
    return listed
