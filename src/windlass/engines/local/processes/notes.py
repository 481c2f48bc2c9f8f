"""What a user should know of how a replica is held to its limits, once."""

from collections.abc import Sequence

from windlass.engines.engine import Device, DeviceShare, Limits
from windlass.engines.local.processes.control_groups import ControlGroups


def limit_notes(limits: Limits, groups: ControlGroups | None) -> list[str]:
    """How its CPU and memory limits are enforced."""
    notes = []
    version = f"cgroup version {groups.version}" if groups else ""
    if limits.memory_bytes_limit is not None:
        if groups and "memory" in groups.folders:
            notes.append(f"the memory limit is enforced by the kernel ({version})")
        else:
            notes.append(
                "the memory limit is enforced by sampling four times a second, "
                "because no memory cgroup is writable here"
            )
    if limits.cpu_millicores_limit is not None:
        if groups and "cpu" in groups.folders:
            notes.append(f"the CPU limit is enforced by the kernel ({version})")
        else:
            notes.append("the CPU limit is not enforced, because no CPU cgroup is writable here")
    return notes


def device_notes(
    shares: Sequence[DeviceShare], devices: Sequence[Device], *, shares_enforced: bool
) -> list[str]:
    """What its GPUs are, and how it is held to a part of one."""
    by_id = {device.id: device for device in devices}
    if any(share.device_id in by_id and by_id[share.device_id].simulated for share in shares):
        return ["its GPUs are simulated: the process runs, but there are no such devices"]
    if all(share.portion >= 1 for share in shares):
        return []
    if shares_enforced:
        return ["its share of the GPU is enforced by CUDA MPS"]
    return [
        "its share of the GPU is reserved for it but not enforced on the device, "
        "because the CUDA MPS control daemon does not run here"
    ]
