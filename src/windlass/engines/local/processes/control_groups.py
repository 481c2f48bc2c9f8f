"""Holds replicas to their CPU and memory through the kernel's control groups, version 2 or 1.

Sources: https://docs.kernel.org/admin-guide/cgroup-v2.html and
https://docs.kernel.org/admin-guide/cgroup-v1/index.html.
"""

import contextlib
import errno
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from windlass.engines.engine import Limits

_PERIOD_MICROSECONDS = 100_000
_LEAST_QUOTA_MICROSECONDS = 1_000
_CONTROLLERS = ("cpu", "memory")
_REMOVAL_SECONDS = 2.0
_MOUNTS = Path("/proc/self/mountinfo")
_OWN = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """The folders, one per controller, in which each replica gets a group of its own."""

    version: int
    folders: Mapping[str, Path]
    """By controller: `cpu`, `memory`, or both. In version 2 both are the same folder."""

    @property
    def joins_wait(self) -> bool:
        """Whether a process that joins waits for the kernel; in version 1 a single thread need
        not."""
        return self.version == 2

    def create(self, replica_id: str, limits: Limits) -> tuple[str, ...]:
        """Make the replica's groups, with its limits. Raises OSError, and then leaves none."""
        paths = self.of(replica_id)
        try:
            for path in paths:
                self._make(Path(path))
            for controller, folder in self.folders.items():
                for name, value in self._settings(controller, limits):
                    _set(folder / replica_id / name, value)
        except OSError:
            remove(paths)
            raise
        return paths

    def remove(self, replica_id: str) -> None:
        """Remove the replica's groups, whose processes are gone, and with the last their folder."""
        remove(self.of(replica_id))
        for folder in set(self.folders.values()):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def replicas(self) -> set[str]:
        """The ids that have a group."""
        return {
            group.name
            for folder in self.folders.values()
            if folder.exists()
            for group in folder.iterdir()
            if group.is_dir()
        }

    def of(self, replica_id: str) -> tuple[str, ...]:
        """Where the replica's groups are, if it has any."""
        return tuple(dict.fromkeys(str(folder / replica_id) for folder in self.folders.values()))

    def _make(self, group: Path) -> None:
        while True:
            group.parent.mkdir(mode=0o755, exist_ok=True)
            if self.version == 2:
                _enable_controllers(group.parent)
            try:
                group.mkdir(mode=0o755, exist_ok=True)
                return
            except FileNotFoundError:
                # The last other replica went at this moment, and the folder with it.
                continue

    def _settings(self, controller: str, limits: Limits) -> list[tuple[str, str]]:
        if controller == "cpu":
            return _cpu_version_2(limits) if self.version == 2 else _cpu_version_1(limits)
        limit = limits.memory_bytes_limit
        if limit is None:
            return []
        if self.version == 2:
            return [
                ("memory.max", str(limit)),
                # Swap would only hide that the limit is reached.
                ("memory.swap.max", "0"),
                # All processes of a replica, or none; for version 1 its supervisor sees to that.
                ("memory.oom.group", "1"),
            ]
        return [("memory.limit_in_bytes", str(limit)), ("memory.memsw.limit_in_bytes", str(limit))]


def find_control_groups(
    name: str,
    mounts: Path = _MOUNTS,
    own: Path = _OWN,
) -> ControlGroups | None:
    """A folder called `name` in the cgroups of this process, in which it may make groups.

    None where there is no controller that it may use. Both files are as in proc(5).
    """
    memberships = _memberships(own)
    version_1: dict[str, Path] = {}
    for mount in _mounts(mounts):
        if mount.type == "cgroup2" and "" in memberships:
            folder = _version_2_folder(mount.path(memberships[""]), mount.point, name)
            if folder is not None:
                return ControlGroups(2, dict.fromkeys(_CONTROLLERS, folder))
        for controller in _CONTROLLERS:
            if mount.type == "cgroup" and controller in mount.options and controller in memberships:
                folder = mount.path(memberships[controller]) / name
                if _can_hold(folder, limits=False):
                    version_1[controller] = folder
    return ControlGroups(1, version_1) if version_1 else None


def own_group(mounts: Path = _MOUNTS, own: Path = _OWN) -> Path | None:
    """One of the groups that this process is in now; None where none can be seen."""
    memberships = _memberships(own)
    for mount in _mounts(mounts):
        if mount.type == "cgroup2" and "" in memberships:
            return mount.path(memberships[""])
        for controller in _CONTROLLERS:
            if mount.type == "cgroup" and controller in mount.options and controller in memberships:
                return mount.path(memberships[controller])
    return None


def remove(groups: Iterable[str]) -> None:
    """Remove groups whose processes are gone; the kernel may need a moment to let go of them."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    for group in groups:
        while True:
            try:
                os.rmdir(group)
            except OSError as error:
                if error.errno == errno.EBUSY and time.monotonic() < deadline:
                    time.sleep(0.005)
                    continue
            break


@dataclass(frozen=True, slots=True)
class _Mount:
    root: str
    point: Path
    type: str
    options: tuple[str, ...]

    def path(self, group: str) -> Path:
        """Where a group, as /proc/self/cgroup names it, lies; a container sees only a part."""
        inside = os.path.relpath(group, self.root) if group.startswith(self.root) else "."
        return self.point / inside


def _mounts(file: Path) -> list[_Mount]:
    mounts = []
    for line in file.read_text().splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if kind and kind[0] in ("cgroup", "cgroup2"):
            point = Path(fields[4].replace("\\040", " "))
            mounts.append(_Mount(fields[3], point, kind[0], tuple(kind[-1].split(","))))
    return mounts


def _memberships(file: Path) -> dict[str, str]:
    """The group of this process by controller; that of version 2 by the empty name."""
    found = {}
    for line in file.read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        found.update(dict.fromkeys(controllers.split(","), group))
    return found


def _version_2_folder(own: Path, top: Path, name: str) -> Path | None:
    """The folder in the own group where it was delegated, else, as root, at the top."""
    for parent in (own, top):
        if not _offers_controllers(parent):
            continue
        if not _enable_controllers(parent) and _is_delegated(parent):
            # A group with processes in it cannot have groups with limits below it.
            _move_processes(parent, parent / "platform")
            _enable_controllers(parent)
        if _can_hold(parent / name, limits=True):
            return parent / name
    return None


def _offers_controllers(group: Path) -> bool:
    try:
        offered = (group / "cgroup.controllers").read_text().split()
    except OSError:
        return False
    return set(_CONTROLLERS) <= set(offered)


def _enable_controllers(group: Path) -> bool:
    try:
        (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in _CONTROLLERS))
    except OSError:
        return False
    return True


def _is_delegated(group: Path) -> bool:
    """Whether systemd's `Delegate=` gave the group to whoever runs in it."""
    for attribute in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(group, attribute) == b"1":
                return True
    return False


def _move_processes(group: Path, target: Path) -> None:
    with contextlib.suppress(OSError):
        target.mkdir(exist_ok=True)
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (target / "cgroup.procs").write_text(pid)


def _can_hold(folder: Path, *, limits: bool) -> bool:
    """Whether the folder can be made, and can be written; it is not kept unless it was there."""
    try:
        folder.mkdir(mode=0o755, exist_ok=True)
    except OSError:
        return False
    try:
        if limits and not (_offers_controllers(folder) and _enable_controllers(folder)):
            return False
        return os.access(folder, os.W_OK)
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _cpu_version_1(limits: Limits) -> list[tuple[str, str]]:
    settings = []
    if limits.cpu_millicores_limit is not None:
        settings.append(("cpu.cfs_period_us", str(_PERIOD_MICROSECONDS)))
        settings.append(("cpu.cfs_quota_us", str(_quota(limits.cpu_millicores_limit))))
    if limits.cpu_millicores_request is not None:
        settings.append(("cpu.shares", str(_shares(limits.cpu_millicores_request))))
    return settings


def _cpu_version_2(limits: Limits) -> list[tuple[str, str]]:
    settings = []
    if limits.cpu_millicores_limit is not None:
        quota = _quota(limits.cpu_millicores_limit)
        settings.append(("cpu.max", f"{quota} {_PERIOD_MICROSECONDS}"))
    if limits.cpu_millicores_request is not None:
        # From 2…262144 shares to a weight of 1…10000, as container runtimes map them.
        shares = _shares(limits.cpu_millicores_request)
        settings.append(("cpu.weight", str(1 + (shares - 2) * 9999 // 262142)))
    return settings


def _quota(millicores: int) -> int:
    return max(_LEAST_QUOTA_MICROSECONDS, millicores * _PERIOD_MICROSECONDS // 1000)


def _shares(millicores: int) -> int:
    return min(262144, max(2, millicores * 1024 // 1000))


def _set(file: Path, value: str) -> None:
    try:
        file.write_text(value)
    except OSError as error:
        # Kernels may be built without swap accounting.
        no_swap = error.errno == errno.ENOENT and ("swap" in file.name or "memsw" in file.name)
        # Version 1 refuses a quota above that of a group further up, which holds in any case.
        held_above = error.errno == errno.EINVAL and file.name == "cpu.cfs_quota_us"
        if not no_swap and not held_above:
            raise
