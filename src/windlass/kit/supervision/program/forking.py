"""The process that is forked for each directory to supervise.

Whoever started it holds the other end of a socket, and sends a directory's path with three
descriptors: a socket for the answer, the directory's lock, and the file for errors. The supervisor
that is forked answers, and begins only once its answer was confirmed, so that whoever gives up
waiting can be certain that nothing was begun.
"""

import ctypes
import gc
import os
import socket

from windlass.kit.supervision.program import processes

_LONGEST_PATH = 4096
TAKEN = b"?"
CONFIRMED = b"!"


def serve_forks(descriptor: int) -> tuple[str, int] | None:
    """Returns in each process that is forked, with the path of its directory and the lock; and with
    None where there is nothing to do: in one that was not confirmed, and in this one at the end."""
    # What is there now is never collected, so that it stays in memory that all share.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=descriptor) as requests:
        while True:
            message, descriptors, _, _ = socket.recv_fds(requests, _LONGEST_PATH, 3)
            if not message:
                return None
            if len(descriptors) == 3 and _is_forked():
                requests.close()
                return _take(message, *descriptors)
            for each in descriptors:
                os.close(each)


def show_arguments(arguments: list[str]) -> None:
    """Have /proc and `ps` show these arguments, as far as there is room for them."""
    bounds = processes.argument_bounds()
    if bounds is None:
        return
    start, end = bounds
    words = b"".join(os.fsencode(each) + b"\0" for each in arguments)
    ctypes.memmove(start, words[: end - start - 1].ljust(end - start, b"\0"), end - start)


def _is_forked() -> bool:
    """True in a grandchild with a session of its own, which is nobody's to wait for; False here."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return False
    if os.fork():
        os._exit(0)
    os.setsid()
    return True


def _take(message: bytes, answers: int, lock: int, errors: int) -> tuple[str, int] | None:
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
    return message.decode(errors="surrogateescape"), lock
