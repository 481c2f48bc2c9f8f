"""GPUs are found, or declared for a trial."""

from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest

from windlass.engines.engine import Device
from windlass.engines.local.gpus import discover_gpus, parse_simulated_gpus


def test_declared_gpus_are_numbered_and_simulated() -> None:
    devices = parse_simulated_gpus("2xH100-80GB")
    assert devices == (
        Device("SIM-0", 0, "H100-80GB", 80 * 1024**3, simulated=True),
        Device("SIM-1", 1, "H100-80GB", 80 * 1024**3, simulated=True),
    )


def test_several_models_are_joined_by_commas() -> None:
    devices = parse_simulated_gpus("1xRTX-A6000-48GB, 2xL4-24gb")
    assert [device.id for device in devices] == ["SIM-0", "SIM-1", "SIM-2"]
    assert [device.model for device in devices] == ["RTX-A6000-48GB", "L4-24GB", "L4-24GB"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8",
        "H100-80GB",
        "8xH100",
        "8xH100-80",
        "xH100-80GB",
        "-1xH100-80GB",
        "0xH100-80GB",
        "9999xH100-80GB",
        "1xH100-0GB",
        "1xH100-80GB,",
        "8 x H100-80GB",
        "1x-80GB",
    ],
)
def test_what_declares_nothing_is_refused_with_an_example_or_the_limit(text: str) -> None:
    with pytest.raises(ValueError, match=r"8xH100-80GB|must declare"):
        parse_simulated_gpus(text)


def test_where_there_is_no_driver_there_are_no_gpus_and_no_error() -> None:
    if Path("/dev/nvidiactl").exists():
        assert all(device.id.startswith("GPU-") for device in discover_gpus())
    else:
        assert list(discover_gpus()) == []


def test_what_nvml_tells_becomes_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's answers as on a machine with two GPUs, in the types of older versions too."""
    memory = SimpleNamespace(total=85_520_809_984, free=1, used=1)
    answers = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUUID": lambda handle: [b"GPU-1b2c", "GPU-3d4e"][handle],
        "nvmlDeviceGetName": lambda _handle: "NVIDIA H100 80GB HBM3",
        "nvmlDeviceGetMemoryInfo": lambda _handle: memory,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)
    assert list(discover_gpus()) == [
        Device("GPU-1b2c", 0, "NVIDIA H100 80GB HBM3", 85_520_809_984),
        Device("GPU-3d4e", 1, "NVIDIA H100 80GB HBM3", 85_520_809_984),
    ]
