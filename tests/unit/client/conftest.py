from collections.abc import Iterator

import pytest

from tests.unit.client.scripted_platform import ScriptedPlatform, serving
from windlass.client import Client, Credentials
from windlass.kit.clock import ManualClock


@pytest.fixture
def platform() -> Iterator[ScriptedPlatform]:
    with serving(ScriptedPlatform()) as platform:
        yield platform


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def client(platform: ScriptedPlatform, clock: ManualClock) -> Iterator[Client]:
    with Client(platform.url, Credentials("id", "secret"), clock=clock) as client:
        yield client
