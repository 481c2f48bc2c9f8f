"""Kills any process at any moment, and compares the store with the world."""

from pathlib import Path

from tests.crash.session import Session, seed_of_this_run
from tests.end_to_end.conftest import QUICK_AUTOSCALER
from tests.end_to_end.platforms import running
from tools.podman import Podman


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
