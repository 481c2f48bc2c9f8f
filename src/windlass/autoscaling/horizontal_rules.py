"""The rules of the horizontal pod autoscaler, one function each.

Source: Kubernetes, `pkg/controller/podautoscaler/replica_calculator.go` and `horizontal.go`, and
"Horizontal Pod Autoscaling" in its documentation; for an object without `behavior`, as Knative
Serving makes it (`pkg/reconciler/autoscaling/hpa/resources/hpa.go`).
"""

import math
from collections.abc import Sequence

SYNC_PERIOD_S = 15
"""How often the rule is applied, in seconds."""
DOWNSCALE_STABILIZATION_S = 300.0
TOLERANCE = 0.1

_LARGEST_COUNT = 2**31 - 1
_SCALE_UP_FACTOR = 2
_SCALE_UP_LEAST = 4


def is_within_tolerance(ratio: float, tolerance: float) -> bool:
    """Whether a metric is so near to its target that nothing changes; the edges are within."""
    return 1 - tolerance <= ratio <= 1 + tolerance


def replicas_by_ratio(
    running: int,
    told: Sequence[float],
    untold: int,
    starting: int,
    target: float,
    tolerance: float,
) -> int:
    """How many replicas bring the mean of a metric to `target`; `running` where it is near enough.

    `told` are the values of replicas that told theirs, at least one; `untold` counts running
    replicas that did not, `starting` those that do not run yet. The ones that did not tell are
    taken to be where they slow the change: at the target on the way down, at zero on the way up.
    Starting ones count on the way up alone, at zero. What this correction turns around, or brings
    within the tolerance, changes nothing.
    """
    ratio = math.fsum(told) / len(told) / target
    if untold == 0 and (starting == 0 or ratio <= 1):
        if is_within_tolerance(ratio, tolerance):
            return running
        return _replicas(ratio, len(told))
    counted = len(told) + untold + (starting if ratio > 1 else 0)
    assumed = target * untold if ratio < 1 else 0.0
    cautious = (math.fsum(told) + assumed) / counted / target
    if is_within_tolerance(cautious, tolerance) or (ratio < 1) != (cautious < 1):
        return running
    wanted = _replicas(cautious, counted)
    return max(wanted, running) if cautious > 1 else min(wanted, running)


def scale_up_limit(running: int) -> int:
    """The most that one step may make of `running` replicas: double, or four."""
    return max(_SCALE_UP_FACTOR * running, _SCALE_UP_LEAST)


def _replicas(ratio: float, counted: int) -> int:
    return max(0, math.ceil(min(ratio * counted, _LARGEST_COUNT)))
