"""Which GPUs this machine has: those NVML finds, or those declared for a trial."""

import re
from collections.abc import Sequence
from typing import Any

from windlass.engines.engine import Device

_DECLARED = re.compile(r"(?P<count>\d+)x(?P<model>.+)-(?P<memory>\d+)GB", re.IGNORECASE)
_BYTES_PER_GB = 1024**3
"""Vendors' "80 GB" cards have about 80 * 2**30 bytes."""
_MOST_DECLARED = 1024


def parse_simulated_gpus(text: str) -> tuple[Device, ...]:
    """The devices declared as `<count>x<model>-<memory>GB`, several such joined by commas.

    Their ids are `SIM-0`, `SIM-1`, …. Raises ValueError with what is wrong and an example.
    """
    devices: list[Device] = []
    for part in text.split(","):
        found = _DECLARED.fullmatch(part.strip())
        if found is None:
            raise ValueError(
                f"{part.strip()!r} does not declare GPUs; write <count>x<model>-<memory>GB, "
                "as in 8xH100-80GB or 2xL4-24GB,1xH200-141GB"
            )
        count, memory = int(found["count"]), int(found["memory"])
        if not 1 <= count <= _MOST_DECLARED:
            raise ValueError(f"{part.strip()!r} must declare from 1 to {_MOST_DECLARED} GPUs")
        if memory < 1:
            raise ValueError(f"{part.strip()!r} must declare at least 1 GB of memory for each GPU")
        devices += [
            Device(
                id=f"SIM-{index}",
                index=index,
                model=f"{found['model']}-{memory}GB",
                memory_bytes=memory * _BYTES_PER_GB,
                simulated=True,
            )
            for index in range(len(devices), len(devices) + count)
        ]
    return tuple(devices)


def discover_gpus() -> Sequence[Device]:
    """The NVIDIA GPUs of this machine; none where the library or the driver is missing."""
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        return [_device(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def _device(nvml: Any, index: int) -> Device:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    return Device(
        id=_text(nvml.nvmlDeviceGetUUID(handle)),
        index=index,
        model=_text(nvml.nvmlDeviceGetName(handle)),
        memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
    )


def _text(value: str | bytes) -> str:
    """Older versions of the library give bytes."""
    return value.decode() if isinstance(value, bytes) else value
