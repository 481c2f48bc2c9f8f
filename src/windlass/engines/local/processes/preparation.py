"""Makes a replica's surroundings: its user, folder, cgroups and environment, and says what stands
against it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from windlass.engines.engine import (
    Device,
    DeviceShare,
    Refusal,
    ReplicaCannotStart,
    ReplicaRefused,
    ReplicaSpec,
    ReplicaTemplate,
)
from windlass.engines.local.observations import NOTES, PORTS
from windlass.engines.local.probes import supervised_probe
from windlass.engines.local.processes import mps
from windlass.engines.local.processes.catalogue import Catalogue, Entry, RunAs
from windlass.engines.local.processes.composition import Composition, Surroundings, compose
from windlass.engines.local.processes.control_groups import ControlGroups
from windlass.engines.local.processes.homes import Homes
from windlass.engines.local.processes.notes import device_notes, limit_notes
from windlass.engines.local.processes.refusals import (
    image_refusal,
    place_refusals,
    request_refusals,
)
from windlass.engines.local.processes.users import OwnerUsers, UsersExhausted
from windlass.kit.supervision import specification as supervised


@dataclass(frozen=True, slots=True)
class Preparation:
    """What this machine offers to replicas."""

    catalogue: Catalogue
    search_path: str
    homes: Homes
    users: OwnerUsers | None
    """None: every process has the platform's user."""
    groups: ControlGroups | None
    devices: Sequence[Device]
    notify: str | None
    notify_ready: str | None
    mps_directory: Path = mps.DEFAULT_PIPE_DIRECTORY

    def refusals(self, template: ReplicaTemplate, owner: str) -> Sequence[Refusal]:
        """Why a template could not run here; empty when it could."""
        entries = self.catalogue.entries()
        refused = image_refusal(template.image, entries)
        if refused is not None:
            return [refused]
        entry = entries[template.image]
        refusals = list(request_refusals(entry, template))
        return refusals or list(self._place_refusals(entry, template, owner))

    def prepare(self, spec: ReplicaSpec, ports: Mapping[int, int]) -> supervised.Specification:
        """Make what the replica needs, and say what to supervise; `ports` by the declared ones.

        Raises ReplicaRefused or ReplicaCannotStart; `undo` removes what was made, here or in a
        former life.
        """
        refusals = self.refusals(spec.template, spec.owner)
        if refusals:
            raise ReplicaRefused("; ".join(f"{item.path}: {item.message}" for item in refusals))
        entry = self.catalogue.entries()[spec.template.image]
        try:
            uid = self._uid(entry, spec.owner)
            home = self.homes.path(spec.replica_id, other_user=uid is not None)
            what = compose(entry, spec.template, self._surroundings(spec, str(home), ports))
            self.homes.make(home, what.working_directory, uid)
        except (OSError, UsersExhausted) as error:
            raise ReplicaCannotStart(f"its folder cannot be made: {error}") from error
        groups = self._join_groups(spec)
        return self._specification(spec, ports, what, uid, home, groups)

    def declared_ports(self, template: ReplicaTemplate) -> tuple[int, ...]:
        """The ports to give it, the serving one first."""
        return tuple(dict.fromkeys([template.container_port, *template.additional_ports]))

    def undo(self, replica_id: str) -> None:
        """Remove what `prepare` made. Raises OSError."""
        if self.groups is not None:
            self.groups.remove(replica_id)
        self.homes.remove(replica_id)

    def replicas(self) -> set[str]:
        """The ids of replicas for which something was made."""
        return self.homes.replicas() | (self.groups.replicas() if self.groups else set())

    def _place_refusals(
        self, entry: Entry, template: ReplicaTemplate, owner: str
    ) -> Iterator[Refusal]:
        around = Surroundings(
            self.search_path, "/nonexistent", {}, {"PORT": str(template.container_port)}
        )
        what = compose(entry, template, around)
        return place_refusals(entry, template, what, self._likely_uid(entry, owner))

    def _likely_uid(self, entry: Entry, owner: str) -> int | None:
        if self.users is None or entry.run_as is RunAs.PLATFORM:
            return None
        return self.users.likely_uid(owner)

    def _uid(self, entry: Entry, owner: str) -> int | None:
        if self.users is None or entry.run_as is RunAs.PLATFORM:
            return None
        return self.users.uid(owner)

    def _surroundings(self, spec: ReplicaSpec, home: str, ports: Mapping[int, int]) -> Surroundings:
        template = spec.template
        given = {"PORT": str(ports[template.container_port])}
        given |= {f"PORT_{each}": str(ports[each]) for each in template.additional_ports}
        return Surroundings(
            search_path=self.search_path,
            home=home,
            platform=spec.platform_environment,
            given={**given, **self._device_variables(spec.devices)},
        )

    def _device_variables(self, shares: Sequence[DeviceShare]) -> Mapping[str, str]:
        if not self.devices:
            return {}
        # Empty where it was given none: a replica without GPUs sees none.
        visible = {"CUDA_VISIBLE_DEVICES": ",".join(share.device_id for share in shares)}
        if self._enforces(shares):
            return {**visible, **mps.limits(shares, self.mps_directory)}
        return visible

    def _enforces(self, shares: Sequence[DeviceShare]) -> bool:
        simulated = {device.id for device in self.devices if device.simulated}
        return (
            any(share.portion < 1 for share in shares)
            and not any(share.device_id in simulated for share in shares)
            and mps.is_running(self.mps_directory)
        )

    def _join_groups(self, spec: ReplicaSpec) -> tuple[str, ...] | None:
        """The replica's cgroups; None where the kernel refuses its limits, so that others apply."""
        if self.groups is None:
            return None
        try:
            return self.groups.create(spec.replica_id, spec.template.limits)
        except OSError:
            return None

    def _specification(
        self,
        spec: ReplicaSpec,
        ports: Mapping[int, int],
        what: Composition,
        uid: int | None,
        home: Path,
        groups: tuple[str, ...] | None,
    ) -> supervised.Specification:
        limits = spec.template.limits
        used = self.groups if groups is not None else None
        held_by_kernel = used is not None and "memory" in used.folders
        notes = limit_notes(limits, used) + device_notes(
            spec.devices, self.devices, shares_enforced=self._enforces(spec.devices)
        )
        return supervised.Specification(
            id=spec.replica_id,
            program=str(what.program),
            argv=_argv(what),
            environment=what.environment,
            working_directory=str(what.working_directory),
            user=supervised.User(uid, uid) if uid is not None else None,
            port=ports[spec.template.container_port],
            probe=supervised_probe(spec.template.probe),
            control_groups=groups or (),
            sampled_memory_bytes=None if held_by_kernel else limits.memory_bytes_limit,
            notify=self.notify,
            notify_ready=self.notify_ready,
            holds_secrets=spec.template.holds_secrets,
            mark=f"HOME={home}" if what.environment.get("HOME") == str(home) else None,
            labels={NOTES: "\n".join(notes), PORTS: json.dumps(dict(ports))},
        )


def _argv(what: Composition) -> tuple[str, ...]:
    """The words as given, except that a path does not depend on where the process runs."""
    if "/" not in what.argv[0]:
        return what.argv
    return (str(what.program), *what.argv[1:])
