"""The keyed queue: one run a key, merged wakes, delays and back-off."""

import threading

from windlass.control.queue import KeyedQueue
from windlass.kit.clock import ManualClock, SystemClock


def take_now(queue: KeyedQueue[str]) -> str | None:
    return queue.take(timeout_seconds=0)


def test_repeated_wakes_of_a_waiting_key_merge() -> None:
    queue: KeyedQueue[str] = KeyedQueue(ManualClock())
    for _ in range(3):
        queue.add("a")
    assert take_now(queue) == "a"
    queue.done("a")
    assert take_now(queue) is None


def test_a_key_never_runs_twice_at_once_and_runs_again_when_woken_meanwhile() -> None:
    queue: KeyedQueue[str] = KeyedQueue(ManualClock())
    queue.add("a")
    assert take_now(queue) == "a"
    queue.add("a")
    queue.add("b")
    assert take_now(queue) == "b"
    assert take_now(queue) is None
    queue.done("a")
    assert take_now(queue) == "a"


def test_a_delayed_key_comes_when_it_is_due_and_an_earlier_wake_wins() -> None:
    clock = ManualClock()
    queue: KeyedQueue[str] = KeyedQueue(clock)
    queue.add("a", 10)
    queue.add("b", 10)
    queue.add("b", 2)
    assert take_now(queue) is None
    clock.advance(2)
    assert take_now(queue) == "b"
    assert take_now(queue) is None
    clock.advance(8)
    assert take_now(queue) == "a"
    queue.done("b")
    assert take_now(queue) is None


def test_success_forgives_earlier_failures() -> None:
    clock = ManualClock()
    queue: KeyedQueue[str] = KeyedQueue(clock)
    queue.add("a")
    for _ in range(5):
        assert take_now(queue) == "a"
        queue.done("a", failed=True)
        clock.advance(30)
    assert take_now(queue) == "a"
    queue.done("a")
    queue.add("a")
    assert take_now(queue) == "a"
    queue.done("a", failed=True)
    clock.advance(0.11)
    assert take_now(queue) == "a"


def test_back_off_doubles_up_to_its_limit() -> None:
    clock = ManualClock()
    queue: KeyedQueue[str] = KeyedQueue(clock)
    queue.add("a")
    for seconds in (0.1, 0.2, 0.4, 0.8):
        assert take_now(queue) == "a"
        queue.done("a", failed=True)
        clock.advance(seconds - 0.01)
        assert take_now(queue) is None
        clock.advance(0.02)
    for _ in range(20):
        assert take_now(queue) == "a"
        queue.done("a", failed=True)
        clock.advance(30.1)
    assert take_now(queue) == "a"


def test_a_later_timer_is_not_lost_behind_a_running_key() -> None:
    clock = ManualClock()
    queue: KeyedQueue[str] = KeyedQueue(clock)
    queue.add("running")
    assert take_now(queue) == "running"
    queue.add("running")
    queue.add("timer", 1)
    assert take_now(queue) is None
    clock.advance(1)
    assert take_now(queue) == "timer"


def test_many_threads_run_every_key_and_none_twice_at_once() -> None:
    queue: KeyedQueue[int] = KeyedQueue(SystemClock())
    running: set[int] = set()
    overlaps: list[int] = []
    runs: list[int] = []
    lock = threading.Lock()

    def work() -> None:
        while (key := queue.take()) is not None:
            with lock:
                if key in running:
                    overlaps.append(key)
                running.add(key)
            with lock:
                running.discard(key)
                runs.append(key)
            queue.done(key)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(2000):
        queue.add(number % 20)
    while len(queue):
        pass
    queue.close()
    for thread in threads:
        thread.join()
    assert overlaps == []
    assert set(runs) == set(range(20))


def test_closing_ends_waiting_takers() -> None:
    queue: KeyedQueue[str] = KeyedQueue(SystemClock())
    taken: list[str | None] = []
    thread = threading.Thread(target=lambda: taken.append(queue.take()))
    thread.start()
    queue.close()
    thread.join(timeout=10)
    assert taken == [None]
