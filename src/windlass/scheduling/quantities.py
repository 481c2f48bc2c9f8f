"""Units of what is shared, and how amounts read in a sentence.

GPUs are counted in millionths of a device, so that portions add up exactly; CPU in millicores;
memory, of nodes and of devices, in bytes.
"""

from decimal import Decimal
from enum import StrEnum
from math import inf

WHOLE_DEVICE = 1_000_000
"""One whole GPU, in millionths."""


class Resource(StrEnum):
    """What a node has and a pod asks for."""

    GPU = "gpu"
    GPU_MEMORY = "gpu-memory"
    CPU = "cpu"
    MEMORY = "memory"


def portion(of_a_device: float | str | Decimal) -> int:
    """A portion such as 0.25 in millionths of a device, rounded to the nearest.

    Raises ValueError unless it is above 0 and at most 1.
    """
    millionths = round(Decimal(str(of_a_device)) * WHOLE_DEVICE)
    if not 0 < millionths <= WHOLE_DEVICE:
        raise ValueError(f"a portion is above 0 and at most 1, not {of_a_device}")
    return millionths


def describe(resource: Resource, amount: int) -> str:
    """An amount with its unit, as a user reads it: `2 GPUs`, `1.5 GiB of memory`."""
    if resource is Resource.GPU:
        return _counted(Decimal(amount) / WHOLE_DEVICE, "GPU")
    if resource is Resource.CPU:
        return _counted(Decimal(amount) / 1000, "CPU core")
    kind = "memory" if resource is Resource.MEMORY else "GPU memory"
    return f"{_describe_bytes(amount)} of {kind}"


def describe_bound(resource: Resource, bound: float) -> str:
    """A bound with its unit; infinity is unlimited."""
    return "unlimited " + _NOUN[resource] if bound == inf else describe(resource, int(bound))


_NOUN = {
    Resource.GPU: "GPUs",
    Resource.CPU: "CPU cores",
    Resource.MEMORY: "memory",
    Resource.GPU_MEMORY: "GPU memory",
}


def _counted(number: Decimal, noun: str) -> str:
    return f"{_plain(number)} {noun}" if number == 1 else f"{_plain(number)} {noun}s"


def _describe_bytes(amount: int) -> str:
    for exponent, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if abs(amount) >= 1024**exponent:
            return f"{_plain(Decimal(amount) / 1024**exponent)} {unit}"
    return f"{amount} B"


def _plain(number: Decimal) -> str:
    text = f"{number:.3f}"
    return text.rstrip("0").rstrip(".")
