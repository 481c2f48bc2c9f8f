"""Shares of a GPU are put into the words of CUDA MPS."""

from pathlib import Path

from windlass.engines.engine import Device, DeviceShare
from windlass.engines.local.processes import mps
from windlass.engines.local.processes.notes import device_notes

GIB = 1024**3


def test_a_share_limits_threads_and_memory() -> None:
    assert mps.limits([DeviceShare("GPU-a", 0.25, 20 * GIB)], Path("/tmp/nvidia-mps")) == {
        "CUDA_MPS_PIPE_DIRECTORY": "/tmp/nvidia-mps",
        "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": "25",
        "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": "0=20480M",
    }


def test_several_devices_are_numbered_as_the_process_sees_them() -> None:
    shares = [DeviceShare("GPU-a", 0.5, 40 * GIB), DeviceShare("GPU-b", 0.5, 12 * GIB)]
    limits = mps.limits(shares, Path("/tmp/nvidia-mps"))
    assert limits["CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"] == "0=40960M,1=12288M"


def test_without_a_control_daemon_nothing_is_enforced(tmp_path: Path) -> None:
    assert not mps.is_running(tmp_path)
    (tmp_path / "control").touch()
    assert not mps.is_running(tmp_path)


def test_what_is_not_enforced_is_said() -> None:
    devices = [Device("GPU-a", 0, "H100", 80 * GIB), Device("SIM-0", 0, "H100", 80 * GIB, True)]
    half, whole = DeviceShare("GPU-a", 0.5, 40 * GIB), DeviceShare("GPU-a", 1.0, 80 * GIB)
    assert device_notes([whole], devices, shares_enforced=False) == []
    assert "not enforced" in device_notes([half], devices, shares_enforced=False)[0]
    assert "enforced by CUDA MPS" in device_notes([half], devices, shares_enforced=True)[0]
    simulated = device_notes([DeviceShare("SIM-0", 0.5, GIB)], devices, shares_enforced=False)
    assert "simulated" in simulated[0]
