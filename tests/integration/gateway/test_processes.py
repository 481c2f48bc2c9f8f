"""Envoy as it is started."""

import os
import resource
import subprocess
from pathlib import Path

from tests.integration.gateway.running import eventually, free_ports
from windlass.gateway.gateway import Address
from windlass.gateway.processes import envoy_command

USUAL_OPEN_FILES = 1024


def _lower_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (USUAL_OPEN_FILES, most))


def test_envoy_may_open_as_many_files_as_is_allowed_at_all(tmp_path: Path) -> None:
    outer, internal = (Address("127.0.0.1", port) for port in free_ports(2))
    command = envoy_command(tmp_path, outer, internal, concurrency=1)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most > USUAL_OPEN_FILES
    process = subprocess.Popen(
        command.argv,
        cwd=command.directory,
        preexec_fn=_lower_limit,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: "envoy" in os.readlink(f"/proc/{process.pid}/exe"))
        limit, _ = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        assert limit == min(most, 1_048_576)
    finally:
        process.kill()
        process.wait()
