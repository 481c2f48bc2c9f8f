"""For how long counters have stood still."""

from windlass.kit.clock import Clock


class Quiet:
    """Remembers what each counter was when it was last seen to have changed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[int, float]] = {}

    def seconds(self, name: str, count: int) -> float:
        """For how long this counter is known to have been the same."""
        now = self._clock.monotonic()
        known, since = self._known.get(name, (None, now))
        if known != count:
            self._known[name] = count, now
            return 0.0
        return now - since

    def forget(self, name: str) -> None:
        """It has not been quiet, or is not looked at any more."""
        self._known.pop(name, None)
