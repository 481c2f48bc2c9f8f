"""Launches and stops supervised processes, each by its directory.

Whoever launched a process need not be the one who observes or stops it: all that is known stands in
the directory, and a lock that the supervisor holds for as long as it lives tells whether it does.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

from windlass.kit.supervision import supervisor
from windlass.kit.supervision.fork_server import ForkServer
from windlass.kit.supervision.observation import Observation, State, observe, read_observation
from windlass.kit.supervision.program import processes
from windlass.kit.supervision.program.directory import (
    LOG_SUFFIX,
    Directory,
    make_durable,
    read_json,
    write_json,
)
from windlass.kit.supervision.program.instructions import StopRequest
from windlass.kit.supervision.program.leftovers import end_leftovers, find_leftovers
from windlass.kit.supervision.program.log import log_numbers
from windlass.kit.supervision.specification import Restart, Specification

_LEFTOVERS_TIMEOUT = 5.0
_LAST_BREATH = 2.0
_PAUSE = 0.01


def launch(
    directory: Path, specification: Specification, fork_server: ForkServer | None = None
) -> bool:
    """Start a supervisor for the directory, unless it has one or was started once and for all.

    Safe to repeat after being killed at any point, and from several processes at once. Returns
    whether this call started it: where one is still being stopped, it does not. The supervisor is
    forked by the server, if there is one. Raises OSError when directory or supervisor cannot be
    made, and ValueError for a program that is not a path.
    """
    program = specification.program or "".join(specification.argv[:1])
    if specification.container is None and "/" not in program:
        raise ValueError(f"{program!r} is not the path of a program")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = Directory(str(directory.absolute()))
    lock = _take_lock(files)
    if lock is None:
        return False
    try:
        if files.was_started():
            if specification.restart is Restart.NEVER:
                return False
            _forget_former_run(files)
        write_json(files.specification, specification.to_json())
        _spawn(files, lock, fork_server)
        # After the start, which may be waited for: this takes as long as the disk does.
        make_durable(files.specification)
        return True
    finally:
        os.close(lock)


def stop(directory: Path, grace_seconds: float, reason: str = "") -> None:
    """Ask for SIGTERM now and SIGKILL to all descendants after the grace. Does not wait.

    A later call may shorten the grace, never lengthen it. A process not started yet never will be.
    On a full disk the grace is that of the specification. Raises OSError when neither works.
    """
    files = Directory(str(directory))
    if not directory.exists():
        return
    earlier = StopRequest.read(files.stop)
    kill_at = time.monotonic() + grace_seconds
    if earlier is not None:
        kill_at, reason = min(kill_at, earlier.kill_at), earlier.reason
    try:
        write_json(files.stop, {"kill_at": kill_at, "reason": reason})
    except OSError:
        if not _signal_supervisor(files, signal.SIGTERM):
            raise
        return
    # A supervisor that has not written its state yet looks for a request after it has.
    _signal_supervisor(files, signal.SIGTERM)


def kill(directory: Path, timeout_seconds: float = 10.0, grace_seconds: float = 0.0) -> None:
    """End the process, its descendants and its supervisor, and wait until they are gone.

    SIGTERM comes first, and SIGKILL after the grace. Raises TimeoutError when the kernel does not
    let go of them in `timeout_seconds` from then on.
    """
    files = Directory(str(directory))
    killed_at = time.monotonic() + grace_seconds
    with contextlib.suppress(OSError):
        # On a full disk the signal below has to do.
        stop(directory, grace_seconds)
    if not _wait_for_end(files, killed_at + timeout_seconds / 2):
        _signal_supervisor(files, signal.SIGKILL)
        if not _wait_for_end(files, killed_at + timeout_seconds):
            raise TimeoutError(f"the supervisor of {directory} does not end")
    settle(directory)
    left = find_leftovers(files)
    if left:
        raise TimeoutError(f"processes of {directory} do not end: {sorted(left)}")


def settle(directory: Path) -> Observation | None:
    """Like `observe`, and where the supervisor is lost, end what it left and record that.

    Takes as long as ending it does, a few seconds at most. Raises OSError when the record cannot
    be written.
    """
    observation = observe(directory)
    if observation is None or observation.state not in (State.LOST, State.PREPARED):
        return observation
    files = Directory(str(directory))
    lock = files.take_lock()
    if lock is None:
        return observe(directory)
    try:
        _settle_locked(files)
    finally:
        os.close(lock)
    return observe(directory)


def log_files(directory: Path) -> list[Path]:
    """The log of standard output and standard error, oldest file first."""
    folder = Directory(str(directory)).log
    return [Path(folder, f"{number}{LOG_SUFFIX}") for number in log_numbers(folder)]


def _take_lock(files: Directory) -> int | None:
    """The directory's lock; a supervisor that has only to let go of it is waited for."""
    deadline = time.monotonic() + _LAST_BREATH
    while True:
        lock = files.take_lock()
        ending = (read_json(files.state) or {}).get("state") == State.EXITED
        if lock is not None or not ending or time.monotonic() >= deadline:
            return lock
        time.sleep(_PAUSE)


def _forget_former_run(files: Directory) -> None:
    """Make room for another run, whose state must not be mistaken for that of the former."""
    if not end_leftovers(files, _LEFTOVERS_TIMEOUT):
        raise OSError(f"processes of the former run do not end: {sorted(find_leftovers(files))}")
    for file in (files.stop, files.state):
        Path(file).unlink(missing_ok=True)


def _spawn(files: Directory, lock: int, fork_server: ForkServer | None) -> None:
    """Have a supervisor go on holding the lock; returns once it is in the background."""
    errors = os.open(files.errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        if fork_server is not None and fork_server.adopt(files.path, lock, errors):
            return
        status = subprocess.run(
            [sys.executable, "-I", "-S", supervisor.__file__, files.path, "--lock", str(lock)],
            pass_fds=[lock],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            env={"LC_ALL": "C.UTF-8"},
            check=False,
        ).returncode
    finally:
        os.close(errors)
    if status != 0:
        raise OSError(f"the supervisor did not start (status {status}); see {files.errors}")


def _signal_supervisor(files: Directory, number: int) -> bool:
    """Signal the supervisor named in the state, if it is still that process; whether it was."""
    state = cast(dict[str, Any], read_json(files.state) or {})
    named = state.get("supervisor")
    if not named or not files.lock_is_held():
        return False
    try:
        # The descriptor pins the process before its identity is checked.
        pinned = os.pidfd_open(named["pid"])
    except ProcessLookupError:
        return False
    try:
        if processes.start_ticks(named["pid"]) != named["ticks"]:
            return False
        signal.pidfd_send_signal(pinned, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(pinned)


def _wait_for_end(files: Directory, deadline: float) -> bool:
    while files.lock_is_held():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _settle_locked(files: Directory) -> None:
    observation = read_observation(files, supervised=False)
    if observation is None:
        return
    stopped = os.path.exists(files.stop)
    if observation.state is State.PREPARED and stopped:
        os.close(os.open(files.started, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        _write_exit(
            files, observation, {"message": "stopped before it was started", "stopped": True}
        )
    elif observation.state is State.LOST and end_leftovers(files, _LEFTOVERS_TIMEOUT):
        message = "its supervisor died, and the process with it"
        _write_exit(files, observation, {"message": message, "stopped": stopped, "lost": True})


def _write_exit(files: Directory, observation: Observation, end: dict[str, object]) -> None:
    state = read_json(files.state) or {"version": 1, "id": observation.id}
    state.update(state="exited", ready=False, exit={**end, "at": time.time()})
    write_json(files.state, state)
