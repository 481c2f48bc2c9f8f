"""Kills processes of a platform, and keeps what was killed when."""

import random
import subprocess
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tests.crash.records import Records
from tests.crash.world import Process, World, children
from tests.end_to_end.platforms import Platform, eventually

CONTROL_PLANE = "control plane"
API = "API"
CONTROLLERS = "controllers"
FORK_SERVER = "fork server"
CONTAINER_ENGINE = "container engine"
ENVOYS = ("envoy", "supervisor of envoy")
REPLICAS = ("replica", "supervisor of a replica")
_LONGEST_PAUSE_SECONDS = 1.5
_AMID_A_CHANGE = 0.5
"""The share of kills that come just after the records changed."""
_LONGEST_WAIT_SECONDS = 1.0
# More often, the harder it is to survive.
_WEIGHTS = {
    CONTROL_PLANE: 5,
    CONTROLLERS: 4,
    API: 2,
    FORK_SERVER: 1,
    "gate": 3,
    "envoy": 2,
    "supervisor of the gate": 1,
    "supervisor of envoy": 1,
    "replica": 2,
    "supervisor of a replica": 2,
    CONTAINER_ENGINE: 2,
}


@dataclass(slots=True)
class Kill:
    """One kill -9. `at` is in monotonic seconds."""

    at: float
    what: str
    pid: int
    workload_id: str | None = None
    replica_id: str | None = None
    gone_at: float = 0.0
    """When nothing of it ran any more."""
    back_at: float | None = None
    """For a replica: when its workload was seen to be whole again."""


@dataclass
class Killer:
    """Chooses by a seeded generator. Workloads of `spared` are never touched themselves."""

    platform: Platform
    world: World
    read: Callable[[], Records]
    random: random.Random
    spared: Collection[str]
    kills: list[Kill] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """How starts of the control plane ended that nobody killed."""
    _start_at: float | None = None
    _engine_start_at: float | None = None

    def kill_one(self) -> bool:
        """Kill something that runs; False where what was chosen does not run now."""
        what = self.random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        found = self._find(what)
        if found is None:
            return False
        process, pod = found
        replica_id, workload_id = pod or (None, None)
        if self.random.random() < _AMID_A_CHANGE:
            self._wait_for_change()
        envoy = self.world.supervised(self.world.service_directory("envoy"))
        kill = Kill(time.monotonic(), what, process.pid, workload_id, replica_id)
        if not process.kill():
            return False
        dying = [process, *([envoy] if envoy is not None and what in ENVOYS else [])]
        eventually(lambda: not any(each.is_alive() for each in dying), f"the end of {what}")
        kill.gone_at = time.monotonic()
        self.kills.append(kill)
        if what == CONTROL_PLANE:
            self._process.wait()
            pause = self.random.choice((0.0, self.random.uniform(0, _LONGEST_PAUSE_SECONDS)))
            self._start_at = time.monotonic() + pause
        if what == CONTAINER_ENGINE:
            self._engine_start_at = time.monotonic() + self.random.uniform(
                0, _LONGEST_PAUSE_SECONDS
            )
        return True

    def keep_up(self) -> None:
        """Start the control plane, and the container engine, again once their pause is over."""
        if self._engine_start_at is not None and time.monotonic() >= self._engine_start_at:
            self._engine_start_at = None
            if self.world.podman is not None:
                self.world.podman.kill()
                self.world.podman.start()
        if self._start_at is None:
            if self._process.poll() is None:
                return
            self.refused.append(f"`up` ended with status {self._process.returncode}")
            self._start_at = time.monotonic()
        if time.monotonic() >= self._start_at:
            self._start_at = None
            if self._process.stdout is not None:
                self._process.stdout.close()
            self.platform.process = self.platform.spawn()

    def note_recoveries(self) -> None:
        """Look which workloads, whose replica was killed, are whole again."""
        waiting = [kill for kill in self.kills if kill.workload_id and kill.back_at is None]
        if not waiting:
            return
        workloads = self.read().workloads
        for kill in waiting:
            row = workloads[str(kill.workload_id)]
            replaced = all(pod.id != kill.replica_id for pod in row.pods)
            if row.gone or (replaced and row.is_settled):
                kill.back_at = time.monotonic()

    @property
    def _process(self) -> "subprocess.Popen[str]":
        assert self.platform.process is not None
        return self.platform.process

    def _wait_for_change(self) -> None:
        """Return as soon as the records change: what follows from them is about to be done."""
        deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
        before = self.read()
        while self.read() == before and time.monotonic() < deadline:
            pass

    def _find(self, what: str) -> tuple[Process, tuple[str, str] | None] | None:
        if what in REPLICAS:
            return self._find_replica(what)
        if what == CONTAINER_ENGINE:
            return self._find_engine()
        if what == FORK_SERVER:
            return self._find_fork_server()
        service = "gate" if "gate" in what else "envoy"
        directory = self.world.service_directory(service)
        if what == service:
            process = self.world.supervised(directory)
        elif what.startswith("supervisor"):
            process = self.world.supervisor(directory)
        else:
            process = self._find_control_plane(what)
        return None if process is None else (process, None)

    def _find_engine(self) -> tuple[Process, None] | None:
        if self.world.podman is None or self._engine_start_at is not None:
            return None
        process = Process.find(self.world.podman.pid)
        return None if process is None else (process, None)

    def _find_fork_server(self) -> tuple[Process, None] | None:
        """The only child of the controllers that is there for long."""
        controllers = self._find_control_plane(CONTROLLERS)
        forked = [] if controllers is None else children(controllers.pid)
        return (forked[0], None) if len(forked) == 1 else None

    def _find_control_plane(self, what: str) -> Process | None:
        if self._process.poll() is not None:
            return None
        if what == CONTROL_PLANE:
            return Process.find(self._process.pid)
        controllers = self.read().controllers_pid
        forked = children(self._process.pid)
        wanted = [child for child in forked if (child.pid == controllers) == (what == CONTROLLERS)]
        # Before the lease is taken nobody can tell the two apart.
        known = any(child.pid == controllers for child in forked)
        return self.random.choice(wanted) if wanted and known else None

    def _find_replica(self, what: str) -> tuple[Process, tuple[str, str]] | None:
        pods = [
            pod
            for row in self.read().living
            for pod in row.pods
            if row.id not in self.spared and pod.state != "Pending"
        ]
        if not pods:
            return None
        pod = self.random.choice(sorted(pods, key=lambda pod: pod.id))
        directory = self.world.replica_directory(pod.id)
        find = self.world.supervised if what == "replica" else self.world.supervisor
        process = find(directory)
        return None if process is None else (process, (pod.id, pod.workload_id))
