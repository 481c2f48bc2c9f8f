"""A control plane whose start takes long keeps its right to control meanwhile."""

import os
import signal
import sqlite3
from contextlib import closing

from tests.crash.world import World
from tests.end_to_end.platforms import Platform, eventually


def test_the_lease_is_renewed_while_the_gateway_does_not_answer(own_platform: Platform) -> None:
    gate = World(own_platform.data_dir).supervised(own_platform.data_dir / "services" / "gate")
    assert gate is not None
    own_platform.kill()
    epoch, _ = lease(own_platform)
    os.kill(gate.pid, signal.SIGSTOP)
    try:
        own_platform.process = own_platform.spawn()
        eventually(lambda: lease(own_platform) >= (epoch + 1, 2), "the second renewal")
        assert own_platform.process.poll() is None
    finally:
        os.kill(gate.pid, signal.SIGCONT)
    assert own_platform.process.stdout is not None
    assert own_platform.process.stdout.readline().startswith("windlass ready ")
    assert lease(own_platform)[0] == epoch + 1, "nobody else controlled meanwhile"


def lease(platform: Platform) -> tuple[int, int]:
    """Its epoch, and how often it was renewed since it was acquired."""
    with closing(sqlite3.connect(platform.data_dir / "windlass.db")) as store:
        epoch, renewals = store.execute("SELECT epoch, renewals FROM lease").fetchone()
    return int(epoch), int(renewals)
