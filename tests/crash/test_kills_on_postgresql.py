"""Kills with a store on PostgreSQL."""

from pathlib import Path

from tests.crash.kills import run_session
from tools.podman import Podman


def test_nothing_is_lost_on_postgresql(
    data_dir: Path, postgresql_url: str, own_podman: Podman | None, kills: int
) -> None:
    run_session(data_dir, max(6, kills // 4), postgresql_url, own_podman)
