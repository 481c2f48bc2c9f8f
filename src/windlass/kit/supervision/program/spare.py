"""A supervisor that has started before there is anything to supervise, and waits to be told.

Most of a supervisor's start is the interpreter's: a spare one has that behind it. Whoever made it
holds the other end of a socket. It sends a directory's path with two descriptors: the directory's
lock, and the file for errors. The spare answers, and begins only once that answer was confirmed,
so that whoever gives up waiting can be certain that nothing was begun.
"""

import ctypes
import os
import socket

from windlass.kit.supervision.program import processes

_LONGEST_PATH = 4096
TAKEN = b"?"
CONFIRMED = b"!"


def wait_for_directory(descriptor: int) -> tuple[str, int] | None:
    """The path of the directory to supervise and its lock; None when none will come."""
    with socket.socket(fileno=descriptor) as maker:
        message, descriptors, _, _ = socket.recv_fds(maker, _LONGEST_PATH, 2)
        if not message or len(descriptors) != 2:
            return None
        lock, errors = descriptors
        os.dup2(errors, 2)
        os.close(errors)
        os.set_inheritable(lock, False)
        try:
            maker.sendall(TAKEN)
            if maker.recv(1) != CONFIRMED:
                return None
        except OSError:
            return None
    return message.decode(errors="surrogateescape"), lock


def show_arguments(arguments: list[str]) -> None:
    """Have /proc and `ps` show these arguments, as far as there is room for them."""
    bounds = processes.argument_bounds()
    if bounds is None:
        return
    start, end = bounds
    words = b"".join(os.fsencode(each) + b"\0" for each in arguments)
    ctypes.memmove(start, words[: end - start - 1].ljust(end - start, b"\0"), end - start)
