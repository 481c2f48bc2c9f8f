"""Does for nobody what a supervisor does until its process runs, and is ready.

Memory that is touched for the first time since the fork has to be copied by the kernel, 200 pages
until then: here nobody waits for it.
"""

import json
import os
import time

from windlass.kit.supervision.program import processes
from windlass.kit.supervision.program.directory import Directory
from windlass.kit.supervision.program.instructions import Instructions
from windlass.kit.supervision.program.listening import sockets_of
from windlass.kit.supervision.program.memory import KernelCounter, MemoryWatch
from windlass.kit.supervision.program.record import Record

_NOWHERE = "/proc/nowhere"
SPECIFICATION = {
    "id": "rehearsal",
    "argv": ["/bin/true", "--port", "8000"],
    "environment": {"HOME": "/", "PATH": "/usr/bin:/bin", "PORT": "8000", "LANG": "C.UTF-8"},
    "working_directory": "/",
    "container": None,
    "program": "/bin/true",
    "user": {"uid": 1, "gid": 1, "groups": []},
    "restart": "never",
    "restart_delay_seconds": 1.0,
    "restart_delay_maximum_seconds": 60.0,
    "stop_grace_seconds": 10.0,
    "port": 8000,
    "probe": {
        "path": "/",
        "port": None,
        "scheme": "HTTP",
        "initial_delay_seconds": 0,
        "period_seconds": 10,
        "timeout_seconds": 1,
        "success_threshold": 1,
        "failure_threshold": 3,
    },
    "log_file_bytes": 1,
    "log_files": 1,
    "control_groups": [],
    "sampled_memory_bytes": None,
    "notify": "@rehearsal",
    "notify_ready": "@rehearsal",
    "mark": "A=b",
    "holds_secrets": False,
    "labels": {"workload": "a"},
}


def rehearse() -> None:
    """Read instructions, make of them what a supervisor makes, and look for sockets. Raises OSError
    where the machine lets it not."""
    file = os.memfd_create("rehearsal")
    try:
        os.write(file, json.dumps(SPECIFICATION, separators=(",", ":")).encode())
        instructions = Instructions(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
    directory = Directory(_NOWHERE)
    directory.was_started()
    Record(directory, instructions.id, instructions.notify).save_untold()
    MemoryWatch(KernelCounter([_NOWHERE]), None, time.monotonic())
    json.dumps(instructions.start.__dict__).encode()
    sockets_of(processes.descendants(os.getpid()))
