"""What a user should know of how a container is held to its limits, once."""

from collections.abc import Sequence

from windlass.engines.engine import Device, DeviceShare, Limits
from windlass.engines.local.containers.facts import EngineFacts
from windlass.engines.local.containers.settings import ContainerSettings


def container_notes(
    limits: Limits,
    engine: EngineFacts,
    shares: Sequence[DeviceShare],
    devices: Sequence[Device],
) -> list[str]:
    """How its limits are enforced, and what its GPUs are."""
    notes = []
    if limits.memory_bytes_limit is not None:
        notes.append(f"the memory limit is {_memory(engine)}")
    if limits.cpu_millicores_limit is not None:
        notes.append(f"the CPU limit is {_cpu(engine)}")
    return notes + _gpus(shares, devices)


def engine_limits(engine: EngineFacts) -> str:
    """What an engine can enforce, for an operator."""
    return f"CPU {_cpu(engine)}; memory {_memory(engine)}; PIDs {_pids(engine)}"


def engine_warning(engine: EngineFacts, settings: ContainerSettings) -> str | None:
    """What an operator asked for and this engine does not do; None where there is nothing."""
    runtime = settings.runtime
    if not engine.is_podman or runtime in (None, engine.default_runtime):
        return None
    return (
        f"Podman takes no runtime through its API: containers run with {engine.default_runtime}, "
        f"not with --container-runtime {runtime}; set `runtime` in its containers.conf"
    )


def _memory(engine: EngineFacts) -> str:
    if engine.limits_memory:
        return f"enforced by {engine.name} (cgroup version {engine.cgroup_version})"
    return (
        f"enforced by sampling four times a second, because {engine.name} cannot limit memory here"
    )


def _cpu(engine: EngineFacts) -> str:
    if engine.limits_cpu:
        return f"enforced by {engine.name} (cgroup version {engine.cgroup_version})"
    return f"not enforced, because {engine.name} cannot limit CPU here"


def _pids(engine: EngineFacts) -> str:
    return f"enforced by {engine.name}" if engine.limits_pids else "not enforced"


def _gpus(shares: Sequence[DeviceShare], devices: Sequence[Device]) -> list[str]:
    simulated = {device.id for device in devices if device.simulated}
    if any(share.device_id in simulated for share in shares):
        return ["its GPUs are simulated: the container runs, but there are no such devices"]
    if any(share.portion < 1 for share in shares):
        return [
            "its share of the GPU is reserved for it but not enforced on the device: a container "
            "sees the whole of it"
        ]
    return []
