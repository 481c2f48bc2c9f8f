"""When a replica that ended is started again, and when it is given up. Pure.

Before its first readiness a replica has `MAXIMUM_STARTS` starts; after it, starts have no end.
"""

from collections.abc import Sequence
from itertools import takewhile

from windlass.engines.engine import ExitReason
from windlass.workloads.records import Pod

MAXIMUM_STARTS = 8
LONGEST_BACK_OFF_SECONDS = 60.0
_FIRST_BACK_OFF_SECONDS = 1.0
# Having been ready this long, a replica that ends has not "crashed again".
_STABLE_SECONDS = 60.0
_NOT_ITS_OWN_FAULT = (ExitReason.STOPPED, ExitReason.LOST)


def ended_by_itself(pod: Pod) -> bool:
    """Whether a pod that ended did so on its own account, and not by our or the machine's doing."""
    return pod.exit is not None and pod.exit.reason not in _NOT_ITS_OWN_FAULT


def failed_starts(ended: Sequence[Pod]) -> int:
    """How many starts ended by themselves since one was last ready; newest first."""
    since = takewhile(lambda pod: pod.first_ready_at is None, ended)
    return sum(ended_by_itself(pod) for pod in since)


def back_off_seconds(ended: Sequence[Pod]) -> float:
    """How long to wait, after the latest end, before the next start; newest first."""
    if not ended or ended[0].exit is None or ended[0].exit.reason is ExitReason.STOPPED:
        return 0.0
    crashes = sum(1 for _ in takewhile(_is_crash, ended))
    if ended[0].exit.reason is ExitReason.LOST and crashes == 1:
        return 0.0
    return min(LONGEST_BACK_OFF_SECONDS, _FIRST_BACK_OFF_SECONDS * 2.0 ** max(0, crashes - 1))


def _is_crash(pod: Pod) -> bool:
    if pod.exit is None or pod.exit.reason is ExitReason.STOPPED:
        return False
    if pod.first_ready_at is None or pod.last_ready_at is None:
        return True
    return pod.last_ready_at - pod.first_ready_at < _STABLE_SECONDS
