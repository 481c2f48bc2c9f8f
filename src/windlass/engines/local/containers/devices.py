"""How an engine is asked for GPUs: by NVIDIA's container toolkit, or by the Container Device
Interface (https://github.com/cncf-tags/container-device-interface)."""

from collections.abc import Mapping, Sequence
from typing import Any

from windlass.engines.engine import Device
from windlass.engines.local.containers.facts import EngineFacts

_TOOLKIT = "nvidia"
_PODMAN_WITH_REQUESTS = (5, 4)
"""Older ones take requests for devices, and start the container without them."""


def gpu_refusal(engine: EngineFacts) -> str | None:
    """Why this engine cannot give GPUs to containers, with the cure; None where it can."""
    if engine.is_podman:
        if engine.version_numbers >= _PODMAN_WITH_REQUESTS:
            return None
        return (
            f"Podman {engine.version} gives no GPU to containers through its API; install Podman "
            "5.4 or newer, or Docker with NVIDIA's container toolkit"
        )
    if _TOOLKIT in engine.runtimes or engine.has_device_specifications:
        return None
    return (
        "Docker gives no GPU to containers here; install NVIDIA's container toolkit and run "
        "`nvidia-ctk runtime configure --runtime=docker`"
    )


def device_request(
    engine: EngineFacts, device_ids: Sequence[str], devices: Sequence[Device]
) -> Mapping[str, Any] | None:
    """What is asked for the devices; None where there are none, or they are only declared."""
    real = {device.id for device in devices if not device.simulated}
    wanted = [device_id for device_id in device_ids if device_id in real]
    if not wanted:
        return None
    if not engine.is_podman and _TOOLKIT in engine.runtimes:
        return {"Driver": _TOOLKIT, "DeviceIDs": wanted, "Capabilities": [["gpu"]]}
    return {"Driver": "cdi", "DeviceIDs": [f"nvidia.com/gpu={each}" for each in wanted]}
