"""Stops one thread of Envoy in the middle of its work, as a busy machine may: with ptrace."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DETACH, _TO_SYSTEM_CALL = 17, 24
_SEIZE, _INTERRUPT = 0x4206, 0x4207
_ALSO_THREADS = 0x40000000
_READS = {"x86_64": {19, 45, 47}, "aarch64": {65, 207, 212}}
"""The numbers of the system calls `readv`, `recvfrom` and `recvmsg`."""
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def worker(pid: int) -> int:
    """The thread that serves an Envoy's requests, where it has one alone."""
    [found] = [
        int(each.name)
        for each in Path(f"/proc/{pid}/task").iterdir()
        if (each / "comm").read_text().startswith("wrk:")
    ]
    return found


@contextmanager
def stopped_before_it_reads(thread: int) -> Iterator[None]:
    """Enters once something has woken the thread, and holds it before it reads what that was."""
    _ptrace(_SEIZE, thread)
    try:
        _ptrace(_INTERRUPT, thread)
        _wait(thread)
        while True:
            _ptrace(_TO_SYSTEM_CALL, thread)
            _wait(thread)
            if _call(thread) in _READS[os.uname().machine]:
                break
        yield
    finally:
        _ptrace(_DETACH, thread)


def _call(thread: int) -> int:
    """Number of the system call that a stopped thread is at."""
    return int(Path(f"/proc/{thread}/syscall").read_text().split()[0])


def _wait(thread: int) -> None:
    _, status = os.waitpid(thread, _ALSO_THREADS)
    assert os.WIFSTOPPED(status), status


def _ptrace(request: int, thread: int) -> None:
    if _libc.ptrace(request, thread, None, None) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}: {os.strerror(ctypes.get_errno())}")
