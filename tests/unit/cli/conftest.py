import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.client.scripted_platform import ScriptedPlatform, serving
from tests.unit.client.test_administrator import ENTRIES


@pytest.fixture
def platform() -> Iterator[ScriptedPlatform]:
    with serving(ScriptedPlatform()) as platform:
        yield platform


@pytest.fixture
def data_dir(tmp_path: Path, platform: ScriptedPlatform) -> Path:
    """The data directory of the scripted platform."""
    (tmp_path / "admin.json").write_text(json.dumps({**ENTRIES, "url": platform.url}))
    return tmp_path
