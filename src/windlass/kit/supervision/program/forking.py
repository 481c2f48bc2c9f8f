"""The process from which a supervisor is forked for each directory to supervise.

Whoever started it holds the other end of a socket, and sends a directory's path with three
descriptors: a socket for the answer, the directory's lock, and the file for errors. One supervisor
is forked before it is needed, and takes what is sent next: a request may be waiting, and to fork
takes time. For the same reason it has rehearsed what it will do. It answers, and begins only once
its answer was confirmed, so that whoever gives up waiting can be certain that nothing was begun.
"""

import contextlib
import ctypes
import gc
import os
import select
import signal
import socket

from windlass.kit.supervision.program import processes
from windlass.kit.supervision.program.child import Child, end_with_parent, outlive_parent
from windlass.kit.supervision.program.rehearsal import rehearse

_LONGEST_PATH = 4096
_LULL_SECONDS = 0.08
TAKEN = b"?"
CONFIRMED = b"!"


class Told:
    """What a forked supervisor is to supervise: a directory, with the lock that it holds, and with
    a process that waits to execute what runs there."""

    def __init__(self, path: str, lock: int, forked: Child) -> None:
        self.path = path
        self.lock = lock
        self.forked = forked


def serve_forks(descriptor: int) -> Told | None:
    """Returns in each process that is forked; with None where there is nothing to do: in one that
    was not confirmed, and in this one at the end."""
    # What is there now is never collected, so that it stays in memory that all share.
    gc.collect()
    gc.freeze()
    # What is forked is nobody's to wait for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = os.getpid()
    with socket.socket(fileno=descriptor) as requests:
        while not _is_closed(requests):
            read_end, write_end = os.pipe()
            if os.fork() == 0:
                os.close(read_end)
                return _wait_to_be_told(requests, server, write_end)
            os.close(write_end)
            # Nothing is written: it ends when that process needs no successor before, or is gone.
            os.read(read_end, 1)
            os.close(read_end)
            # What was just started needs the processor more, unless another is wanted at once.
            select.select([requests], [], [], _LULL_SECONDS)
    return None


def show_arguments(arguments: list[str]) -> None:
    """Have /proc and `ps` show these arguments, as far as there is room for them."""
    bounds = processes.argument_bounds()
    if bounds is None:
        return
    start, end = bounds
    words = b"".join(os.fsencode(each) + b"\0" for each in arguments)
    ctypes.memmove(start, words[: end - start - 1].ljust(end - start, b"\0"), end - start)


def _wait_to_be_told(requests: socket.socket, server: int, until_told: int) -> Told | None:
    """Until then it ends with the server: whoever kills that can be certain of this one, too."""
    os.setsid()
    end_with_parent(server)
    forked = Child()
    if not _is_readable(requests):
        with contextlib.suppress(OSError):
            rehearse()
    message, descriptors, _, _ = socket.recv_fds(requests, _LONGEST_PATH, 3)
    requests.close()
    try:
        if len(descriptors) != 3:
            return None
        outlive_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        return _take(message, forked, *descriptors)
    finally:
        os.close(until_told)


def _is_readable(requests: socket.socket) -> bool:
    return bool(select.select([requests], [], [], 0)[0])


def _is_closed(requests: socket.socket) -> bool:
    try:
        return not requests.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


def _take(message: bytes, forked: Child, answers: int, lock: int, errors: int) -> Told | None:
    os.dup2(errors, 2)
    os.close(errors)
    os.set_inheritable(lock, False)
    with socket.socket(fileno=answers) as answer:
        try:
            answer.sendall(TAKEN)
            if answer.recv(1) != CONFIRMED:
                return None
        except OSError:
            return None
    return Told(message.decode(errors="surrogateescape"), lock, forked)
