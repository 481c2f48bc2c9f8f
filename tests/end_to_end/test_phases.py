"""How workloads come up, fail, recover and end, as callers see it.

What goes wrong with single replicas, their commands, ports and probes is in test_bad_luck.py.
"""

import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.crash.world import Process
from tests.end_to_end.platforms import Answer, Platform, canary, eventually, fetch


def unready(**spec: Any) -> dict[str, Any]:
    """A replica that listens but never becomes ready."""
    probe = {"handler": {"httpGet": {"path": "/ready"}}, "periodSeconds": 1}
    return canary("--not-ready", probes={"readiness": probe}, **spec)


class Asking(threading.Thread):
    """A request that somebody else waits for."""

    def __init__(self, platform: Platform, name: str, path: str = "/echo") -> None:
        super().__init__()
        self._platform, self._workload, self._path = platform, name, path
        self._answer: Answer | None = None
        self.start()

    def run(self) -> None:
        """Ask."""
        self._answer = self._platform.ask(self._workload, self._path, timeout=120)

    @property
    def is_answered(self) -> bool:
        """Whether the answer is there."""
        return self._answer is not None

    def answer(self) -> Answer:
        """The answer, once it is there."""
        self.join(60)
        assert self._answer is not None, "no answer"
        return self._answer


@pytest.fixture
def name(platform: Platform) -> Iterator[str]:
    """A name for a workload, which is deleted in the end."""
    made = f"p-{uuid.uuid4().hex[:8]}"
    yield made
    for found in platform.get(f"/api/v1/workloads?filterBy=name=={made}")["workloads"]:
        platform.call("DELETE", f"/api/v1/workloads/inferences/{found['id']}")
        platform.wait_until_gone(found["id"])


def test_comes_up_through_the_published_phases_and_both_apis_agree(
    platform: Platform, name: str
) -> None:
    created = platform.submit(name, canary("--delay-listen 0.3"))
    workload_id = created["workloadId"]
    seen = [created["actualPhase"]]
    while seen[-1] != "Running":
        before = platform.workload(workload_id)["phase"]
        now = platform.get(f"/api/v1/workloads/inferences/{workload_id}")["actualPhase"]
        after = platform.workload(workload_id)["phase"]
        assert now in (before, after) or before != after
        if now != seen[-1]:
            seen.append(now)
    ways = ["Creating", "Pending", "Initializing", "Running"]
    assert [ways.index(phase) for phase in seen] == sorted(ways.index(phase) for phase in seen)
    assert seen[-2] == "Initializing"
    assert platform.ask(name).status == 200


def test_a_request_sent_once_running_was_seen_is_answered(platform: Platform, name: str) -> None:
    for number in range(6):
        one = f"{name}{number}"
        workload_id = platform.submit(one, canary())["workloadId"]
        try:
            while platform.workload(workload_id)["phase"] != "Running":
                pass
            assert platform.ask(one).status == 200
        finally:
            platform.delete(workload_id)


def test_requests_before_the_first_replica_are_held_and_then_answered(
    platform: Platform, name: str
) -> None:
    workload_id = platform.submit(name, canary("--delay-listen 1"))["workloadId"]
    held = [Asking(platform, name) for _ in range(5)]
    assert {asking.answer().status for asking in held} == {200}
    assert platform.wait_for_phase(workload_id, "Running")


def test_crashes_before_readiness_are_restarted_with_growing_back_off(
    platform: Platform, name: str
) -> None:
    workload_id = platform.submit(name, canary("--exit-at-start 3"))["workloadId"]
    eventually(lambda: len(platform.pods(workload_id, deleted=True)) >= 3, "three starts")
    ended = platform.pods(workload_id, deleted=True)
    shown = platform.workload(workload_id)
    assert (shown["phase"], shown["phaseReason"]) == ("Initializing", "CrashLoop")
    assert "3 times" in shown["phaseMessage"] or "ended" in shown["phaseMessage"]
    assert {pod["exit"]["code"] for pod in ended} == {3}
    assert len({pod["id"] for pod in ended}) == len(ended), "a retry is a new id"
    oldest_first = sorted(ended, key=lambda pod: pod["createdAt"])
    waits = [
        moment(after["containers"][0]["startedAt"]) - moment(before["exit"]["at"])
        for before, after in itertools.pairwise(oldest_first)
    ]
    assert waits[0] >= 0.9
    assert waits[1] >= 1.9
    reasons = [event["reason"] for event in platform.events(workload_id)]
    assert reasons.count("BackOff") >= 2
    assert reasons.count("Error") >= 3


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_given_up_it_frees_its_place_and_tells_held_requests_why(
    platform: Platform, name: str
) -> None:
    spec = unready(
        compute={"gpuDevicesRequest": 4},
        servingConfiguration={"initializationTimeoutSeconds": 2},
    )
    workload_id = platform.submit(name, spec)["workloadId"]
    held = Asking(platform, name)
    platform.wait_for_phase(workload_id, "Failed")
    for answer in (held.answer(), platform.ask(name)):
        assert answer.status == 503
        assert answer.json()["code"] == 503
        assert "InitializationTimeout" in answer.json()["message"]

    other = platform.deploy(f"{name}-next", canary(compute={"gpuDevicesRequest": 4}))
    platform.delete(other["workloadId"])
    assert platform.workload(workload_id)["phase"] == "Failed", "until somebody deletes it"
    platform.delete(workload_id)
    assert platform.ask(name).status == 404


def test_a_crash_after_readiness_degrades_it_until_it_is_back(
    platform: Platform, name: str
) -> None:
    workload_id = platform.deploy(name, canary())["workloadId"]
    first = platform.ask(name, "/echo").json()["pid"]
    broken = platform.ask(name, "/exit?code=7")
    assert broken.status in (502, 503)
    shown = platform.wait_for_phase(workload_id, "Degraded")
    assert shown["runningPods"] == 0
    held = Asking(platform, name)
    platform.wait_for_phase(workload_id, "Running")
    assert held.answer().status == 200
    assert platform.ask(name, "/echo").json()["pid"] != first
    (ended,) = platform.pods(workload_id, deleted=True)
    assert ended["exit"]["code"] == 7
    assert ended["k8sPhase"] == "Failed"


def test_deleted_it_answers_nothing_new_and_finishes_what_it_began(
    platform: Platform, name: str
) -> None:
    workload_id = platform.deploy(name, canary())["workloadId"]
    pid = platform.ask(name, "/echo").json()["pid"]
    process = Process.find(pid)
    assert process is not None
    begun = Asking(platform, name, "/sleep?seconds=2")
    eventually(lambda: asked_to_sleep(platform, name), "the request's arrival")

    path = f"/api/v1/workloads/inferences/{workload_id}"
    assert platform.call("DELETE", path).status == 202
    deleted_at = time.monotonic()
    eventually(lambda: platform.ask(name, "/echo").status == 404, "404", seconds=5)
    assert time.monotonic() - deleted_at < 1
    shown = platform.get(path)
    assert (shown["desiredPhase"], shown["actualPhase"]) == ("Deleted", "Deleting")
    assert platform.call(
        "POST", "/api/v1/workloads/inferences", creation(platform, name)
    ).status == (409)
    assert platform.call("DELETE", path).status == 202, "again"
    assert begun.answer().status == 200

    platform.wait_until_gone(workload_id)
    assert not process.is_alive()
    assert platform.call("GET", path).status == 404
    assert platform.call("DELETE", path).status == 404
    query = f"/api/v1/workloads?deleted=true&filterBy=name=={name}"
    (gone,) = platform.get(query)["workloads"]
    assert gone["id"] == workload_id
    assert gone["deletedAt"] is not None
    assert platform.events(workload_id), "what happened is told for as long"

    again = platform.deploy(name, canary())
    assert again["workloadId"] != workload_id
    assert platform.ask(name).status == 200


def asked_to_sleep(platform: Platform, name: str) -> bool:
    return bool(platform.ask(name, "/requests?path=/sleep").json()["seconds"])


def creation(platform: Platform, name: str) -> dict[str, Any]:
    known = platform.administrator
    return {
        "name": name,
        "projectId": known["project_id"],
        "clusterId": known["cluster_id"],
        "spec": canary(),
    }


def test_deleted_before_it_was_ready_it_answers_held_requests_at_once(
    platform: Platform, name: str
) -> None:
    workload_id = platform.submit(name, unready())["workloadId"]
    platform.wait_for_phase(workload_id, "Initializing")
    held = Asking(platform, name)
    eventually(lambda: _gate_metric(platform, "held") == 1, "the held request")
    answered = _gate_metric(platform, "held_answered_total")
    assert not held.is_answered
    platform.call("DELETE", f"/api/v1/workloads/inferences/{workload_id}")
    asked = time.monotonic()
    assert held.answer().status == 404
    assert time.monotonic() - asked < 1
    assert _gate_metric(platform, "held_answered_total") == answered + 1


def _gate_metric(platform: Platform, name: str) -> float:
    told = fetch(f"{platform.administrator['url']}/metrics").body.decode()
    samples = (each for family in text_string_to_metric_families(told) for each in family.samples)
    return next(each.value for each in samples if each.name == f"windlass_gate_{name}")


def test_what_ignores_sigterm_is_killed_with_all_its_descendants(
    platform: Platform, name: str
) -> None:
    workload_id = platform.deploy(name, canary("--ignore-sigterm"))["workloadId"]
    child = platform.ask(name, "/spawn?seconds=600").json()["pid"]
    own = platform.ask(name, "/echo").json()["pid"]
    processes = [Process.find(pid) for pid in (own, child)]
    began = time.monotonic()
    platform.delete(workload_id)
    assert time.monotonic() - began >= 9.5, "the ten seconds between SIGTERM and SIGKILL"
    assert not any(process and process.is_alive() for process in processes)
    (ended,) = platform.pods(workload_id, deleted=True)
    assert ended["exit"]["signal"] == 9


def test_events_tell_what_happened_in_order(platform: Platform, name: str) -> None:
    workload_id = platform.deploy(name, canary())["workloadId"]
    pod = platform.pods(workload_id)[0]["id"]
    path = f"/api/v1/workloads/{workload_id}/events"
    told = platform.get(f"{path}?sortOrder=asc")["events"]
    assert [event["reason"] for event in told] == ["Created", "Scheduled", "Started", "Ready"]
    assert [event["createdAt"] for event in told] == sorted(event["createdAt"] for event in told)
    assert platform.get(path)["events"] == told[::-1]
    assert {event["involvedObject"]["uid"] for event in told} == {workload_id, pod}
    platform.ask(name, "/exit?code=1")
    eventually(lambda: len(platform.pods(workload_id, deleted=True)) == 1, "its end")
    warnings = [event for event in platform.events(workload_id) if event["type"] == "Warning"]
    assert {event["reason"] for event in warnings} >= {"Error", "BackOff"}
    platform.wait_for_phase(workload_id, "Running")
    platform.delete(workload_id)
    gone = [event["reason"] for event in platform.events(workload_id)]
    assert gone.index("Deleting") > gone.index("Stopping") > gone.index("Stopped")


def test_logs_hold_both_streams_and_can_be_read_from_the_end(platform: Platform, name: str) -> None:
    workload_id = platform.deploy(name, canary())["workloadId"]
    pid = platform.ask(name, "/echo").json()["pid"]
    log = log_of(platform, workload_id)
    eventually(lambda: len(log().splitlines()) >= 2, "the first lines")
    assert sorted(log().splitlines()) == [
        f"canary {pid} started",
        "canary warns on standard error",
    ]
    platform.ask(name, "/print?text=line&count=5")
    eventually(lambda: log().count("line\n") == 5, "five lines")
    assert log("?tail=2") == "line\nline\n"
    assert log("?tail=0") == ""
    assert log("?tail=1000") == log()
    for wrong in ("tail=x", "tail=-1", "tail=", "follow=x", "tail=99999999"):
        path = f"/api/v1/workloads/{workload_id}/pods/{pod_of(platform, workload_id)}/logs?{wrong}"
        assert platform.call("GET", path).status == 400


def test_a_log_is_followed_across_its_rotation_to_the_last_word(
    platform: Platform, name: str
) -> None:
    workload_id = platform.deploy(name, canary())["workloadId"]
    log = log_of(platform, workload_id)
    eventually(lambda: len(log().splitlines()) >= 2, "the first lines")
    text = "x" * 1000
    with followed(platform, workload_id) as lines:
        assert next(lines).endswith("\n")
        # Each turn fills about a third of a file, so that files are begun while it is read.
        for turn in range(9):
            platform.ask(name, f"/print?text={turn}{text}&count=4000")
            assert sum(1 for _ in itertools.islice(told(lines, f"{turn}{text}\n"), 4000)) == 4000
        assert log("?tail=3") == f"8{text}\n" * 3
        platform.ask(name, "/print?text=farewell")
        platform.call("DELETE", f"/api/v1/workloads/inferences/{workload_id}")
        assert list(lines) == ["farewell\n"], "it ends with its replica"


@contextmanager
def followed(platform: Platform, workload_id: str) -> Iterator[Iterator[str]]:
    """The lines of the only pod's log, as they come."""
    pod = pod_of(platform, workload_id)
    url = f"{platform.administrator['url']}/api/v1/workloads/{workload_id}/pods/{pod}/logs"
    headers = {"Authorization": f"Bearer {platform.token}"}
    with urlopen(Request(f"{url}?follow=true&tail=1", headers=headers), timeout=60) as answer:
        yield (line.decode() for line in answer)


def told(lines: Iterator[str], expected: str) -> Iterator[str]:
    """The lines as long as they are what is expected."""
    for line in lines:
        assert line == expected
        yield line


def pod_of(platform: Platform, workload_id: str) -> str:
    return str(platform.pods(workload_id)[0]["id"])


def log_of(platform: Platform, workload_id: str) -> Any:
    """A function that reads the log of the only pod."""
    path = f"/api/v1/workloads/{workload_id}/pods/{pod_of(platform, workload_id)}/logs"

    def read(query: str = "") -> str:
        answer = platform.call("GET", f"{path}{query}")
        assert answer.status == 200, answer.body
        return answer.body.decode()

    return read
