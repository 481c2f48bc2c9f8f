"""The engine that runs replicas on this machine: as processes, or in containers by their image."""

import contextlib
import hashlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import psutil

from windlass.engines.engine import (
    Device,
    ImageState,
    ImageStatus,
    Limits,
    Node,
    PinnedImage,
    Refusal,
    ReplicaCannotStart,
    ReplicaObservation,
    ReplicaSpec,
    ReplicaState,
    ReplicaTemplate,
    Taint,
)
from windlass.engines.local.containers.container_engine import (
    ContainerEngine,
    EngineRefuses,
    EngineUnreachable,
)
from windlass.engines.local.containers.images import Images
from windlass.engines.local.containers.runtime import ContainerRuntime
from windlass.engines.local.containers.settings import ContainerSettings
from windlass.engines.local.fence import Fence
from windlass.engines.local.gpus import discover_gpus
from windlass.engines.local.observations import Observations, ports_of
from windlass.engines.local.ports import NoFreePort, Ports
from windlass.engines.local.processes.catalogue import PREFIX, Catalogue
from windlass.engines.local.processes.control_groups import ControlGroups, find_control_groups
from windlass.engines.local.processes.homes import SHARED_ROOT, Homes
from windlass.engines.local.processes.notes import limit_notes
from windlass.engines.local.processes.preparation import Preparation
from windlass.engines.local.processes.quick_joins import QuickJoins
from windlass.engines.local.processes.users import OwnerUsers, can_change_users
from windlass.kit.supervision import control
from windlass.kit.supervision.fork_server import ForkServer
from windlass.kit.supervision.observation import State, observe
from windlass.kit.supervision.program.directory import Directory
from windlass.kit.supervision.specification import Specification

_REMOVED = ".removed-"
_KILL_SECONDS = 10.0
_POLL_SECONDS = 0.02
_LONGEST_REPLICA_ID = 64


class LocalEngine:
    """An `Engine` of this machine. Images named `host/…` run as processes, others in containers.

    All of a replica's traces are in the data directory, and its container has its id as its name.

    Several may share a data directory: the fence lets only one of them act.
    """

    def __init__(
        self,
        data_directory: Path,
        catalogue: Catalogue,
        search_path: str,
        *,
        simulated_gpus: Sequence[Device] = (),
        node_labels: Mapping[str, str] | None = None,
        node_taints: Sequence[Taint] = (),
        simulated_nodes: Sequence[Node] = (),
        notify: str | None = None,
        notify_ready: str | None = None,
        shared_root: Path = SHARED_ROOT,
        containers: ContainerSettings | None = None,
    ) -> None:
        """Adopt what runs there.

        `search_path` is the PATH of replicas and of commands without a `/`. `simulated_gpus` stand
        in for real ones. `notify` is a Unix datagram address that gets a replica's id whenever
        something about it changes. Raises OSError when the data directory cannot be used.
        """
        data = data_directory.absolute()
        self._replicas = data / "replicas"
        self._replicas.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fence = _fence(data)
        self._separate_users = can_change_users()
        devices = tuple(simulated_gpus) or tuple(discover_gpus())
        name = hashlib.sha256(str(data).encode()).hexdigest()[:12]
        self._preparation = Preparation(
            catalogue=catalogue,
            search_path=search_path,
            homes=Homes(data, shared_root),
            users=OwnerUsers(data / "users.json") if self._separate_users else None,
            groups=find_control_groups(f"windlass-{name}"),
            devices=devices,
            notify=notify,
            notify_ready=notify_ready,
        )
        machine = _node(devices, node_labels or {}, node_taints)
        self._nodes = (machine, *simulated_nodes)
        settings = self.container_settings = containers or ContainerSettings()
        self.container_engine = ContainerEngine(settings.sockets, data / "container-engine.json")
        self.images = Images(self.container_engine, settings.registry_auth, data / "pulled.json")
        self._containers = ContainerRuntime(
            engine=self.container_engine,
            images=self.images,
            settings=settings,
            platform=name,
            devices=devices,
            machine_memory_bytes=machine.memory_bytes,
            notify=notify,
            notify_ready=notify_ready,
        )
        self._observations = Observations()
        self._quick_joins = QuickJoins()
        self._starting = threading.Lock()
        longest_path = len(os.fsencode(self._replicas)) + _LONGEST_REPLICA_ID
        self._fork_server = ForkServer(longest_path)
        self._ports = Ports(self._known_ports())

    def make_ready(self) -> None:
        """Have ready what takes time before a replica can be started."""
        with contextlib.suppress(OSError):
            self._fork_server.start()

    @property
    def trust_domain_note(self) -> str | None:
        """What an operator should know about who is kept from whom; None when projects are."""
        if self._separate_users:
            return None
        return (
            "Without the rights of root every process runs as the platform's own user: projects "
            "are not kept from each other's files, nor from the data directory."
        )

    @property
    def limits_note(self) -> str:
        """How CPU and memory limits are enforced on this machine."""
        limits = Limits(cpu_millicores_limit=1, memory_bytes_limit=1)
        return "; ".join(limit_notes(limits, self._preparation.groups))

    @property
    def control_groups(self) -> ControlGroups | None:
        """What holds replicas to their limits; None where sampling has to do."""
        return self._preparation.groups

    def nodes(self) -> Sequence[Node]:
        """This machine, and then those that are only declared."""
        return self._nodes

    def refusals(self, template: ReplicaTemplate, owner: str) -> Sequence[Refusal]:
        """Why the template could not run here; empty when it could."""
        if _runs_as_process(template):
            return self._preparation.refusals(template, owner)
        host_images = ", ".join(sorted(self._preparation.catalogue.entries()))
        return self._containers.refusals(template, host_images)

    def image(
        self, template: ReplicaTemplate, revision_id: str, pinned: PinnedImage | None
    ) -> ImageStatus:
        """Where the image of a revision stands; one that is not there is pulled."""
        if _runs_as_process(template):
            return ImageStatus(ImageState.PRESENT)
        return self._containers.image(template, revision_id, pinned)

    def expect_start(self) -> None:
        """Have replicas join their cgroups at once, for a moment."""
        groups = self._preparation.groups
        if groups is not None and groups.joins_wait:
            self._quick_joins.expect()

    def start(self, spec: ReplicaSpec, epoch: int) -> None:
        """Start a replica, unless this id was ever started.

        Raises StaleEpoch, or ReplicaCannotStart when nothing was started.
        """
        directory = self._directory(spec.replica_id)
        with self._fence.action(epoch), self._starting:
            before = observe(directory)
            if before is not None and before.state is not State.PREPARED:
                return
            try:
                control.launch(directory, self._prepare(spec), self._fork_server)
            except (OSError, ValueError, NoFreePort, ReplicaCannotStart) as error:
                self._undo_start(spec.replica_id, directory)
                if isinstance(error, ReplicaCannotStart):
                    raise
                raise ReplicaCannotStart(f"it cannot be started now: {error}") from error

    def stop(self, replica_id: str, grace_seconds: float, epoch: int) -> None:
        """SIGTERM now and SIGKILL to all descendants after the grace. Does not wait.

        Raises StaleEpoch.
        """
        directory = self._directory(replica_id)
        with self._fence.action(epoch):
            control.stop(directory, grace_seconds)
            control.settle(directory)

    def observe(self) -> Mapping[str, ReplicaObservation]:
        """Every replica there is a trace of, running or ended, by id."""
        observed = (self._observations.of(directory) for directory in self._directories())
        return {replica.replica_id: replica for replica in observed if replica is not None}

    def observe_one(self, replica_id: str) -> ReplicaObservation | None:
        """One replica, or None where there is no trace of it."""
        return self._observations.of(self._directory(replica_id))

    def tell_deaths(self, tell: Callable[[str], None]) -> None:
        """From now on, call `tell` with the id of each replica whose supervisor was killed: as a
        rule at once, else only `lost` finds it."""
        self._observations.tell_deaths(tell)

    def lost(self) -> Sequence[str]:
        """Ids of replicas last observed alive whose supervisor was killed since.

        Of anything else that happens to a replica its supervisor notifies.
        """
        return self._observations.lost(self._replicas)

    def forget(self, replica_id: str, epoch: int) -> None:
        """Remove what an ended replica left, its log included; a running one is killed first.

        Raises StaleEpoch, or TimeoutError when the kernel does not let go of its processes.
        """
        with self._fence.action(epoch):
            self._forget(replica_id)

    def log_files(self, replica_id: str) -> Sequence[Path]:
        """The replica's log, oldest file first; empty when there is none."""
        return control.log_files(self._directory(replica_id))

    def sweep(self, known: Callable[[], Collection[str]], epoch: int) -> Sequence[str]:
        """End and remove every replica that no record knows; return their ids.

        `known` is asked after the replicas were listed, so that one recorded and started meanwhile
        is spared. Raises StaleEpoch, or TimeoutError as `forget`.
        """
        with self._fence.action(epoch):
            self._remove_remains()
            with contextlib.suppress(EngineUnreachable, EngineRefuses):
                self._tidy_containers()
            there = self._traces()
            unknown = sorted(there - set(known()))
            for replica_id in unknown:
                self._forget(replica_id)
            return unknown

    def tidy(self, epoch: int) -> Sequence[str]:
        """Remove containers that were left while their engine did not answer; their replicas' ids.

        Raises StaleEpoch.
        """
        if self.container_engine.last_known is None:
            return ()
        with self._fence.action(epoch), contextlib.suppress(EngineUnreachable, EngineRefuses):
            return self._tidy_containers()
        return ()

    def stop_everything(self, grace_seconds: float) -> None:
        """Stop every replica, and wait until all are gone; for when the platform is shut down.

        Raises TimeoutError when the kernel does not let go of some process.
        """
        directories = self._directories()
        for directory in directories:
            with contextlib.suppress(OSError):
                control.stop(directory, grace_seconds, "the platform was shut down")
        deadline = time.monotonic() + grace_seconds + 1
        while time.monotonic() < deadline and any(self._runs(item) for item in directories):
            time.sleep(_POLL_SECONDS)
        for directory in directories:
            if self._runs(directory):
                control.kill(directory, _KILL_SECONDS)
            if self._preparation.groups is not None:
                self._preparation.groups.remove(directory.name)

    def _prepare(self, spec: ReplicaSpec) -> Specification:
        """Raises ReplicaCannotStart, NoFreePort or OSError."""
        template = spec.template
        is_process = _runs_as_process(template)
        runtime = self._preparation if is_process else self._containers
        declared = runtime.declared_ports(template)
        given = self._ports.allocate(spec.replica_id, len(declared))
        return runtime.prepare(spec, dict(zip(declared, given, strict=True)))

    def _tidy_containers(self) -> Sequence[str]:
        """Nobody supervises a container whose directory is gone, or has a free lock."""
        return self._containers.tidy(self._is_supervised)

    def _is_supervised(self, replica_id: str) -> bool:
        return Directory(str(self._directory(replica_id))).lock_is_held()

    def _directory(self, replica_id: str) -> Path:
        if not replica_id or "/" in replica_id or replica_id.startswith("."):
            raise ValueError(f"{replica_id!r} is not the id of a replica")
        return self._replicas / replica_id

    def _directories(self) -> list[Path]:
        with os.scandir(self._replicas) as entries:
            return [self._replicas / entry.name for entry in entries if entry.name[0] != "."]

    def _known_ports(self) -> dict[str, Collection[int]]:
        seen = ((directory.name, observe(directory)) for directory in self._directories())
        return {
            name: ports_of(found.labels).values() or (found.port,)
            for name, found in seen
            if found and found.port is not None
        }

    def _runs(self, directory: Path) -> bool:
        replica = self._observations.of(directory)
        return replica is not None and replica.state is not ReplicaState.EXITED

    def _undo_start(self, replica_id: str, directory: Path) -> None:
        with contextlib.suppress(OSError):
            self._preparation.undo(replica_id)
        shutil.rmtree(directory, ignore_errors=True)
        self._ports.release(replica_id)

    def _forget(self, replica_id: str) -> None:
        directory = self._directory(replica_id)
        if directory.exists():
            control.kill(directory, _KILL_SECONDS)
            # Out of sight in one step: a directory half removed would look like one half prepared.
            directory.rename(self._replicas / f"{_REMOVED}{replica_id}")
        self._preparation.undo(replica_id)
        self._remove_remains()
        self._observations.forget(replica_id)
        self._ports.release(replica_id)

    def _remove_remains(self) -> None:
        for remains in self._replicas.glob(f"{_REMOVED}*"):
            shutil.rmtree(remains, ignore_errors=True)

    def _traces(self) -> set[str]:
        """Ids of replicas with a directory, a home or a cgroup."""
        names = {directory.name for directory in self._directories()}
        return names | self._preparation.replicas()


def obeyed_epoch(data_directory: Path) -> int:
    """The highest epoch that an engine of this directory was ever called with. Raises OSError."""
    return _fence(data_directory.absolute()).obeyed()


def _fence(data_directory: Path) -> Fence:
    return Fence(data_directory / "engine.epoch")


def _runs_as_process(template: ReplicaTemplate) -> bool:
    return template.image.startswith(PREFIX)


def _node(devices: Sequence[Device], labels: Mapping[str, str], taints: Sequence[Taint]) -> Node:
    return Node(
        name=socket.gethostname(),
        cpu_millicores=1000 * len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        devices=tuple(devices),
        labels=dict(labels),
        taints=tuple(taints),
    )
