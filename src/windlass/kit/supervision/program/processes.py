"""What /proc tells of processes: identity, descendants, memory, and what was left behind."""

import contextlib
import os
import signal


def boot_id() -> str:
    """What tells this run of the machine from every other."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot: with its PID this names it for good.

    None where there is no such process.
    """
    fields = _stat(pid)
    return int(fields[19]) if fields is not None else None


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie.

    One whose first thread has ended keeps its sockets until all the others have, too.
    """
    fields = _stat(pid)
    return fields is not None and (fields[0] not in ("Z", "X") or _has_other_threads(pid))


def argument_bounds() -> tuple[int, int] | None:
    """Where in memory this process's own arguments begin and end; None where that is not told."""
    fields = _stat(os.getpid())
    if fields is None or len(fields) < 47:
        return None
    start, end = int(fields[45]), int(fields[46])
    return (start, end) if 0 < start < end else None


def all_pids() -> list[int]:
    """Every process there is."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def descendants(pid: int) -> list[int]:
    """Children, their children and so on, zombies included."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def resident_bytes(pids: list[int], limit: int) -> int:
    """Memory of the processes together, pages that they share counted once as soon as it matters.

    The cheap sum counts shared pages for every process; only where it exceeds `limit` is the
    proportional one read, which costs the kernel a walk over all their pages.
    """
    total = sum(_resident(pid) for pid in pids)
    if total <= limit:
        return total
    return sum(_proportional(pid) for pid in pids)


def group_members(control_groups: list[str]) -> set[int]:
    """Processes in any of the cgroups."""
    members: set[int] = set()
    for group in control_groups:
        with contextlib.suppress(OSError), open(os.path.join(group, "cgroup.procs")) as file:
            members.update(int(line) for line in file)
    return members


def leftovers(
    control_groups: list[str], leader: int | None, leader_ticks: int | None, mark: str | None
) -> set[int]:
    """Processes that descend from one that ran under a supervisor which is gone.

    They are members of its cgroups or of its session, or have its mark in their environment. A
    session is its own only while its leader is the same process, or gone: as long as the session
    has a member, the kernel gives its id to no new process.
    """
    found = group_members(control_groups)
    if leader is not None and start_ticks(leader) not in (None, leader_ticks):
        leader = None
    for pid in all_pids():
        if pid == os.getpid():
            continue
        in_session = leader is not None and _session_of(pid) == leader
        if in_session or (mark is not None and _has_mark(pid, mark)):
            found.add(pid)
    found.discard(os.getpid())
    return {pid for pid in found if is_alive(pid)}


def send_signal(pids: set[int] | list[int], number: int) -> None:
    """Signal processes, those that are gone by now left out."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill_groups(control_groups: list[str]) -> None:
    """SIGKILL to every member of the cgroups; at once where the kernel offers that."""
    for group in control_groups:
        with contextlib.suppress(OSError), open(os.path.join(group, "cgroup.kill"), "w") as file:
            file.write("1")
    send_signal(group_members(control_groups), signal.SIGKILL)


def remove_groups(control_groups: list[str]) -> None:
    """Remove cgroups whose processes are gone; what others still need stays."""
    for group in control_groups:
        with contextlib.suppress(OSError):
            os.rmdir(group)


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/<pid>/stat from the third on (proc(5))."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def _session_of(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[3]) if fields is not None else None


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += [int(word) for word in file.read().split()]
    except OSError:
        if os.path.exists(f"/proc/{pid}") and not os.path.exists("/proc/1/task/1/children"):
            return _children_by_parent(pid)
    return found


def _children_by_parent(pid: int) -> list[int]:
    """For kernels without CONFIG_PROC_CHILDREN."""
    found = []
    for candidate in all_pids():
        fields = _stat(candidate)
        if fields is not None and int(fields[1]) == pid:
            found.append(candidate)
    return found


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return _resident(pid)
    return 0


def _has_mark(pid: int, mark: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark.encode() in file.read().split(b"\0")
    except OSError:
        return False


def _has_other_threads(pid: int) -> bool:
    try:
        return len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False
