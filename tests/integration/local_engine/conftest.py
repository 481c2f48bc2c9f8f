"""A local engine over real processes, all of which are gone when the test is."""

import contextlib
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from windlass.engines.engine import (
    Device,
    DeviceShare,
    ReplicaExit,
    ReplicaObservation,
    ReplicaSpec,
    ReplicaState,
    ReplicaTemplate,
)
from windlass.engines.local.local_engine import LocalEngine
from windlass.engines.local.processes.catalogue import Catalogue

DEADLINE = 20.0
EPOCH = 1

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root gives projects users of their own"
)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until the condition holds; fail with `what` after a generous time."""
    until = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > until:
            pytest.fail(f"waited {DEADLINE:g} s in vain until {what}")
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie, as /proc tells."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def supervisor_of(pid: int) -> int:
    """The parent of a replica's main process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


class Machine:
    """A data directory, a catalogue file, and the engine over both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        self.images = folder / "images.yaml"
        self.images.write_text("{}")
        self.python = folder / "python3"
        # Where every user may go, unlike the interpreter of many a developer.
        shutil.copy(os.path.realpath(sys.executable), self.python)
        self.engine = self.new_engine()

    def new_engine(self, devices: tuple[Device, ...] = ()) -> LocalEngine:
        """Another engine over the same data, as after a restart."""
        return LocalEngine(
            self.data,
            Catalogue(self.images),
            "/usr/bin:/bin",
            simulated_gpus=devices,
            shared_root=self.folder / "homes",
        )

    def catalogue(self, program: str, **entry: str) -> None:
        """Make host/test an entry that runs a Python program."""
        script = self.folder / "program.py"
        script.write_text(program)
        script.chmod(0o755)
        lines = "".join(f"  {key}: {value}\n" for key, value in entry.items())
        self.images.write_text(f"host/test:\n  command: [{self.python}, -B, {script}]\n{lines}")

    def start(
        self,
        owner: str = "1",
        devices: tuple[DeviceShare, ...] = (),
        platform: dict[str, str] | None = None,
        **template: object,
    ) -> str:
        """Start a replica of host/test; its id."""
        replica_id = str(uuid.uuid4())
        spec = ReplicaSpec(
            replica_id=replica_id,
            owner=owner,
            template=ReplicaTemplate("host/test", 8000, **template),  # type: ignore[arg-type]
            platform_environment=platform or {},
            devices=devices,
        )
        self.engine.start(spec, EPOCH)
        return replica_id

    def observe(self, replica_id: str) -> ReplicaObservation:
        """What is known of a replica, which must be something."""
        observation = self.engine.observe_one(replica_id)
        assert observation is not None
        return observation

    def wait_until_ready(self, replica_id: str) -> ReplicaObservation:
        """Wait until requests may be sent to it."""
        wait_until(lambda: self.observe(replica_id).ready, "the replica is ready")
        return self.observe(replica_id)

    def wait_for_exit(self, replica_id: str) -> ReplicaExit:
        """Wait until it has ended; how."""
        wait_until(
            lambda: self.observe(replica_id).state is ReplicaState.EXITED, "the replica has ended"
        )
        end = self.observe(replica_id).exit
        assert end is not None
        return end

    def wait_for_pid(self, replica_id: str) -> int:
        """Wait until it runs; its PID."""
        wait_until(
            lambda: self.observe(replica_id).state is ReplicaState.RUNNING, "the replica runs"
        )
        pid = self.observe(replica_id).pid
        assert pid is not None
        return pid

    def log(self, replica_id: str) -> str:
        """All that is kept of its output."""
        return "".join(file.read_text() for file in self.engine.log_files(replica_id))


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine of the test's own, in a folder that every user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        one = Machine(Path(folder))
        try:
            yield one
        finally:
            one.engine.stop_everything(0)
            one.engine.sweep(lambda: (), 2**31)
