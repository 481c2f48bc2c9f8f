"""Enforces a fraction of a GPU through CUDA's Multi-Process Service, where its control daemon runs.

Source: https://docs.nvidia.com/deploy/mps/ (environment variables, resource provisioning).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from windlass.engines.engine import DeviceShare

DEFAULT_PIPE_DIRECTORY = Path("/tmp/nvidia-mps")
_CONTROL_DAEMON = "nvidia-cuda-mps-control"[:15]
"""The kernel keeps 15 characters of a process's name."""
_MEBIBYTE = 1024 * 1024


def is_running(pipe_directory: Path = DEFAULT_PIPE_DIRECTORY) -> bool:
    """Whether a control daemon runs and listens in the directory."""
    if not (pipe_directory / "control").exists():
        return False
    return any(_name(folder) == _CONTROL_DAEMON for folder in Path("/proc").glob("[0-9]*"))


def limits(shares: Sequence[DeviceShare], pipe_directory: Path) -> Mapping[str, str]:
    """The variables that hold a process to its shares; devices are numbered as it sees them."""
    percentage = round(100 * min(share.portion for share in shares))
    memory = ",".join(
        f"{index}={share.memory_bytes // _MEBIBYTE}M" for index, share in enumerate(shares)
    )
    return {
        "CUDA_MPS_PIPE_DIRECTORY": str(pipe_directory),
        "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": str(max(1, percentage)),
        "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": memory,
    }


def _name(process: Path) -> str | None:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return None
