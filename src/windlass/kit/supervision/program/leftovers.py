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
    while True:
        left = find_leftovers(directory)
        if not left:
            processes.remove_groups(_groups(directory))
            return True
        processes.send_signal(left, signal.SIGKILL)
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)


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
    state = read_json(directory.state) or {}
    process = state.get("process")
    leader, ticks = None, None
    # After a restart of the machine the numbers are other processes'.
    if isinstance(process, dict) and state.get("boot") == processes.boot_id():
        leader, ticks = process["pid"], process["ticks"]
    groups = instructions.start.control_groups
    return processes.leftovers(groups, leader, ticks, instructions.mark)
