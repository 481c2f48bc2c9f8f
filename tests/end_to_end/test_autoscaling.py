"""Traffic decides how many replicas run: every field of autoscaling, against what /proc shows.

Windows take their time, so all workloads go through their course at once, each in a thread; each
test then looks at one of them.
"""

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.platforms import Platform, canary, eventually

PATIENCE_SECONDS = 120.0
SLOW = "/sleep?seconds=0.5"


@dataclass
class Course:
    """One workload on its way up and down."""

    platform: Platform
    name: str = field(default_factory=lambda: f"scale-{uuid.uuid4().hex[:8]}")
    id: str = ""

    def deploy(self, scaling: Mapping[str, Any], **spec: Any) -> None:
        created = self.platform.deploy(self.name, canary(autoscaling=dict(scaling), **spec))
        self.id = created["workloadId"]

    def processes(self) -> set[int]:
        """The replicas that live, by /proc."""
        return {
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/environ")
            if self._is_of_this(path)
        }

    def _is_of_this(self, environ: Path) -> bool:
        try:
            return f"RUNAI_JOB_UUID={self.id}".encode() in environ.read_bytes()
        except OSError:
            return False

    def wait_for(self, count: int) -> None:
        eventually(lambda: len(self.processes()) == count, f"{count} replicas", PATIENCE_SECONDS)

    def wait_for_ready(self, count: int) -> None:
        eventually(
            lambda: self.platform.workload(self.id)["runningPods"] >= count,
            f"{count} ready replicas",
            PATIENCE_SECONDS,
        )

    def wait_for_event(self, reason: str) -> str:
        """Its message."""

        def told() -> str | None:
            events = self.platform.events(self.id)
            return next((each["message"] for each in events if each["reason"] == reason), None)

        return eventually(told, reason, PATIENCE_SECONDS)

    def ask(self, path: str = "/echo") -> dict[str, Any]:
        answer = self.platform.ask(self.name, path, timeout=PATIENCE_SECONDS)
        assert answer.status == 200, (answer.status, answer.body)
        told: dict[str, Any] = answer.json()
        return told

    def scaled(self) -> list[tuple[datetime, str]]:
        """The events that say why the number changed, oldest first."""
        return [
            (datetime.fromisoformat(event["createdAt"]), event["message"])
            for event in reversed(self.platform.events(self.id))
            if event["reason"] == "Scaled"
        ]


class Load:
    """So many requests at a time, one after the other, while the context lasts."""

    def __init__(self, course: Course, workers: int, path: str = SLOW) -> None:
        self._course, self._path = course, path
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(workers)]
        self.failures: list[str] = []
        self.slowest = 0.0
        """Of all requests, in seconds as their client sees it."""
        self.ended_at: datetime | None = None

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.ended_at = datetime.now().astimezone()
        assert self.failures == []

    def _ask(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._course.ask(self._path)
            except Exception as error:
                self.failures.append(repr(error))
            self.slowest = max(self.slowest, time.monotonic() - began)


def scale_to_zero_and_back(course: Course) -> None:
    course.deploy({"minReplicas": 0, "maxReplicas": 1})
    first = course.ask("/")["pid"]
    course.wait_for(0)
    shown = course.platform.workload(course.id)
    assert (shown["phase"], shown["runningPods"]) == ("Running", 0)
    assert shown["requestedPods"] == {"number": 0, "min": 0, "max": 1}
    woken = course.ask("/")["pid"]
    assert woken != first
    assert course.processes() == {woken}
    assert [message.partition(":")[0] for _, message in course.scaled()] == [
        "Replicas 1 → 0",
        "Replicas 0 → 1",
    ]


def concurrency(course: Course) -> None:
    scaling = {"metric": "concurrency", "metricThreshold": 4, "metricThresholdPercentage": 50}
    course.deploy({"minReplicas": 1, "maxReplicas": 6, **scaling})
    with Load(course, workers=6):
        # 6 at once, 2 each: 50 % of 4.
        course.wait_for_ready(3)
        assert course.platform.workload(course.id)["phase"] == "Running"
    (_, first), *_ = course.scaled()
    assert "requests in flight" in first
    assert "2 for each replica" in first
    course.wait_for(1)


def throughput(course: Course) -> None:
    scaling = {"metric": "throughput", "metricThreshold": 4, "metricThresholdPercentage": 100}
    course.deploy({"minReplicas": 1, "maxReplicas": 3, **scaling})
    with Load(course, workers=5):
        # 5 at once of half a second: 10 a second at most, 4 each.
        course.wait_for_ready(2)
    assert "requests a second" in course.scaled()[0][1]


def long_requests(course: Course) -> None:
    scaling = {"metric": "throughput", "metricThreshold": 2, "metricThresholdPercentage": 100}
    course.deploy({"minReplicas": 1, "maxReplicas": 3, **scaling})
    with Load(course, workers=5):
        course.wait_for_ready(3)
    # Longer than requests have when their workload is deleted.
    with ThreadPoolExecutor(9) as pool:
        long = [pool.submit(course.ask, "/sleep?seconds=40") for _ in range(9)]
        eventually(lambda: len(course.scaled()) > 1, "fewer replicas", PATIENCE_SECONDS)
        assert not any(each.done() for each in long)
        assert [each.result()["slept"] for each in long] == [40.0] * 9
    course.wait_for(1)


def initial_replicas(course: Course) -> None:
    scaling = {"metric": "concurrency", "metricThreshold": 10, "initialReplicas": 3}
    course.deploy({"minReplicas": 0, "maxReplicas": 4, **scaling})
    assert course.platform.workload(course.id)["runningPods"] == 3
    assert len(course.processes()) == 3
    course.wait_for(0)


def no_initial_replicas(course: Course) -> None:
    course.deploy({"minReplicas": 0, "maxReplicas": 1, "initialReplicas": 0})
    assert course.processes() == set()
    assert course.ask("/")["pid"] in course.processes()


def activation_replicas(course: Course) -> None:
    scaling = {"metric": "concurrency", "metricThreshold": 10, "activationReplicas": 2}
    course.deploy({"minReplicas": 0, "maxReplicas": 3, "initialReplicas": 0, **scaling})
    course.ask()
    course.wait_for(2)
    assert "activationReplicas" in course.scaled()[0][1]


def retention(course: Course) -> None:
    course.deploy({"minReplicas": 0, "maxReplicas": 1, "scaleToZeroRetentionSeconds": 14})
    course.ask()
    asked_at = datetime.now().astimezone()
    course.wait_for(0)
    at, _ = course.scaled()[0]
    # The window (6 s) has to be silent; then the retention begins.
    assert (at - asked_at).total_seconds() >= 14


def scale_down_delay(course: Course) -> None:
    scaling = {"metric": "concurrency", "metricThreshold": 2, "scaleDownDelaySeconds": 16}
    course.deploy({"minReplicas": 1, "maxReplicas": 2, **scaling})
    with Load(course, workers=4) as load:
        course.wait_for_ready(2)
    course.wait_for(1)
    at, message = course.scaled()[-1]
    assert message.startswith("Replicas 2 → 1")
    assert load.ended_at is not None
    # The delay looks back from each decision, of which the last under load may be 2 s old.
    assert (at - load.ended_at).total_seconds() >= 13


def latency(course: Course) -> None:
    scaling = {"metric": "latency", "metricThreshold": 100}
    course.deploy({"minReplicas": 1, "maxReplicas": 3, **scaling})
    with Load(course, workers=2) as load:
        course.wait_for_ready(3)
    why = course.scaled()[0][1]
    (milliseconds,) = re.findall(r"latency is ([\d.]+) on the average", why)
    assert 500 <= float(milliseconds) <= load.slowest * 1000, "each takes half a second"
    assert "to be 100" in why
    course.wait_for(1)


def custom_metric(course: Course) -> None:
    course.deploy(
        {"minReplicas": 1, "maxReplicas": 4, "metric": "queue_depth", "metricThreshold": 10},
        annotations=[{"name": "prometheus.io/path", "value": "/metrics"}],
    )
    why = course.wait_for_event("FailedGetMetric")
    # On a busy machine its first word comes too late.
    assert "tells nothing of queue_depth" in why or "takes longer than" in why
    course.ask("/set-metric?name=queue_depth&value=27")
    course.wait_for_ready(3)
    assert "queue_depth is 27 " in course.scaled()[0][1]
    assert "queue_depth" in course.wait_for_event("MetricFound")


def custom_metric_of_another_port(course: Course) -> None:
    course.deploy(
        {"minReplicas": 1, "maxReplicas": 2, "metric": "canary_port", "metricThreshold": 1000},
        annotations=[{"name": "prometheus.io/port", "value": "9100"}],
        args="--also-listen-on $(PORT_9100)",
    )
    told = course.ask("/")["environment"]
    assert told["PORT_9100"] != told["PORT"]
    course.wait_for_ready(2)
    assert f"canary_port is {told['PORT_9100']} " in course.scaled()[0][1]


def concurrency_hard_limit(course: Course) -> None:
    course.deploy({"minReplicas": 1, "maxReplicas": 1, "concurrencyHardLimit": 2})
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(course.ask, [SLOW] * 8))
    # By the replica's own clock: never more than two at once, and two where there are many.
    starts = [each["from"] for each in told]
    at_once = [sum(each["from"] <= at < each["to"] for each in told) for at in starts]
    assert max(at_once) == 2


COURSES: Mapping[str, Callable[[Course], None]] = {
    course.__name__: course
    for course in (
        scale_to_zero_and_back,
        concurrency,
        throughput,
        long_requests,
        initial_replicas,
        no_initial_replicas,
        activation_replicas,
        retention,
        scale_down_delay,
        latency,
        custom_metric,
        custom_metric_of_another_port,
        concurrency_hard_limit,
    )
}
Outcome = Callable[[str], None]


@pytest.fixture(scope="module")
def outcome(platform: Platform) -> Iterator[Outcome]:
    """Lets every workload go through its course at once; tells how one went."""
    courses = {name: Course(platform) for name in COURSES}
    with ThreadPoolExecutor(len(COURSES)) as pool:
        futures: dict[str, Future[None]] = {
            name: pool.submit(COURSES[name], course) for name, course in courses.items()
        }

        def tell(name: str) -> None:
            try:
                futures[name].result()
            except Exception as error:
                told = "\n".join(f"{at} {message}" for at, message in courses[name].scaled())
                raise AssertionError(f"{name}: {error}\n{told}") from error

        yield tell
        for course in courses.values():
            if course.id:
                platform.call("DELETE", f"/api/v1/workloads/inferences/{course.id}")
        for course in courses.values():
            if course.id:
                platform.wait_until_gone(course.id)


def test_scale_to_zero(outcome: Outcome) -> None:
    outcome("scale_to_zero_and_back")


def test_autoscaling_metric(outcome: Outcome) -> None:
    outcome("concurrency")
    outcome("throughput")


def test_fewer_replicas_cut_no_long_request(outcome: Outcome) -> None:
    outcome("long_requests")


def test_initial_replicas(outcome: Outcome) -> None:
    outcome("initial_replicas")
    outcome("no_initial_replicas")


def test_activation_replicas(outcome: Outcome) -> None:
    outcome("activation_replicas")


def test_scale_to_zero_retention(outcome: Outcome) -> None:
    outcome("retention")


def test_scale_down_delay(outcome: Outcome) -> None:
    outcome("scale_down_delay")


def test_concurrency_hard_limit(outcome: Outcome) -> None:
    outcome("concurrency_hard_limit")


def test_latency(outcome: Outcome) -> None:
    outcome("latency")


def test_custom_metric(outcome: Outcome) -> None:
    outcome("custom_metric")
    outcome("custom_metric_of_another_port")
