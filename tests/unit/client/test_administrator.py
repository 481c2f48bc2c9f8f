"""Finding a platform by its data directory."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client.scripted_platform import Answer, ScriptedPlatform
from windlass.client import Administrator, Client, NoPlatform, Unreachable

ENTRIES: dict[str, Any] = {
    "url": "http://127.0.0.1:1",
    "gateway_url": "http://127.0.0.1:2",
    "internal_url": "http://127.0.0.1:3",
    "pid": os.getpid(),
    "username": "admin",
    "password": "p",
    "client_id": "i",
    "client_secret": "s",
    "cluster_id": "c",
    "department_id": "1",
    "project_id": "2",
    "project_name": "default",
    "domain": "windlass.localhost",
}


def write(data_dir: Path, **changes: Any) -> None:
    (data_dir / "admin.json").write_text(json.dumps({**ENTRIES, **changes}))


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


def test_what_the_platform_wrote_is_read(tmp_path: Path) -> None:
    write(tmp_path, something_newer=1)
    administrator = Administrator.read(tmp_path)
    assert administrator.project_id == "2"
    assert administrator.url == "http://127.0.0.1:1"


def test_a_client_of_a_data_directory_speaks_to_its_platform(
    tmp_path: Path, platform: ScriptedPlatform
) -> None:
    platform.handler = lambda _request: Answer(body=[])
    write(tmp_path, url=platform.url)
    with Client.from_data_dir(tmp_path) as client:
        assert client.clusters() == []


def test_a_directory_without_a_platform_is_told_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(NoPlatform, match=f"windlass up --data-dir {tmp_path}"):
        Administrator.read(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{", "\udcff"])
def test_a_broken_file_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "admin.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(NoPlatform, match=r"admin\.json"):
        Administrator.read(tmp_path)


def test_missing_entries_are_named(tmp_path: Path) -> None:
    (tmp_path / "admin.json").write_text(json.dumps({"url": "http://127.0.0.1:1"}))
    with pytest.raises(NoPlatform, match="client_id, client_secret"):
        Administrator.read(tmp_path)


def test_a_control_plane_that_ended_is_told_with_the_cure(tmp_path: Path) -> None:
    write(tmp_path, pid=ended_process())
    with Client.from_data_dir(tmp_path) as client, pytest.raises(Unreachable) as caught:
        client.clusters()
    assert "is not running" in str(caught.value)
    assert f"windlass up --data-dir {tmp_path}" in str(caught.value)


def test_a_control_plane_that_is_there_and_silent_is_told_apart(tmp_path: Path) -> None:
    write(tmp_path)
    with Client.from_data_dir(tmp_path) as client, pytest.raises(Unreachable) as caught:
        client.clusters()
    assert f"process {os.getpid()} is there" in str(caught.value)
