"""One crash test: a platform under traffic, kills at random moments, and comparisons."""

import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from statistics import median

import psycopg

from tests.crash import checks
from tests.crash.churn import Churn
from tests.crash.killing import ENVOYS, Killer
from tests.crash.records import Records, read_records
from tests.crash.traffic import SteadyTraffic
from tests.crash.world import World
from tests.end_to_end.containers import container_canary
from tests.end_to_end.platforms import PATIENCE_SECONDS, Platform, TookTooLong, canary, eventually
from tools.podman import Podman

KILLS_BETWEEN_CHECKS = 20
_MEAN_PAUSE_SECONDS = 0.5
_SHORTEST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 2.5
_STEP_SECONDS = 0.03
_SETTLING_SECONDS = 2 * PATIENCE_SECONDS
_STREAM = "/stream?count=20&interval=0.1"
_STREAMED = "".join(f"chunk {number}\n" for number in range(20)).encode()
_LOG_TAIL = 6000
SCALING = "steady-scaling"
_SMALL = {"cpuCoreRequest": 0.01}


class Lost(AssertionError):
    """Something was lost, runs twice, is orphaned, or failed without excuse."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a session did."""

    kills: int
    seconds: float
    requests: int
    excused: Counter[str]
    """How requests failed while Envoy or their own replica was down, and how many did."""
    outages: tuple[float, ...]
    """How long the gateway was gone, in seconds, each time that Envoy was killed."""
    created: int
    deleted: int

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.excused.most_common())
        return (
            f"{self.kills} kills in {self.seconds:.0f} s; {self.created} workloads created and "
            f"{self.deleted} deleted; {self.requests} steady requests, of which "
            f"{self.excused.total()} failed while Envoy or their own replica was down ({kinds}); "
            f"Envoy was killed {len(self.outages)} times and back after "
            f"{median(self.outages or (0.0,)):.2f} s in the median and "
            f"{max(self.outages, default=0.0):.2f} s at most"
        )


class Session:
    """Owns the traffic and the killer; the platform is up already."""

    def __init__(
        self,
        platform: Platform,
        seed: int,
        database_url: str | None = None,
        podman: Podman | None = None,
    ) -> None:
        """With a Podman, some workloads run in its containers, and it is killed as well."""
        self._platform = platform
        self._seed = seed
        self._database_url = database_url
        self._world = World(platform.data_dir, podman)
        self._podman = podman
        self._checked: set[str] = set()
        generator = random.Random(seed)
        self._random = random.Random(generator.random())
        self._scaling: list[SteadyTraffic] = []
        self._churn = [
            Churn(
                platform,
                f"churn-{letter}",
                random.Random(generator.random()),
                share_in_containers=0.4 if podman else 0.0,
            )
            for letter in "ab"
        ]
        self._traffic, spared = self._deploy_steady()
        self._killer = Killer(
            platform, self._world, self._read, random.Random(generator.random()), spared
        )

    def run(self, kills: int) -> Report:
        """Kill so many times, comparing now and then and at the end. Raises Lost."""
        began = time.monotonic()
        try:
            for traffic in self._traffic:
                traffic.start()
            while (done := len(self._killer.kills)) < kills:
                for traffic in self._scaling:
                    traffic.go_on()
                self._kill(min(KILLS_BETWEEN_CHECKS, kills - done))
                for traffic in self._scaling:
                    traffic.pause()
                self._check()
                print(f"{len(self._killer.kills)} kills, all well", flush=True)
                self._renew_token()
        finally:
            for traffic in self._traffic:
                traffic.stop()
            for churn in self._churn:
                churn.stop()
        return self._report(time.monotonic() - began)

    def _renew_token(self) -> None:
        """A session may outlast a token."""
        token = self._platform.sign_in()
        for traffic in self._traffic:
            if traffic.headers:
                traffic.headers = {"Authorization": f"Bearer {token}"}

    def _deploy_steady(self) -> tuple[list[SteadyTraffic], set[str]]:
        open_one = self._deploy("steady-open", 1)
        closed = self._deploy("steady-closed", 1, "authenticatedUsers")
        victim = self._deploy("steady-victim", 2)
        scaling = self._deploy_scaling()
        boxed = self._deploy("steady-boxed", 1, boxed=True) if self._podman else None
        gateway, project = self._platform.gateway, self._platform.administrator["project_name"]
        self._scaling = [
            SteadyTraffic(
                SCALING,
                scaling,
                gateway,
                project,
                burst_seconds=burst,
                silence_seconds=silence,
            )
            for burst, silence in ((4.0, 11.0), (2.0, 12.0))
        ]
        token = {"Authorization": f"Bearer {self._platform.token}"}
        traffic = [
            SteadyTraffic("steady-open", open_one, gateway, project),
            SteadyTraffic(
                "steady-open", open_one, gateway, project, path=_STREAM, expected=_STREAMED
            ),
            SteadyTraffic("steady-closed", closed, gateway, project, headers=token),
            SteadyTraffic("steady-victim", victim, gateway, project),
            *self._scaling,
        ]
        if boxed is not None:
            traffic.append(SteadyTraffic("steady-boxed", boxed, gateway, project))
        return traffic, {open_one, closed}

    def _deploy(
        self, name: str, replicas: int, access: str = "public", *, boxed: bool = False
    ) -> str:
        spec = (container_canary if boxed else canary)(
            compute=_SMALL,
            autoscaling={"minReplicas": replicas, "maxReplicas": replicas},
            servingPort={"container": 8000, "authorizationType": access},
        )
        return str(self._platform.deploy(name, spec)["workloadId"])

    def _deploy_scaling(self) -> str:
        """One whose replicas come and go with its traffic."""
        scaling = {"metric": "concurrency", "metricThreshold": 1, "metricThresholdPercentage": 70}
        spec = canary(
            compute=_SMALL,
            autoscaling={"minReplicas": 0, "maxReplicas": checks.MOST_SCALED, **scaling},
        )
        return str(self._platform.deploy(SCALING, spec)["workloadId"])

    def _read(self) -> Records:
        return read_records(self._platform.data_dir, self._database_url)

    def _kill(self, count: int) -> None:
        for churn in self._churn:
            churn.start()
        until = len(self._killer.kills) + count
        next_at = time.monotonic()
        while len(self._killer.kills) < until:
            self._killer.keep_up()
            self._killer.note_recoveries()
            now = time.monotonic()
            if now < next_at:
                time.sleep(min(_STEP_SECONDS, next_at - now))
            elif self._killer.kill_one():
                now = time.monotonic()
                pause = self._random.expovariate(1 / _MEAN_PAUSE_SECONDS)
                next_at = now + min(max(pause, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
                self._raise_if_any(checks.running_twice(self._read(), self._world))
        for churn in self._churn:
            churn.pause()

    def _check(self) -> None:
        self._settle()
        records = self._read()
        entries = [entry for churn in self._churn for entry in churn.entries]
        kills = self._killer.kills
        found = chain(
            self._killer.refused,
            *(churn.wrong for churn in self._churn),
            checks.broken_promises(entries, records),
            checks.unsettled(records),
            checks.wrong_processes(records, self._world),
            checks.wrong_answers(records, self._platform),
            checks.wrong_api(self._platform),
            *(checks.unexcused_failures(traffic, kills) for traffic in self._traffic),
        )
        self._raise_if_any(found)

    def _settle(self) -> None:
        try:
            eventually(self._is_settled, "rest", _SETTLING_SECONDS)
        except TookTooLong as error:
            records = self._read()
            wrong = checks.wrong_processes(records, self._world)
            self._raise_if_any(chain([str(error)], checks.unsettled(records), wrong))

    def _is_settled(self) -> bool:
        self._killer.keep_up()
        self._killer.note_recoveries()
        try:
            records = self._read()
            if any(checks.unsettled(records)) or any(checks.wrong_api(self._platform)):
                return False
            if any(row.name == SCALING and row.replicas for row in records.living):
                # Nobody asks it for anything: its last replica is about to go.
                return False
            if any(checks.wrong_processes(records, self._world)):
                # Nothing is settled amid a change: what stays wrong is found when time is up.
                return False
            self._platform.ask("steady-open")
        except (OSError, sqlite3.Error, psycopg.Error):
            return False
        return all(
            self._world.supervised(self._world.service_directory(name)) is not None
            for name in ("gate", "envoy")
        )

    def _raise_if_any(self, findings: Iterable[str]) -> None:
        found = list(findings)
        if found:
            raise Lost("\n".join([*found, *self._circumstances()]))

    def _circumstances(self) -> Iterable[str]:
        yield f"seed {self._seed} (SEED={self._seed} runs the same kills again)"
        yield from (
            f"{kill.at:.3f} killed {kill.what} {kill.pid} {kill.replica_id or ''} "
            f"of {kill.workload_id or 'the platform'}"
            for kill in self._killer.kills[-2 * KILLS_BETWEEN_CHECKS :]
        )
        yield "--- control plane"
        yield self._platform.log()[-_LOG_TAIL:]
        for name in ("gate", "envoy"):
            for log in sorted(self._world.service_directory(name).glob("log/*"))[-1:]:
                yield f"--- {name}"
                yield log.read_text(errors="replace")[-_LOG_TAIL:]

    def _report(self, seconds: float) -> Report:
        entries = [entry for churn in self._churn for entry in churn.entries]
        return Report(
            kills=len(self._killer.kills),
            seconds=seconds,
            requests=sum(len(traffic.attempts) for traffic in self._traffic),
            excused=Counter(
                str(attempt.failure).split("(")[0].split(":")[0]
                for traffic in self._traffic
                for attempt in traffic.failures
            ),
            outages=tuple(self._outages()),
            created=sum(entry.created for entry in entries),
            deleted=sum(entry.deleted for entry in entries),
        )

    def _outages(self) -> Iterable[float]:
        for kill in self._killer.kills:
            if kill.what in ENVOYS:
                back_at = self._traffic[0].first_success_after(kill.gone_at)
                yield (back_at or kill.at) - kill.at


def seed_of_this_run() -> int:
    """`SEED` of the environment, or a new one."""
    given = os.environ.get("SEED")
    return int(given) if given else random.SystemRandom().randrange(10**6)
