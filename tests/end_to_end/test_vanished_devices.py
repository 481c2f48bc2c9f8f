"""A machine that is not what it was when the platform is started again."""

import sqlite3
from contextlib import closing

import pytest

from tests.crash.world import World
from tests.end_to_end.platforms import Platform, canary, eventually

ONE_DEVICE = {
    "gpuDevicesRequest": 1,
    "gpuRequestType": "portion",
    "gpuPortionRequest": 1,
}


@pytest.mark.parametrize("own_platform", [("--simulate-gpus", "2xH100-80GB")], indirect=True)
def test_a_replica_that_ends_gives_up_a_device_that_is_gone(own_platform: Platform) -> None:
    ids = [own_platform.submit(name, canary(compute=ONE_DEVICE))["workloadId"] for name in "ab"]
    for workload_id in ids:
        own_platform.wait_for_phase(workload_id, "Running")
    by_device = {own_platform.pods(each)[0]["devices"][0]: each for each in ids}
    assert sorted(by_device) == ["SIM-0", "SIM-1"]
    own_platform.terminate()
    own_platform.options = ("--simulate-gpus", "1xH100-80GB")
    own_platform.up()

    moving = by_device["SIM-1"]
    (pod,) = own_platform.pods(moving)
    assert pod["ready"], "what runs is left alone"
    own_platform.delete(by_device["SIM-0"])
    own_platform.wait_until_gone(by_device["SIM-0"])
    world = World(own_platform.data_dir)
    process = world.supervised(world.replica_directory(pod["id"]))
    assert process is not None
    assert process.kill()

    def moved() -> bool:
        pods = own_platform.pods(moving)
        return [(each["devices"], each["ready"]) for each in pods] == [(["SIM-0"], True)]

    eventually(moved, "the replica on the device that is there")


@pytest.mark.parametrize("own_platform", [("--simulate-gpus", "1xH100-80GB")], indirect=True)
def test_no_device_is_given_twice_after_the_machine_was_renamed(own_platform: Platform) -> None:
    own_platform.deploy("holder", canary(compute=ONE_DEVICE))
    own_platform.terminate()
    with closing(sqlite3.connect(own_platform.data_dir / "windlass.db")) as store:
        store.execute("UPDATE pod SET node_name = 'its-former-name'")
        store.commit()
    own_platform.up()
    waiting = own_platform.submit("waiting", canary(compute=ONE_DEVICE))["workloadId"]
    (reason,) = eventually(
        lambda: own_platform.workload(waiting)["pendingSchedulingMessages"], "why it waits"
    )
    assert "of which 0 GPUs free" in reason["userMessage"]
