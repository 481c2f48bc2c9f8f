"""What /proc tells of a platform's processes. The platform itself is not asked."""

import json
import os
import re
import signal
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.podman import Podman

_CONTAINER_GROUP = re.compile(r"libpod-([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Process:
    """One process, told apart from a later one with the same process id."""

    pid: int
    ticks: str

    @classmethod
    def find(cls, pid: int) -> "Process | None":
        """The process that has this id now; None where there is none, or only a zombie.

        Its sockets and files are open for as long as any of its threads has not ended.
        """
        fields = _stat(pid)
        if fields is None or (fields[0] in "ZX" and not _other_threads(pid)):
            return None
        return cls(pid, fields[19])

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return Process.find(self.pid) == self

    def kill(self) -> bool:
        """kill -9, unless it has ended; whether it was there."""
        try:
            # The descriptor pins the process before its identity is checked.
            pinned = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.is_alive():
                return False
            signal.pidfd_send_signal(pinned, signal.SIGKILL)
        except ProcessLookupError:
            return False
        finally:
            os.close(pinned)
        return True


@dataclass(frozen=True, slots=True)
class ReplicaProcess:
    """A process of a replica, by what stands in its environment."""

    process: Process
    parent: int
    workload_id: str
    replica_id: str
    is_first_in_container: bool = False
    """Whether it is process 1 of a container; then its parent is not its supervisor."""


@dataclass(frozen=True, slots=True)
class World:
    """The processes that belong to one data directory."""

    data_dir: Path
    podman: Podman | None = None
    """Where its containers are, if it has any."""

    def supervised(self, directory: Path) -> Process | None:
        """The process that a supervisor says it runs, if that is so."""
        return _named(directory, "process")

    def supervisor(self, directory: Path) -> Process | None:
        """The supervisor of a directory, if it lives."""
        return _named(directory, "supervisor")

    def replica_directory(self, replica_id: str) -> Path:
        """Where a replica's supervisor keeps what is known of it."""
        return self.data_dir / "replicas" / replica_id

    def service_directory(self, name: str) -> Path:
        """The same for the gate and Envoy."""
        return self.data_dir / "services" / name

    def replica_processes(self) -> list[ReplicaProcess]:
        """Every process that was started for a replica, descendants included."""
        found = []
        homes = str(self.data_dir / "homes") + "/"
        for pid in _pids():
            environment = _environment(pid)
            home = environment.get("HOME", "")
            if not home.startswith(homes):
                continue
            fields, process = _stat(pid), Process.find(pid)
            if fields is not None and process is not None:
                workload_id = environment.get("RUNAI_JOB_UUID", "")
                replica_id = home.removeprefix(homes)
                found.append(ReplicaProcess(process, int(fields[1]), workload_id, replica_id))
        return found + self._container_processes()

    def _container_processes(self) -> list[ReplicaProcess]:
        """Those in containers, by the cgroup that Podman made for each, and its own records."""
        names = self.container_names()
        found = []
        for pid in _pids() if names else ():
            groups = " ".join(_words(pid, "cgroup"))
            container = _CONTAINER_GROUP.search(groups)
            if container is None or container[1] not in names:
                continue
            fields, process = _stat(pid), Process.find(pid)
            workload_id = _environment(pid).get("RUNAI_JOB_UUID")
            # Before its program is executed, a container's first process is still the engine's.
            if fields is None or process is None or workload_id is None:
                continue
            is_first = "\t1\n" in _line(pid, "NSpid")
            name = names[container[1]]
            found.append(ReplicaProcess(process, int(fields[1]), workload_id, name, is_first))
        return found

    def container_names(self) -> Mapping[str, str]:
        """The names of all containers by id, as Podman's storage has them."""
        if self.podman is None:
            return {}
        for file in (self.podman.folder / "graph").glob("*-containers/containers.json"):
            try:
                listed = json.loads(file.read_bytes() or b"[]")
            except (OSError, ValueError):
                continue
            return {each["id"]: each["names"][0] for each in listed if each.get("names")}
        return {}

    def supervisors(self) -> Mapping[str, list[int]]:
        """The supervisors of replicas, by replica id."""
        replicas = str(self.data_dir / "replicas") + "/"
        found: defaultdict[str, list[int]] = defaultdict(list)
        for pid in _pids():
            for word in _words(pid, "cmdline"):
                if word.startswith(replicas) and Process.find(pid) is not None:
                    found[word.removeprefix(replicas)].append(pid)
        return found

    def everything(self) -> list[Process]:
        """Every process that has the data directory in its command line or environment."""
        root = str(self.data_dir)
        inside = f"{root}/"
        found = []
        for pid in _pids():
            values = [*_words(pid, "cmdline"), *_environment(pid).values()]
            is_ours = any(value == root or value.startswith(inside) for value in values)
            if is_ours and (process := Process.find(pid)) is not None:
                found.append(process)
        return found

    def traces(self) -> set[str]:
        """Ids of the replicas that have a directory, a home or a container."""
        folders = {
            entry.name
            for folder in ("replicas", "homes")
            if (self.data_dir / folder).exists()
            for entry in (self.data_dir / folder).iterdir()
        }
        return folders | set(self.container_names().values())


def children(pid: int) -> list[Process]:
    """The direct children of a process."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [child for word in text.split() if (child := Process.find(int(word))) is not None]


def listening_ports(pid: int) -> set[int]:
    """The TCP ports a process listens on (proc(5) and proc_pid_net(5))."""
    inodes = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        return set()
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and row[9] in inodes}


def _named(directory: Path, role: str) -> Process | None:
    try:
        state: dict[str, Any] = json.loads((directory / "state.json").read_bytes())
    except (OSError, ValueError):
        return None
    named = state.get(role)
    process = Process(named["pid"], str(named["ticks"])) if named else None
    return process if process is not None and process.is_alive() else None


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/<pid>/stat from the third on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _other_threads(pid: int) -> bool:
    try:
        return len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def _line(pid: int, name: str) -> str:
    """The line of /proc/<pid>/status that begins with the name."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines(keepends=True)
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(f"{name}:")), "")


def _environment(pid: int) -> dict[str, str]:
    pairs = (word.partition("=") for word in _words(pid, "environ"))
    return {name: value for name, _, value in pairs}


def _words(pid: int, file: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
