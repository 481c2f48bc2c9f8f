"""Not following a metric down before it has stayed down."""

from collections import deque


class DownscaleStabilization:
    """The most that was recommended within a window.

    It begins with the replicas that run, so that an autoscaler without history takes none away
    before a whole window has passed.

    Source: Kubernetes, `stabilizeRecommendation` in `pkg/controller/podautoscaler/horizontal.go`.
    """

    def __init__(self, running: int, at: float) -> None:
        self._recommendations: deque[tuple[float, int]] = deque([(at, running)])

    def apply(self, recommended: int, window_s: float, now: float) -> int:
        """The most among `recommended` and all recommendations of the last `window_s` seconds.

        Calls must not go back in time.
        """
        while self._recommendations and self._recommendations[0][0] < now - window_s:
            self._recommendations.popleft()
        while self._recommendations and self._recommendations[-1][1] <= recommended:
            self._recommendations.pop()
        self._recommendations.append((now, recommended))
        return self._recommendations[0][1]
