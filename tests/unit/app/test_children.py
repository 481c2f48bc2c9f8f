"""Processes forked from this one: who waits for news of them waits no longer than it takes."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from windlass.app.children import Child, News

LIMIT_SECONDS = 30.0


@pytest.fixture
def news() -> Iterator[News]:
    """While it lasts, signals are noticed as a control plane notices them."""
    former = signal.getsignal(signal.SIGCHLD)
    yield News()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, former)


def test_the_end_of_a_child_wakes_who_waits(news: News) -> None:
    readable, writable = os.pipe()

    def run(when_ready: Callable[[], None]) -> None:
        when_ready()
        os.read(readable, 1)

    child = Child("brief", run)
    child.keep()
    while not child.has_been_ready:
        news.wait([child], LIMIT_SECONDS)
        child.keep()
    assert child.runs
    os.write(writable, b"x")
    began = time.monotonic()
    while not child.has_ended():
        news.wait([child], LIMIT_SECONDS)
    assert time.monotonic() - began < LIMIT_SECONDS
    for descriptor in (readable, writable):
        os.close(descriptor)


def test_a_signal_wakes_who_waits(news: News) -> None:
    came: list[int] = []
    former = signal.signal(signal.SIGUSR1, lambda number, _frame: came.append(number))
    try:
        began = time.monotonic()
        os.kill(os.getpid(), signal.SIGUSR1)
        news.wait([], LIMIT_SECONDS)
        assert time.monotonic() - began < LIMIT_SECONDS
    finally:
        signal.signal(signal.SIGUSR1, former)
    assert came == [signal.SIGUSR1]
