"""Kills any process at any moment, on each database, and compares the store with the world."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.session import Session, seed_of_this_run
from tests.end_to_end.conftest import QUICK_AUTOSCALER
from tests.end_to_end.platforms import running
from tools.container_engine import EngineMissing
from tools.podman import Podman

KILLS = int(os.environ.get("KILLS", "20"))
KILLS_ON_POSTGRESQL = max(6, KILLS // 4)


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


@pytest.mark.usefixtures("sqlite_url")
def test_nothing_is_lost_on_sqlite(data_dir: Path, own_podman: Podman | None) -> None:
    run_session(data_dir, KILLS, None, own_podman)


def test_nothing_is_lost_on_postgresql(
    data_dir: Path, postgresql_url: str, own_podman: Podman | None
) -> None:
    run_session(data_dir, KILLS_ON_POSTGRESQL, postgresql_url, own_podman)


def run_session(
    data_dir: Path, kills: int, database_url: str | None, podman: Podman | None = None
) -> None:
    seed = seed_of_this_run()
    print(f"\nseed {seed}", flush=True)
    options = ["--database", database_url] if database_url else []
    options += podman.options if podman is not None else ()
    for platform in running(data_dir, *options, environment=QUICK_AUTOSCALER):
        print(Session(platform, seed, database_url, podman).run(kills), flush=True)
    if podman is not None:
        assert podman.containers() == set(), "`down` left containers"
