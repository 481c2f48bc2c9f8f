"""Requests that wait end once it is certain that nothing will answer them, with the reason."""

import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from urllib.request import urlopen

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
    # It drains for as long as this takes, and its GPUs are free only then.
    with leaving(platform, full, "takes-all", seconds=4):
        assert platform.ask(asleep).status == 200


def test_room_that_would_not_help_keeps_nobody_waiting(platform: Platform, asleep: str) -> None:
    full = platform.deploy("takes-all", canary(compute=WHOLE_MACHINE))
    other = platform.deploy("without-gpu", canary())
    try:
        # Its last request ends only when its client leaves.
        with urlopen(f"{platform.gateway}/default/without-gpu/stream?count=1000") as stream:
            assert stream.read1()
            path = f"/api/v1/workloads/inferences/{other['workloadId']}"
            assert platform.call("DELETE", path).status == 202
            eventually(lambda: platform.ask("without-gpu").status == 404, "its leaving")
            answer = platform.ask(asleep)
            assert answer.status == 503
            assert answer.json()["message"].startswith("Unschedulable: ")
            assert platform.workload(other["workloadId"])["phase"] == "Deleting"
        platform.wait_until_gone(other["workloadId"])
    finally:
        platform.delete(full["workloadId"])


def test_who_was_told_to_give_up_waits_once_room_is_about_to_be_free(
    platform: Platform, asleep: str
) -> None:
    full = platform.deploy("takes-all", canary(compute=WHOLE_MACHINE))
    assert platform.ask(asleep).status == 503
    with leaving(platform, full, "takes-all", seconds=8) as slow:
        answers: list[tuple[bool, int]] = []
        while not answers or answers[-1][1] == 503:
            has_left = slow.done()
            answers.append((has_left, platform.ask(asleep).status))
    # Its room was not free yet when the request came that waited for it.
    assert answers[-1] == (False, 200)


@contextmanager
def leaving(
    platform: Platform, workload: Mapping[str, str], name: str, seconds: float
) -> Iterator["Future[Answer]"]:
    """While a workload is deleted that answers a last request, which takes so long."""
    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(platform.ask, name, f"/sleep?seconds={seconds}")
        eventually(
            lambda: [each["inFlight"] for each in live(platform) if each["name"] == name] == [1],
            "the slow request",
        )
        path = f"/api/v1/workloads/inferences/{workload['workloadId']}"
        assert platform.call("DELETE", path).status == 202
        eventually(lambda: platform.ask(name).status == 404, "its leaving the gateway")
        yield slow
        assert slow.result().status == 200
    platform.wait_until_gone(workload["workloadId"])


def live(platform: Platform) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = platform.get("/api/v1/workloads/live?limit=500")["workloads"]
    return listed
