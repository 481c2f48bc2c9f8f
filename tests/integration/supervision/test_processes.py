"""What /proc tells of processes that are about to be gone."""

import subprocess
import sys

from tests.crash.world import Process
from tests.end_to_end.platforms import eventually
from windlass.kit.supervision.program import processes

OUTLIVED = """
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
exit_this_thread = {"x86_64": 60}.get(platform.machine(), 93)
ctypes.CDLL(None).syscall(exit_this_thread, 0)
"""


def test_a_process_whose_first_thread_has_ended_is_alive() -> None:
    running = subprocess.Popen([sys.executable, "-c", OUTLIVED])
    try:
        eventually(lambda: _state(running.pid) == "Z", "the end of its first thread")
        assert processes.is_alive(running.pid)
        assert Process.find(running.pid) is not None
        running.kill()
        # Not waited for yet: now it is a zombie altogether.
        eventually(lambda: not processes.is_alive(running.pid), "the end of all")
        assert Process.find(running.pid) is None
    finally:
        running.kill()
        running.wait()


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]
