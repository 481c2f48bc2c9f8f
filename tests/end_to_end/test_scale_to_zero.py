"""From none to several and back, again and again, under requests of every kind and kills.

None fails or is answered twice, but those that had reached a replica which was killed: these are
counted apart, and each is found in what that replica noted. Replicas note every request they get.
Counted apart, too, are bodies of which Envoy had more than it keeps when it found such a replica
gone: docs/gateway.md says that these are not tried again.
"""

import itertools
import json
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.crash.world import World
from tests.end_to_end.conftest import HOST_IMAGES, QUICK_AUTOSCALER
from tests.end_to_end.kinds import GrpcKinds, HttpKinds
from tests.end_to_end.platforms import Platform, canary, eventually, running

WORKLOADS = 10
CYCLES_OF_EACH = 2
THREADS_OF_EACH = 6
SCALING = {"minReplicas": 0, "maxReplicas": 3, "metric": "concurrency", "metricThreshold": 3}
HTTP_MIX = ("large", "stream", "websocket", "http2")
RARE = 25
"""One in so many is of each of these kinds; the others are small."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a request failed. Times are monotonic seconds."""

    workload_id: str
    began: float
    ended: float
    why: str


@dataclass(frozen=True, slots=True)
class Kill:
    """A replica that ended with its supervisor. Times are monotonic seconds."""

    workload_id: str
    pid: int
    at: float
    gone: float
    """When it was seen to have ended: until then it takes connections."""


@dataclass
class Outcomes:
    """What came of every request, by its mark."""

    answered: set[str] = field(default_factory=set)
    failed: dict[str, Failure] = field(default_factory=dict)


class Fleet:
    """Workloads that scale to zero, and what asks them."""

    def __init__(self, platform: Platform, record: Path) -> None:
        self.platform = platform
        self.record = record
        self.outcomes = Outcomes()
        self.kills: list[Kill] = []
        self._marks = itertools.count()
        self._clients: dict[str, HttpKinds | GrpcKinds] = {}
        self._ids: dict[str, str] = {}

    def deploy(self) -> None:
        for number in range(WORKLOADS - 1):
            name = f"cycle-{number}"
            self._deploy(name, canary())
            self._clients[name] = HttpKinds(self.platform, name)
        serving = {"container": 8001, "protocol": "grpc"}
        self._deploy("cycle-words", {"image": "host/words", "servingPort": serving})
        self._clients["cycle-words"] = GrpcKinds(self.platform, "cycle-words")
        for workload_id in self._ids.values():
            self.platform.wait_for_phase(workload_id, "Running")

    def _deploy(self, name: str, spec: dict[str, object]) -> None:
        noted = {"name": "RECORD", "value": str(self.record)}
        created = self.platform.submit(
            name,
            {
                **spec,
                "autoscaling": {**SCALING, "initialReplicas": 0},
                "environmentVariables": [noted],
                "compute": {"cpuCoreRequest": 0.01},
            },
        )
        self._ids[name] = created["workloadId"]

    def ask(self, requests_of_each: int, threads: ThreadPoolExecutor) -> None:
        """Every workload, over several threads; returns when all are answered."""
        work = []
        for client in self._clients.values():
            sequence = [self._request(client, number) for number in range(requests_of_each)]
            work += [sequence[start::THREADS_OF_EACH] for start in range(THREADS_OF_EACH)]
        list(threads.map(self._ask_in_turn, work))

    def _request(
        self, client: HttpKinds | GrpcKinds, number: int
    ) -> tuple[HttpKinds | GrpcKinds, str, str]:
        if isinstance(client, GrpcKinds):
            kind = "bidirectional" if number % RARE == 0 else "unary"
        else:
            kind = dict(enumerate(HTTP_MIX)).get(number % RARE, "small")
        return client, kind, f"{kind}-{next(self._marks)}"

    def _ask_in_turn(self, requests: Sequence[tuple[HttpKinds | GrpcKinds, str, str]]) -> None:
        for client, kind, mark in requests:
            began = time.monotonic()
            try:
                client.kinds[kind](mark)
                self.outcomes.answered.add(mark)
            except Exception as error:
                workload_id = self._ids[client.name]
                ended = time.monotonic()
                self.outcomes.failed[mark] = Failure(workload_id, began, ended, repr(error))

    def wait_until_asleep(self) -> None:
        world = World(self.platform.data_dir)
        eventually(lambda: not world.replica_processes(), "sleep of all", 120)

    def most_running(self) -> int:
        """How many replicas the busiest workload has now."""
        world = World(self.platform.data_dir)
        return max(
            Counter(each.workload_id for each in world.replica_processes()).values(), default=0
        )

    def kill_a_supervisor(self, choice: random.Random) -> None:
        """kill -9 the supervisor of a replica that runs."""
        world = World(self.platform.data_dir)
        supervisors = {pid for pids in world.supervisors().values() for pid in pids}
        replicas = [each for each in world.replica_processes() if each.parent in supervisors]
        if replicas:
            victim = choice.choice(replicas)
            at = time.monotonic()
            os.kill(victim.parent, signal.SIGKILL)
            eventually(lambda: not victim.process.is_alive(), "its end with its supervisor")
            self.kills.append(Kill(victim.workload_id, victim.process.pid, at, time.monotonic()))

    def kill_the_gate(self) -> None:
        world = World(self.platform.data_dir)
        supervised = world.supervised(world.service_directory("gate"))
        if supervised is not None:
            os.kill(supervised.pid, signal.SIGKILL)

    def noted(self) -> defaultdict[str, list[int]]:
        """The processes that got each request, by its mark."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for line in self.record.read_text().splitlines():
            pid, mark = line.split()
            found[mark].append(int(pid))
        return found


@pytest.fixture
def fleet(scratch_root: Path) -> Iterator[Fleet]:
    folder = Path(tempfile.mkdtemp(prefix="cycles-", dir=scratch_root))
    images = folder / "host-images.json"
    images.write_text(json.dumps(HOST_IMAGES))
    options = {"host_images": images, "environment": QUICK_AUTOSCALER}
    for platform in running(folder / "data", **options):
        yield Fleet(platform, folder / "noted")


def test_twenty_cycles_of_five_thousand_requests_lose_none(fleet: Fleet) -> None:
    run(fleet, requests=5_000)


@pytest.mark.long
def test_twenty_cycles_of_a_hundred_thousand_requests_lose_none(fleet: Fleet) -> None:
    run(fleet, requests=100_000)


def run(fleet: Fleet, requests: int) -> None:
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
    print(f"\nseed {seed} (SEED={seed} kills alike)")
    choice = random.Random(seed)
    fleet.deploy()
    of_each = requests // (WORKLOADS * CYCLES_OF_EACH)
    most = 0
    with ThreadPoolExecutor(WORKLOADS * THREADS_OF_EACH) as threads:
        for cycle in range(CYCLES_OF_EACH):
            asking = threading.Thread(target=fleet.ask, args=(of_each, threads))
            if cycle:
                # Asked for while nobody controls: they wait until somebody does.
                fleet.platform.kill()
            asking.start()
            if cycle:
                time.sleep(choice.random())
                fleet.platform.up()
            supervisor = partial(fleet.kill_a_supervisor, choice)
            kills: list[Callable[[], None]] = [supervisor, supervisor, fleet.kill_the_gate]
            while asking.is_alive():
                asking.join(1 + choice.random())
                most = max(most, fleet.most_running())
                if asking.is_alive() and kills:
                    kills.pop()()
            fleet.wait_until_asleep()
    check(fleet, requests)
    assert most > 1


def check(fleet: Fleet, requests: int) -> None:
    outcomes, noted = fleet.outcomes, fleet.noted()
    assert len(outcomes.answered) + len(outcomes.failed) == requests
    twice = {mark: pids for mark, pids in noted.items() if len(pids) > 1}
    assert twice == {}
    assert outcomes.answered <= noted.keys()
    reached = {
        mark
        for mark, each in outcomes.failed.items()
        if had_reached(each, noted[mark], fleet.kills)
    }
    print(
        f"{len(outcomes.answered)} of {requests} answered; {len(reached)} had reached one of "
        f"{len(fleet.kills)} replicas that were killed with their supervisors"
    )
    unexplained = [
        f"{mark}, noted by {noted[mark]}: {failure}"
        for mark, failure in outcomes.failed.items()
        if mark not in reached
    ]
    assert not unexplained, "\n".join([*unexplained, *map(str, fleet.kills)])


def had_reached(failure: Failure, noted_by: Sequence[int], kills: Sequence[Kill]) -> bool:
    """Whether a replica that was killed meanwhile had the request: it noted that, or had yet to
    read what Envoy had sent it, which Envoy tells from having reached nobody."""
    if noted_by:
        of_workload = [kill for kill in kills if kill.workload_id == failure.workload_id]
        return any(kill.pid in noted_by for kill in of_workload)
    # Who still sends a large body when the answer comes sees a reset in its place.
    told = ("ended the connection", "Connection reset by peer", "Broken pipe")
    return any(words in failure.why for words in told) and happened_to_die(failure, kills)


def happened_to_die(failure: Failure, kills: Sequence[Kill]) -> bool:
    """Whether a replica of its workload was killed meanwhile."""
    return any(
        failure.began <= kill.gone and kill.at <= failure.ended
        for kill in kills
        if kill.workload_id == failure.workload_id
    )
