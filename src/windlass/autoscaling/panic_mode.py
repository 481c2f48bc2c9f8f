"""Growing at once when traffic jumps, and not shrinking until the jump is past."""


class PanicMode:
    """While it lasts, the number of replicas only grows.

    It lasts until a whole stable window has passed since the threshold was last exceeded.
    An autoscaler that starts beside several ready replicas starts in it: it has no history yet,
    and must not take away what another one built up.

    Source: Knative Serving, `pkg/autoscaler/scaling/autoscaler.go` (v0.50).
    """

    def __init__(self, ready: int, at: float) -> None:
        self._last_exceeded_at = at if ready > 1 else None
        self._most = ready

    @property
    def is_on(self) -> bool:
        """Whether it lasts."""
        return self._last_exceeded_at is not None

    def observe(self, exceeded: bool, stable_window_s: float, now: float) -> None:
        """Begin, go on or end, by whether the threshold is exceeded `now`."""
        if exceeded:
            self._last_exceeded_at = now
        elif self._last_exceeded_at is not None and self._last_exceeded_at + stable_window_s < now:
            self._last_exceeded_at = None
            self._most = 0

    def hold(self, stable: int, panic: int) -> int:
        """How many replicas, given what both windows ask for."""
        if not self.is_on:
            return stable
        self._most = max(self._most, stable, panic)
        return self._most
