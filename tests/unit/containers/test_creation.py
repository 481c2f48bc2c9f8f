"""What an engine is asked for says what the template does, and no more."""

from pathlib import Path
from typing import Any

from windlass.engines.engine import (
    ContainerOptions,
    Device,
    DeviceShare,
    EnvironmentVariable,
    Limits,
    ReplicaSpec,
    ReplicaTemplate,
)
from windlass.engines.local.containers.creation import ImageFacts, Place, creation, runs_as_root
from windlass.engines.local.containers.devices import device_request, gpu_refusal
from windlass.engines.local.containers.facts import EngineFacts
from windlass.engines.local.containers.refusals import template_refusals
from windlass.engines.local.containers.settings import ContainerSettings, Ulimit

GPU = Device(id="GPU-1", index=0, model="H100", memory_bytes=1)
IMAGE = ImageFacts(id="sha256:1", environment=("PATH=/bin", "COLOUR=red"), user="web")


def facts(name: str = "Docker", version: str = "27.0.1", **changed: Any) -> EngineFacts:
    values: dict[str, Any] = {
        "socket": Path("/s"),
        "name": name,
        "version": version,
        "storage": "overlay2",
        "root_directory": "/nowhere",
        "rootless": False,
        "cgroup_version": "2",
        "limits_cpu": True,
        "limits_memory": True,
        "limits_pids": True,
        "runtimes": frozenset({"runc"}),
        "default_runtime": "runc",
        "has_device_specifications": False,
        **changed,
    }
    return EngineFacts(**values)


def made(
    template: ReplicaTemplate,
    engine: EngineFacts | None = None,
    settings: ContainerSettings | None = None,
    **place: Any,
) -> dict[str, Any]:
    spec = ReplicaSpec("r", "1", template, host_name="web-0")
    given = Place("p", {8000: 20001, 9000: 20002}, **place)
    return creation(spec, IMAGE, given, engine or facts(), settings or ContainerSettings())


def template(**changed: Any) -> ReplicaTemplate:
    return ReplicaTemplate(image="web", container_port=8000, **changed)


def test_ports_are_mapped_on_loopback_alone() -> None:
    config = made(template(additional_ports=(9000,)))["HostConfig"]
    assert config["PortBindings"] == {
        "8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "20001"}],
        "9000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "20002"}],
    }


def test_a_command_drops_the_images_arguments() -> None:
    body = made(template(command=("run", "$(COLOUR)", "$(PORT)")))
    assert (body["Entrypoint"], body["Cmd"]) == (["run", "red", "8000"], [])
    body = made(template(args=("--fast",)))
    assert ("Entrypoint" in body, body["Cmd"]) == (False, ["--fast"])


def test_an_excluded_variable_of_the_image_is_taken_away() -> None:
    variables = (
        EnvironmentVariable("COLOUR", exclude=True),
        EnvironmentVariable("NOT_THERE", exclude=True),
    )
    environment = made(template(environment=variables))["Env"]
    assert "COLOUR" in environment
    assert "NOT_THERE" not in environment, "an engine might give its own"


def test_on_the_machines_network_a_replica_has_ports_of_its_own() -> None:
    settings = ContainerSettings(network="host")
    body = made(template(additional_ports=(9000,)), settings=settings)
    assert {"PORT=20001", "PORT_9000=20002"} <= set(body["Env"])
    assert "PortBindings" not in body["HostConfig"]
    assert body["HostConfig"]["NetworkMode"] == "host"


def test_limits_are_asked_for_where_the_engine_can_hold_them() -> None:
    limits = Limits(cpu_millicores_limit=500, memory_bytes_limit=1000)
    settings = ContainerSettings(ulimits=(Ulimit.parse("nofile=10:20"),), pids_limit=30)
    config = made(template(limits=limits), settings=settings)["HostConfig"]
    assert (config["CpuQuota"], config["CpuPeriod"]) == (50_000, 100_000)
    assert (config["Memory"], config["MemorySwap"]) == (1000, 1000)
    assert config["Ulimits"] == [{"Name": "nofile", "Soft": 10, "Hard": 20}]
    assert config["PidsLimit"] == 30
    unable = facts(limits_cpu=False, limits_memory=False, limits_pids=False)
    config = made(template(limits=limits), unable, settings)["HostConfig"]
    assert not {"CpuQuota", "Memory", "PidsLimit"} & set(config)


def test_a_cpu_limit_is_asked_for_as_any_engine_takes_it() -> None:
    config = made(template(limits=Limits(cpu_millicores_limit=1_000_000)))["HostConfig"]
    assert "NanoCpus" not in config, "which Docker refuses where the machine has fewer processors"
    assert config["CpuQuota"] == 1000 * config["CpuPeriod"]
    config = made(template(limits=Limits(cpu_millicores_limit=1)))["HostConfig"]
    assert config["CpuQuota"] == 1000, "the kernel takes no less"


def test_docker_says_how_little_memory_is_too_little() -> None:
    least = 6 * 2**20

    def refused(memory: int, engine: EngineFacts) -> list[str]:
        limited = template(limits=Limits(memory_bytes_limit=memory))
        return [each.path for each in template_refusals(limited, engine, has_devices=False)]

    assert refused(least - 1, facts()) == ["spec.compute.cpuMemoryLimit"]
    assert refused(least, facts()) == []
    assert refused(least - 1, facts("Podman")) == []


def test_shared_memory_is_as_large_as_the_limit_or_half_the_machine() -> None:
    options = ContainerOptions(large_shared_memory=True)
    assert made(template(container=options), machine_memory_bytes=10)["HostConfig"]["ShmSize"] == 5
    limited = template(container=options, limits=Limits(memory_bytes_limit=7))
    assert made(limited, machine_memory_bytes=10)["HostConfig"]["ShmSize"] == 7


def test_a_group_without_a_user_keeps_the_images() -> None:
    for options, user in (
        (ContainerOptions(user=5), "5"),
        (ContainerOptions(group=6), "web:6"),
        (ContainerOptions(user=5, group=6), "5:6"),
    ):
        assert made(template(container=options))["User"] == user
    assert "User" not in made(template())


def test_a_user_whose_number_is_not_known_may_be_root() -> None:
    spec = ReplicaSpec("r", "1", template())
    found = [
        runs_as_root(spec, ImageFacts("i", user=user)) for user in ("", "0", "root:x", "web", "7:7")
    ]
    assert found == [True, True, True, None, False]


def test_gpus_are_asked_for_as_the_engine_understands() -> None:
    shares = [DeviceShare("GPU-1", 1.0, 1)]
    ids = [share.device_id for share in shares]
    toolkit = facts(runtimes=frozenset({"runc", "nvidia"}))
    assert device_request(toolkit, ids, [GPU]) == {
        "Driver": "nvidia",
        "DeviceIDs": ["GPU-1"],
        "Capabilities": [["gpu"]],
    }
    interface = device_request(facts("Podman", "5.4.0"), ids, [GPU])
    assert interface == {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=GPU-1"]}
    body = made(template(), device_request=interface)
    assert body["HostConfig"]["DeviceRequests"] == [interface]
    assert not any(each.startswith("NVIDIA_VISIBLE_DEVICES") for each in body["Env"])
    assert "NVIDIA_VISIBLE_DEVICES=void" in made(template())["Env"], "none given, none seen"


def test_an_engine_that_cannot_give_gpus_says_what_would() -> None:
    assert "5.4" in (gpu_refusal(facts("Podman", "4.9.3")) or "")
    assert "nvidia-ctk" in (gpu_refusal(facts()) or "")
    assert gpu_refusal(facts("Podman", "5.4.0-dev")) is None
    assert gpu_refusal(facts(has_device_specifications=True)) is None
