"""The loop: full resyncs beside wakes."""

from windlass.control.changes import Change
from windlass.control.loop import ControlLoop, Reconciler
from windlass.kit.clock import ManualClock

WORKLOADS = 100
PERIOD_SECONDS = 15.0


class Looks:
    """A loop whose every look at a key takes some time."""

    def __init__(self, seconds_each: float) -> None:
        self.clock = ManualClock()
        self.taken: list[tuple[str, float]] = []
        self._seconds_each = seconds_each
        keys = [str(number) for number in range(WORKLOADS)]
        reconciler = Reconciler(self._look, lambda: keys)
        self.loop = ControlLoop({"workload": reconciler}, self.clock)

    def _look(self, key: str) -> None:
        self.taken.append((key, self.clock.monotonic()))
        self.clock.advance(self._seconds_each)

    def run(self, until: float) -> None:
        """One thread's work until then."""
        while self.clock.monotonic() < until:
            if not self.loop.run_due():
                self.clock.advance(0.001)


def test_a_resync_looks_at_every_key_within_its_time() -> None:
    looks = Looks(seconds_each=0.01)
    began = looks.clock.monotonic()
    looks.loop.resync(PERIOD_SECONDS)
    looks.run(until=began + PERIOD_SECONDS)
    assert sorted(key for key, _ in looks.taken) == sorted(str(each) for each in range(WORKLOADS))


def test_what_is_woken_amid_a_resync_does_not_wait_for_its_end() -> None:
    looks = Looks(seconds_each=0.01)
    looks.loop.resync(PERIOD_SECONDS)
    woken_at = looks.clock.monotonic()
    looks.loop.wake(Change("workload", "99"))
    looks.run(until=woken_at + 1)
    looked_at = dict(looks.taken)["99"]
    assert looked_at - woken_at < 0.05


def test_the_first_resync_looks_at_everything_at_once() -> None:
    looks = Looks(seconds_each=0.0)
    looks.loop.resync()
    for _ in range(WORKLOADS):
        assert looks.loop.run_due()
    assert len(looks.taken) == WORKLOADS
