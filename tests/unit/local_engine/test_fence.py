"""Only the newest lease may act."""

import threading
from pathlib import Path

import pytest

from windlass.engines.engine import StaleEpoch
from windlass.engines.local.fence import Fence


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "epoch"


def test_the_same_and_newer_epochs_pass(file: Path) -> None:
    for epoch in (1, 1, 2, 10, 10):
        with Fence(file).action(epoch):
            pass


def test_an_older_epoch_is_refused_by_every_fence_of_the_file(file: Path) -> None:
    with Fence(file).action(10):
        pass
    with pytest.raises(StaleEpoch, match="9 is older than 10"), Fence(file).action(9):
        pass


def test_actions_of_one_epoch_run_side_by_side(file: Path) -> None:
    with Fence(file).action(3), Fence(file).action(3):
        pass


def test_a_newer_epoch_waits_for_the_older_ones_action(file: Path) -> None:
    order: list[str] = []
    begun = threading.Event()

    def newer() -> None:
        begun.set()
        with Fence(file).action(4):
            order.append("newer")

    thread = threading.Thread(target=newer)
    with Fence(file).action(3):
        thread.start()
        assert begun.wait(10)
        order.append("older")
    thread.join(10)
    assert order == ["older", "newer"]


def test_many_racing_epochs_end_with_the_highest(file: Path) -> None:
    def act(epoch: int) -> None:
        try:
            with Fence(file).action(epoch):
                pass
        except StaleEpoch:
            return

    threads = [threading.Thread(target=act, args=(epoch,)) for epoch in range(1, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    with pytest.raises(StaleEpoch, match="older than 39"), Fence(file).action(38):
        pass
