"""What tests kill."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.container_engine import EngineMissing
from tools.podman import Podman


@pytest.fixture
def kills() -> int:
    """How many."""
    return int(os.environ.get("KILLS", "20"))


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="windlass-crash-") as made:
        yield Path(made) / "data"


@pytest.fixture
def own_podman() -> Iterator[Podman | None]:
    """A Podman that may be killed; without one, workloads run as processes alone."""
    try:
        podman = Podman()
    except EngineMissing as missing:
        print(f"\nno containers: {missing}", flush=True)
        yield None
        return
    podman.import_canary()
    yield podman
    podman.stop()
