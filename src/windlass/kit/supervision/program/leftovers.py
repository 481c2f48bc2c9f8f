"""Ends what a killed supervisor left running."""

import signal
import time

from windlass.kit.supervision.program import processes
from windlass.kit.supervision.program.directory import Directory, read_json
from windlass.kit.supervision.program.instructions import Instructions

_PAUSE = 0.01


def end_leftovers(directory: Directory, timeout: float) -> bool:
    """SIGKILL every process that a former supervisor of the directory left; whether all are gone.

    Only for whoever holds the directory's lock. Waits for `timeout` seconds at most.
    """
    deadline = time.monotonic() + timeout
    if not _end_container(directory, timeout):
        return False
    while True:
        left = find_leftovers(directory)
        if not left:
            processes.remove_groups(_groups(directory))
            return True
        processes.send_signal(left, signal.SIGKILL)
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)


def _end_container(directory: Directory, timeout: float) -> bool:
    """Whether its container is gone, or at least all that ran in it."""
    try:
        container = Instructions(directory.specification).container
    except (FileNotFoundError, ValueError):
        return True
    if container is None:
        return True
    # Imported only where there are containers, to keep the supervisor of a process small.
    from windlass.kit.supervision.program.containers import remains

    leader, ticks = _leader(directory)
    killed = leader is not None and remains.kill_process(leader, ticks)
    return remains.remove(container.socket, container.name, timeout) or killed


def _leader(directory: Directory) -> tuple[int | None, int | None]:
    """The process that was supervised, with when it started; neither where it cannot be known."""
    state = read_json(directory.state) or {}
    process = state.get("process")
    # After a restart of the machine the numbers are other processes'.
    if isinstance(process, dict) and state.get("boot") == processes.boot_id():
        return process["pid"], process["ticks"]
    return None, None


def _groups(directory: Directory) -> list[str]:
    try:
        return Instructions(directory.specification).start.control_groups
    except (FileNotFoundError, ValueError):
        return []


def find_leftovers(directory: Directory) -> set[int]:
    """The processes that a former supervisor of the directory left."""
    try:
        instructions = Instructions(directory.specification)
    except (FileNotFoundError, ValueError):
        return set()
    if instructions.container is not None:
        return set()
    leader, ticks = _leader(directory)
    groups = instructions.start.control_groups
    return processes.leftovers(groups, leader, ticks, instructions.mark)
