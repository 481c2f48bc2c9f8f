"""Control planes that start for the first time, several at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from windlass.app.bootstrap import Foundation, OtherDirectory, lay_foundation
from windlass.app.data_directory import DataDirectory, read_json
from windlass.kit.clock import SystemClock
from windlass.kit.database import Database

PLANES = 4


def start_at_once(url: str, roots: list[Path]) -> list[Foundation | OtherDirectory]:
    """What comes of a start in each of these data directories, all begun together."""
    everybody = threading.Barrier(len(roots))

    def start(root: Path) -> Foundation | OtherDirectory:
        data, database = DataDirectory(root), Database(url)
        data.prepare()
        everybody.wait()
        try:
            with data.preparing():
                return lay_foundation(data, database, "example.org", SystemClock())
        except OtherDirectory as other:
            return other
        finally:
            database.close()

    with ThreadPoolExecutor(len(roots)) as threads:
        return list(threads.map(start, roots))


def test_in_one_directory_all_find_the_same(database_url: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    first, *others = start_at_once(database_url, [root] * PLANES)
    assert isinstance(first, Foundation)
    for other in others:
        assert isinstance(other, Foundation)
        assert other.tree == first.tree
        assert other.administrator == first.administrator
        assert other.seal.open(first.seal.seal(b"x")) == b"x"
    assert read_json(root / "admin.json") == first.administrator


def test_of_several_directories_one_gets_the_store_and_the_others_are_told(
    postgresql_url: str, tmp_path: Path
) -> None:
    outcomes = start_at_once(postgresql_url, [tmp_path / str(n) for n in range(PLANES)])
    (winner,) = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Foundation)]
    for n, outcome in enumerate(outcomes):
        if n != winner:
            assert isinstance(outcome, OtherDirectory)
            assert f"--join {tmp_path / str(winner)}" in str(outcome)


def test_whoever_fails_while_preparing_hinders_nobody(postgresql_url: str) -> None:
    failing, next_one = Database(postgresql_url), Database(postgresql_url)
    with pytest.raises(RuntimeError), failing.prepared_alone():
        raise RuntimeError("failed")
    with next_one.prepared_alone():
        pass
    failing.close()
    next_one.close()
