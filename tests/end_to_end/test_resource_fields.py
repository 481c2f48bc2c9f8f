"""Fields that say what a replica needs and may use, by what /proc and the platform say of it."""

from typing import Any

from tests.end_to_end.platforms import Platform, eventually
from tests.end_to_end.replicas import Deploy, bytes_allowed, cores_allowed


def test_gpu_devices(deploy: Deploy) -> None:
    replica = deploy(compute={"gpuDevicesRequest": 2})
    environment, pod = replica.environment(), replica.pod
    devices = environment["CUDA_VISIBLE_DEVICES"].split(",")
    assert len(set(devices)) == 2
    assert len(set(pod["devices"])) == 2
    assert pod["allocatedResources"]["gpu"] == 2
    assert environment["RUNAI_NUM_OF_GPUS"] == "2"
    assert "simulated" in " ".join(replica.events())

    too_many = deploy("Pending", compute={"gpuDevicesRequest": 5}).workload
    assert "5" in too_many["phaseMessage"]
    assert "4" in too_many["phaseMessage"]

    others = deploy(compute={"gpuDevicesRequest": 2})
    assert set(devices).isdisjoint(others.environment()["CUDA_VISIBLE_DEVICES"].split(","))
    deploy("Pending", compute={"gpuDevicesRequest": 1})


def test_gpu_portion(platform: Platform, deploy: Deploy) -> None:
    half = {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5}
    deploy(compute={"gpuDevicesRequest": 3})
    first, second = deploy(compute=half), deploy(compute=half)
    devices = {replica.environment()["CUDA_VISIBLE_DEVICES"] for replica in (first, second)}
    assert len(devices) == 1, "two halves share a device"
    assert first.environment()["RUNAI_NUM_OF_GPUS"] == "0.5"
    assert first.pod["allocatedResources"]["gpu"] == 0.5

    third = deploy("Pending", compute=half)
    shown = third.workload
    assert shown["phaseReason"] == "Unschedulable"
    assert "0.5" in shown["phaseMessage"], "what is asked"
    assert "4" in shown["phaseMessage"], "what there is"
    (reason,) = shown["pendingSchedulingMessages"]
    assert reason["userMessage"] == shown["phaseMessage"]
    assert reason["nodePool"] == "default"

    platform.delete(first.id)
    platform.wait_for_phase(third.id, "Running")
    assert {third.environment()["CUDA_VISIBLE_DEVICES"]} == devices


def test_gpu_memory(deploy: Deploy) -> None:
    def memory(amount: str) -> dict[str, Any]:
        return {
            "gpuDevicesRequest": 1,
            "gpuRequestType": "memory",
            "gpuMemoryRequest": amount,
        }

    deploy(compute={"gpuDevicesRequest": 3})
    large, small = deploy(compute=memory("50Gi")), deploy(compute=memory("30Gi"))
    assert large.pod["devices"] == small.pod["devices"]
    waiting = deploy("Pending", compute=memory("1Gi")).workload
    assert "GiB" in waiting["phaseMessage"] or "Gi" in waiting["phaseMessage"]


def test_cpu_request_and_limit(platform: Platform, deploy: Deploy) -> None:
    replica = deploy(compute={"cpuCoreRequest": 0.1, "cpuCoreLimit": 0.25})
    shown = replica.workload["podsRequestedResources"]["cpu"]
    assert shown == {"request": 0.1, "limit": 0.25}
    assert cores_allowed(replica) in (0.25, None)

    total = platform.get("/api/v1/platform")["engine"]["cpuMillicores"] / 1000
    waiting = deploy("Pending", compute={"cpuCoreRequest": total + 1}).workload
    assert f"{total + 1:g}" in waiting["phaseMessage"]
    assert f"{total:g}" in waiting["phaseMessage"]


def test_memory_request_and_limit(platform: Platform, deploy: Deploy) -> None:
    replica = deploy(compute={"cpuMemoryRequest": "32Mi", "cpuMemoryLimit": "96Mi"})
    shown = replica.workload["podsRequestedResources"]["cpuMemory"]
    assert shown == {"request": "32Mi", "limit": "96Mi"}
    assert bytes_allowed(replica) in (96 * 2**20, None)

    platform.ask(replica.name, "/allocate?megabytes=512")
    (ended,) = eventually(lambda: platform.pods(replica.id, deleted=True), "its end")
    assert ended["exit"]["reason"] == "OOMKilled"
    platform.wait_for_phase(replica.id, "Running")

    waiting = deploy("Pending", compute={"cpuMemoryRequest": "64Ti"}).workload
    assert "Ti" in waiting["phaseMessage"]
